//! llama.cpp with nothing around it: as many sentences as the worker writes at
//! once, begun together, and the next ones only when the last of them has ended.

use std::{path::Path, time::Instant};

use ai_worker::captioning::{
    LlamaSetting,
    llama::{
        library::{Batch, Context, ContextLimits, Library, Model, Sampler, Token},
        prompt,
    },
};
use anyhow::{Context as _, Error};

const TOKENS: usize = 4_096;
const INSTRUCTION: i32 = 0;

const WARM: usize = 3;
const STEPS: usize = 20;

/// Tokens of sentences a second.
pub fn tokens_per_s(
    library: &'static Library,
    weights: &Path,
    setting: &LlamaSetting,
    max_tokens: usize,
    sets: &[Vec<String>],
) -> anyhow::Result<f64> {
    let model = Model::load(library, weights, None).map_err(Error::msg)?;
    let mut context = open(&model, setting)?;
    let mut batch = Batch::default();
    let instruction = prompt::instruction(&model);
    for (position, token) in instruction.iter().enumerate() {
        batch.add(*token, position, INSTRUCTION, false);
    }
    context.decode(&mut batch).map_err(Error::msg)?;
    let mut sampler = Sampler::greedy(library).map_err(Error::msg)?;
    let started = Instant::now();
    let mut written = 0;
    for together in sets.chunks(setting.width) {
        let prompts = together
            .iter()
            .map(|set| prompt::photo(&model, set))
            .collect();
        written += write(
            &model,
            &mut context,
            &mut sampler,
            instruction.len(),
            prompts,
            max_tokens,
        )?;
    }
    Ok(written as f64 / started.elapsed().as_secs_f64())
}

/// Milliseconds of one run of the model over a token of each of `width` sentences, which is what a step writes.
pub fn step_ms(
    library: &'static Library,
    weights: &Path,
    setting: &LlamaSetting,
) -> anyhow::Result<f64> {
    let model = Model::load(library, weights, None).map_err(Error::msg)?;
    let mut context = open(&model, setting)?;
    let mut batch = Batch::default();
    let token = *prompt::instruction(&model)
        .first()
        .context("the instruction is not empty")?;
    let mut sampler = Sampler::greedy(library).map_err(Error::msg)?;
    let mut started = Instant::now();
    for step in 0..STEPS + WARM {
        if step == WARM {
            started = Instant::now();
        }
        batch.clear();
        for sequence in 1..=setting.width {
            batch.add(token, step, sequence as i32, true);
        }
        context.decode(&mut batch).map_err(Error::msg)?;
        // Asked for, so that the run is over.
        std::hint::black_box(context.sample(&mut sampler, 0));
    }
    Ok(started.elapsed().as_secs_f64() * 1e3 / STEPS as f64)
}

fn open<'a>(model: &'a Model, setting: &LlamaSetting) -> anyhow::Result<Context<'a>> {
    let limits = ContextLimits {
        tokens: TOKENS,
        sequences: setting.width + 1,
        threads: setting.threads,
    };
    Context::new(model, limits).map_err(Error::msg)
}

/// Answers how many tokens came.
fn write(
    model: &Model,
    context: &mut Context,
    sampler: &mut Sampler,
    read: usize,
    mut unread: Vec<Vec<Token>>,
    max_tokens: usize,
) -> anyhow::Result<usize> {
    let mut batch = Batch::default();
    let mut at = vec![read; unread.len()];
    let mut written = 0;
    for sequence in 1..=unread.len() {
        context.copy_sequence(INSTRUCTION, sequence as i32);
    }
    for _ in 0..max_tokens {
        batch.clear();
        let mut rows = Vec::new();
        for (n, tokens) in unread
            .iter_mut()
            .enumerate()
            .filter(|(_, tokens)| !tokens.is_empty())
        {
            let last = tokens.len() - 1;
            let mut row = 0;
            for (offset, token) in tokens.drain(..).enumerate() {
                row = batch.add(token, at[n] + offset, n as i32 + 1, offset == last);
            }
            at[n] += last + 1;
            rows.push((n, row));
        }
        if rows.is_empty() {
            break;
        }
        context.decode(&mut batch).map_err(Error::msg)?;
        for (n, row) in rows {
            let token = context.sample(sampler, row);
            written += 1;
            if !model.is_end(token) {
                unread[n].push(token);
            }
        }
    }
    for sequence in 1..=at.len() {
        context.remove_sequence(sequence as i32);
    }
    Ok(written)
}
