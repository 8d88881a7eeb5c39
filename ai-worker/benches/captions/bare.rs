//! llama.cpp with nothing around it: as many sentences as the worker writes at
//! once, begun together, and the next ones only when the last of them has ended.

use std::{num::NonZeroU32, path::Path, time::Instant};

use ai_worker::caption::{Setting, llama::prompt};
use anyhow::Context as _;
use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::{LlamaModel, params::LlamaModelParams},
    sampling::LlamaSampler,
    token::LlamaToken,
};

const TOKENS: u32 = 4_096;
const INSTRUCTION: i32 = 0;

const WARM: usize = 3;
const STEPS: usize = 20;

/// Tokens of sentences a second.
pub fn tokens_per_s(
    backend: &LlamaBackend,
    weights: &Path,
    setting: Setting,
    max_tokens: usize,
    sets: &[Vec<String>],
) -> anyhow::Result<f64> {
    let model = LlamaModel::load_from_file(backend, weights, &LlamaModelParams::default())?;
    let mut context = open(backend, &model, setting)?;
    let mut batch = LlamaBatch::new(TOKENS as usize, 1);
    let instruction = prompt::instruction(&model);
    for (position, token) in instruction.iter().enumerate() {
        batch.add(*token, i32::try_from(position)?, &[INSTRUCTION], false)?;
    }
    context.decode(&mut batch)?;
    let (started, mut written) = (Instant::now(), 0);
    for together in sets.chunks(setting.width) {
        let prompts: Vec<_> = together.iter().map(|set| prompt::photo(&model, set)).collect();
        written += write(&model, &mut context, &mut batch, instruction.len(), prompts, max_tokens)?;
    }
    Ok(written as f64 / started.elapsed().as_secs_f64())
}

/// Milliseconds of one run of the model over a token of each of `width` sentences, which is what a step writes.
pub fn step_ms(backend: &LlamaBackend, weights: &Path, setting: Setting) -> anyhow::Result<f64> {
    let model = LlamaModel::load_from_file(backend, weights, &LlamaModelParams::default())?;
    let mut context = open(backend, &model, setting)?;
    let mut batch = LlamaBatch::new(TOKENS as usize, 1);
    let token = *prompt::instruction(&model).first().context("the instruction is not empty")?;
    let mut started = Instant::now();
    for step in 0..STEPS + WARM {
        if step == WARM {
            started = Instant::now();
        }
        batch.clear();
        for sequence in 1..=setting.width {
            batch.add(token, i32::try_from(step)?, &[sequence as i32], true)?;
        }
        context.decode(&mut batch)?;
        // Asked for, so that the run is over.
        std::hint::black_box(context.get_logits_ith(0));
    }
    Ok(started.elapsed().as_secs_f64() * 1e3 / STEPS as f64)
}

fn open<'a>(backend: &LlamaBackend, model: &'a LlamaModel, setting: Setting) -> anyhow::Result<LlamaContext<'a>> {
    let threads = i32::try_from(setting.threads)?;
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(TOKENS))
        .with_n_batch(TOKENS)
        .with_n_seq_max(u32::try_from(setting.width + 1)?)
        .with_kv_unified(true)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    Ok(model.new_context(backend, params)?)
}

/// Answers how many tokens came.
fn write(
    model: &LlamaModel,
    context: &mut LlamaContext,
    batch: &mut LlamaBatch,
    read: usize,
    mut unread: Vec<Vec<LlamaToken>>,
    max_tokens: usize,
) -> anyhow::Result<usize> {
    let mut sampler = LlamaSampler::greedy();
    let (mut at, mut written) = (vec![read; unread.len()], 0);
    for sequence in 1..=unread.len() {
        context.kv_cache_seq_cp(INSTRUCTION, sequence as i32, None, None)?;
    }
    for _ in 0..max_tokens {
        batch.clear();
        let mut rows = Vec::new();
        for (n, tokens) in unread.iter_mut().enumerate().filter(|(_, tokens)| !tokens.is_empty()) {
            let last = tokens.len() - 1;
            for (offset, token) in tokens.drain(..).enumerate() {
                batch.add(token, (at[n] + offset) as i32, &[n as i32 + 1], offset == last)?;
            }
            at[n] += last + 1;
            rows.push((n, batch.n_tokens() - 1));
        }
        if rows.is_empty() {
            break;
        }
        context.decode(batch)?;
        for (n, row) in rows {
            let token = sampler.sample(context, row);
            written += 1;
            if !model.vocab().is_eog(token) {
                unread[n].push(token);
            }
        }
    }
    for sequence in 1..=at.len() {
        context.kv_cache_seq_rm(sequence as i32, None, None).context("the sequence ends")?;
    }
    Ok(written)
}
