//! The metrics that a worker emits. Every name stands here with its description.

use common::{
    fault::Code,
    queue::{JobQueue, Priority},
    telemetry,
    wire::CaptionStatus,
};
use metrics::{Counter, Unit, describe_counter, describe_gauge, describe_histogram};

const WORKER_INFO: &str = "tagfleet_worker_info";
const JOBS: &str = "tagfleet_jobs_total";
const FORWARDED: &str = "tagfleet_jobs_forwarded_total";
const DEAD_LETTERS: &str = "tagfleet_dead_letters_total";
pub const BATCH_SIZE: &str = "tagfleet_batch_size";
pub const AUXILIARY_RUNS: &str = "tagfleet_auxiliary_runs_total";
pub const AUXILIARY_FAILURES: &str = "tagfleet_auxiliary_failures_total";
pub const AUXILIARY_SKIPPED: &str = "tagfleet_auxiliary_skipped_total";
pub const BATCH_FILL: &str = "tagfleet_batch_fill";
pub const INFER_SECONDS: &str = "tagfleet_infer_seconds";
pub const ENGINE_IDLE_SECONDS: &str = "tagfleet_engine_idle_seconds";
pub const OUT_OF_MEMORY: &str = "tagfleet_out_of_memory_total";
pub const MODEL_RELOADS: &str = "tagfleet_model_reloads_total";
const CAPTIONS: &str = "tagfleet_captions_total";
pub const CAPTION_BATCH_SIZE: &str = "tagfleet_caption_batch_size";
pub const CAPTION_STEP_SECONDS: &str = "tagfleet_caption_step_seconds";
pub const CAPTION_TOKENS: &str = "tagfleet_caption_tokens_total";
pub const CAPTION_KV_TOKENS: &str = "tagfleet_caption_kv_tokens";
pub const CAPTION_KV_CAPACITY_TOKENS: &str = "tagfleet_caption_kv_capacity_tokens";
pub const CAPTION_CACHE: &str = "tagfleet_caption_cache_total";
pub const CAPTION_SERVER_ANSWERS: &str = "tagfleet_caption_server_answers_total";
pub const CAPTION_SERVER_EJECTIONS: &str = "tagfleet_caption_server_ejections_total";
pub const CAPTION_REFUSED: &str = "tagfleet_caption_refused_total";

/// Describes every metric of this crate to the process's recorder.
pub fn describe() {
    describe_jobs();
    describe_engine();
    describe_captions();
    describe_caption_servers();
}

fn describe_jobs() {
    describe_gauge!(
        WORKER_INFO,
        "1, with the name of this worker, what its models run on, and who writes its captions"
    );
    describe_counter!(
        AUXILIARY_RUNS,
        "Looks that models beside the tagger were asked for"
    );
    describe_counter!(
        AUXILIARY_FAILURES,
        "Looks of models beside the tagger that failed or came late"
    );
    describe_counter!(
        AUXILIARY_SKIPPED,
        "Pictures that a model beside the tagger was not shown, since its gate is for others"
    );
    describe_counter!(
        JOBS,
        "Jobs ended by this worker, by queue, priority and code; `lane` is their old label"
    );
    describe_counter!(
        FORWARDED,
        "Jobs of models that this worker does not serve, sent on to those that do"
    );
    describe_counter!(DEAD_LETTERS, "Jobs given up after too many attempts");
    telemetry::begin_at_zero(&[DEAD_LETTERS]);
    describe_counter!(
        MODEL_RELOADS,
        "New versions of models that were found, by what became of them"
    );
    for outcome in ["not_loaded", "refused", "rolled_back"] {
        metrics::counter!(MODEL_RELOADS, "outcome" => outcome).increment(0);
    }
}

fn describe_engine() {
    describe_histogram!(
        BATCH_SIZE,
        "Images in one run of the model, by why the batch closed"
    );
    describe_histogram!(
        BATCH_FILL,
        "Images in one run of the model over the most that it may hold"
    );
    describe_histogram!(
        INFER_SECONDS,
        Unit::Seconds,
        "One run of the model, by its images, rounded up to a power of 2"
    );
    describe_histogram!(
        ENGINE_IDLE_SECONDS,
        Unit::Seconds,
        "How long an engine thread waited for its next batch"
    );
    describe_counter!(
        OUT_OF_MEMORY,
        "Batches that were halved because the engine ran out of memory"
    );
    telemetry::begin_at_zero(&[OUT_OF_MEMORY]);
}

fn describe_captions() {
    describe_counter!(CAPTIONS, "Captions, by status");
    describe_histogram!(
        CAPTION_BATCH_SIZE,
        "Sentences that the language model wrote at once, a step"
    );
    describe_histogram!(
        CAPTION_STEP_SECONDS,
        Unit::Seconds,
        "One run of the language model"
    );
    describe_counter!(
        CAPTION_TOKENS,
        "Tokens of prompts read, of sentences written, and of prompts shared"
    );
    describe_gauge!(CAPTION_KV_TOKENS, "Tokens in the language model's memory");
    describe_gauge!(
        CAPTION_KV_CAPACITY_TOKENS,
        "Tokens for which the language model's memory has room"
    );
    describe_counter!(
        CAPTION_CACHE,
        "Captions asked for, by where a remembered one was found"
    );
    describe_counter!(
        CAPTION_REFUSED,
        "Sentences of the language model that the guard refused, by rule"
    );
}

fn describe_caption_servers() {
    describe_counter!(
        CAPTION_SERVER_ANSWERS,
        "Answers of caption servers, by outcome"
    );
    describe_counter!(
        CAPTION_SERVER_EJECTIONS,
        "Times that a caption server was taken out because it kept failing"
    );
    telemetry::begin_at_zero(&[CAPTION_SERVER_EJECTIONS]);
}

/// Says what this worker is, and begins its counters of models and of jobs at zero.
pub fn show_worker(worker: &str, device: &str, captioner: &str, models: &[&str]) {
    metrics::gauge!(
        WORKER_INFO,
        "worker" => worker.to_owned(),
        "device" => device.to_owned(),
        "captioner" => captioner.to_owned(),
    )
    .set(1.0);
    for model in models {
        for name in [AUXILIARY_RUNS, AUXILIARY_FAILURES] {
            metrics::counter!(name, "model" => (*model).to_owned()).increment(0);
        }
    }
    let begun = [
        "ok",
        Code::DeadlineExceeded.name(),
        Code::InferenceFailed.name(),
    ];
    for queue in JobQueue::ALL {
        for priority in Priority::ALL {
            for code in begun {
                jobs(queue, priority, code).increment(0);
            }
        }
    }
}

/// Counts a job that has ended.
pub fn count_job(queue: JobQueue, priority: Priority, code: &'static str) {
    jobs(queue, priority, code).increment(1);
}

fn jobs(queue: JobQueue, priority: Priority, code: &'static str) -> Counter {
    metrics::counter!(
        JOBS,
        "queue" => queue.name(),
        "priority" => priority.name(),
        // The label that told both in one word goes with the next version.
        "lane" => queue.at_broker(priority),
        "code" => code,
    )
}

/// Counts a job that was sent on to the queue of its model.
pub fn count_forwarded(priority: Priority) {
    metrics::counter!(FORWARDED, "priority" => priority.name()).increment(1);
}

/// Counts a job that was given up.
pub fn count_dead_letter() {
    metrics::counter!(DEAD_LETTERS).increment(1);
}

/// Counts a caption that somebody will read.
pub fn count_caption(status: CaptionStatus) {
    metrics::counter!(CAPTIONS, "status" => status.name()).increment(1);
}

#[cfg(test)]
mod tests;
