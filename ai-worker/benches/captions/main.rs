//! Captions a second: several at once against one at a time and against a bare
//! loop over llama.cpp, and remembered ones against written ones. All in one
//! run. What was said goes to `target/bench/captions.ndjson`, where
//! `check.py` reads it. `BENCH_CAPTIONS` changes how many are asked for, and
//! `BENCH_CAPTION_THREADS` how many threads write.

mod bare;
mod mix;
mod samples;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use ai_worker::captioning::{
    CacheSetting, CaptionRequest, Captioner, LlamaSetting, guard::Labels, llama::library::Library,
    subjects,
};
use clap::Parser;
use common::{
    bus::{Bus, BusConfig},
    model::{Manifest, default_folder},
    queue::Priority,
    wire::{Caption, CaptionStatus, Language, Tag},
};
use futures_util::{StreamExt, stream};
use mix::{Mix, SETS};
use samples::SAMPLES;
use testing::bench::report;

/// Captions written for each figure of speed: twice as many batches as there are places.
const TIMED: usize = 48;
const WIDTH: usize = 8;
const ASKED: CaptionRequest = CaptionRequest {
    priority: Priority::Realtime,
    language: Language::En,
    shed: false,
};
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    bus: BusConfig,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = setting("BENCH_CAPTIONS").unwrap_or(600).max(SAMPLES.len());
    let manifest = Manifest::read(&default_folder().join("smollm2-135m-instruct"))?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = setting("BENCH_CAPTION_THREADS").unwrap_or_else(cores);
    let library = default_folder().join("llama-cpp");
    let wide = LlamaSetting {
        library,
        threads,
        width: WIDTH,
        queue: 1_000,
        gpu: None,
    };
    let mut mix = Mix::load()?;
    // From the rare end, so that nothing of it is remembered later.
    let timed: Vec<usize> = (SETS - TIMED..SETS).collect();

    let steps = steps(&manifest, &wide)?;
    let bare_tokens_per_s = bare(&manifest, &wide, &mix, &timed)?;
    let one = Captioner::llama(
        &manifest,
        LlamaSetting {
            width: 1,
            ..wide.clone()
        },
    )?;
    let one_per_s = rate(&one, &mix, &timed, 1).await.captions_per_s;
    drop(one);
    let many = Captioner::llama(&manifest, wide.clone())?;
    let many = rate(&many, &mix, &timed, WIDTH).await;

    let bus = Bus::connect(&Config::parse_from(["bench"]).bus).await?;
    let cache = CacheSetting {
        kept: 100_000,
        ttl: PATIENCE,
        near: false,
    };
    let captioner = Captioner::llama(&manifest, wide)?
        .cached(cache, bus)
        .knowing(Labels::new(mix.taxonomy.entry_names()));
    let drawn = mix.ask(asked);
    let said = ask(&captioner, &mix, &drawn, WIDTH).await;
    write_down(&mix, &said)?;
    let again = Instant::now();
    ask(&captioner, &mix, &drawn, 1).await;
    let cached_per_s = asked as f64 / again.elapsed().as_secs_f64();
    let of = |status| {
        said.iter()
            .filter(|(_, caption)| caption.status == status)
            .count() as f64
    };
    let written = of(CaptionStatus::Llm);
    let refused = of(CaptionStatus::Template);
    report(
        "captions",
        &[
            ("batch_gain", many.captions_per_s / one_per_s),
            ("cache_gain", cached_per_s / many.captions_per_s),
            ("hit_rate", of(CaptionStatus::Cached) / asked as f64),
            ("tokens_per_s", many.tokens_per_s),
            ("over_bare", many.tokens_per_s / bare_tokens_per_s),
            ("guard_pass", written / (written + refused)),
            ("template_share", refused / asked as f64),
            ("captions_per_s", many.captions_per_s),
            ("one_per_s", one_per_s),
            ("cached_per_s", cached_per_s),
            ("bare_tokens_per_s", bare_tokens_per_s),
            // What eight at once could gain at the most, if sentences were nothing but steps.
            (
                "step_gain",
                WIDTH as f64 * steps[0] / steps[steps.len() - 1],
            ),
            ("step_1_ms", steps[0]),
            ("step_8_ms", steps[steps.len() - 1]),
            ("read_per_written", tokens("read") / tokens("written")),
            ("asked", asked as f64),
            ("width", WIDTH as f64),
            ("threads", threads as f64),
        ],
    )?;
    Ok(())
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

fn names(set: &[Tag]) -> Vec<String> {
    subjects(set).iter().map(|tag| tag.name.clone()).collect()
}

/// Milliseconds of a step, by how many sentences it writes; on the screen with what that gains.
fn steps(manifest: &Manifest, setting: &LlamaSetting) -> anyhow::Result<Vec<f64>> {
    let weights =
        manifest.verified_path(manifest.require(&manifest.files.weights, "files.weights")?)?;
    let library = Library::open(&setting.library).map_err(anyhow::Error::msg)?;
    let mut steps = Vec::new();
    for width in [1, 2, 4, WIDTH] {
        let ms = bare::step_ms(
            library,
            &weights,
            &LlamaSetting {
                width,
                ..setting.clone()
            },
        )?;
        println!(
            "a step of {width}: {ms:.2} ms, {:.2} ms a sentence",
            ms / width as f64
        );
        steps.push(ms);
    }
    Ok(steps)
}

fn bare(
    manifest: &Manifest,
    setting: &LlamaSetting,
    mix: &Mix,
    timed: &[usize],
) -> anyhow::Result<f64> {
    let weights =
        manifest.verified_path(manifest.require(&manifest.files.weights, "files.weights")?)?;
    let limits = manifest.require(&manifest.llm, "[llm]")?;
    let sets: Vec<_> = timed.iter().map(|n| names(mix.set(*n))).collect();
    let library = Library::open(&setting.library).map_err(anyhow::Error::msg)?;
    bare::tokens_per_s(
        library,
        &weights,
        setting,
        limits.max_tokens as usize,
        &sets,
    )
}

struct Rate {
    captions_per_s: f64,
    tokens_per_s: f64,
}

/// Measures the model alone: the first sentence for each set, whatever the guard says of it.
async fn rate(captioner: &Captioner, mix: &Mix, timed: &[usize], at_once: usize) -> Rate {
    let started = Instant::now();
    let before = tokens("written");
    ask(captioner, mix, timed, at_once).await;
    let took_s = started.elapsed().as_secs_f64();
    Rate {
        captions_per_s: timed.len() as f64 / took_s,
        tokens_per_s: (tokens("written") - before) / took_s,
    }
}

/// Tokens of sentences (`written`) or prompts (`read`) so far in this process.
fn tokens(kind: &str) -> f64 {
    let metrics = common::telemetry::metrics().render();
    let counter = format!("tagfleet_caption_tokens_total{{kind=\"{kind}\"}}");
    let line = metrics.lines().find(|line| line.starts_with(&counter));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

async fn ask(
    captioner: &Captioner,
    mix: &Mix,
    sets: &[usize],
    at_once: usize,
) -> Vec<(usize, Caption)> {
    let one = async |(at, n): (usize, usize)| {
        let deadline = Instant::now() + PATIENCE;
        (
            at,
            (
                n,
                captioner
                    .caption(true, mix.set(n), ASKED, deadline)
                    .await
                    .caption,
            ),
        )
    };
    // `buffered` would keep the place of one that has ended until all before it have.
    let asks = stream::iter(sets.iter().copied().enumerate())
        .map(one)
        .buffer_unordered(at_once);
    let mut said: Vec<_> = asks.collect().await;
    said.sort_by_key(|(at, _)| *at);
    said.into_iter().map(|(_, said)| said).collect()
}

/// All of it, and twenty of them on the screen.
fn write_down(mix: &Mix, said: &[(usize, Caption)]) -> anyhow::Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder)?;
    let line = |(n, caption): &(usize, Caption)| {
        serde_json::json!({ "tags": mix.set(*n), "text": caption.text, "status": caption.status.name() }).to_string()
    };
    let lines: Vec<_> = said.iter().map(line).collect();
    fs::write(folder.join("captions.ndjson"), lines.join("\n") + "\n")?;
    for (n, caption) in said.iter().step_by((said.len() / 20).max(1)) {
        println!(
            "{:10} {:48} {}",
            caption.status.name(),
            names(mix.set(*n)).join(", "),
            caption.text.as_deref().unwrap_or("-")
        );
    }
    Ok(())
}
