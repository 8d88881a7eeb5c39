use std::time::Duration;

use clap::Parser;

use super::{values::cores, *};

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    worker: WorkerConfig,
}

fn parse(arguments: &[&str]) -> Result<WorkerConfig, clap::Error> {
    Command::try_parse_from(["worker"].iter().chain(arguments)).map(|command| command.worker)
}

#[test]
fn the_device_decides_what_was_left_open() {
    let cpu = parse(&["--captioner", "off"]).expect("valid");
    assert_eq!(
        (cpu.max_batch(), cpu.engine_threads(), cpu.rules().max_wait),
        (4, cores(), None)
    );
    assert_eq!(usize::from(cpu.prefetch().get()), 2 * 4 * cores());
    assert!(cpu.onnxruntime().ends_with("onnxruntime/libonnxruntime.so"));
    let gpu = parse(&["--captioner", "off", "--device", "cuda:1"]).expect("valid");
    assert_eq!(
        (gpu.max_batch(), gpu.engine_threads(), gpu.prefetch().get()),
        (32, 3, 192)
    );
    assert!(
        gpu.onnxruntime()
            .ends_with("onnxruntime-gpu/libonnxruntime.so")
    );
    let told = parse(&[
        "--device",
        "cuda",
        "--max-batch",
        "16",
        "--engine-threads",
        "1",
    ])
    .expect("valid");
    assert_eq!((told.max_batch(), told.engine_threads()), (16, 1));
}

#[test]
fn roles_decide_how_much_is_in_hand() {
    let in_hand = |roles: &str| {
        let config = parse(&[
            "--roles",
            roles,
            "--engine-threads",
            "1",
            "--caption-width",
            "8",
            "--caption-queue",
            "16",
        ]);
        config.map(|config| (config.mode(), config.prefetch().get()))
    };
    assert_eq!(
        in_hand("tag,caption").expect("valid"),
        (WorkerMode::Both, 8 + 24)
    );
    assert_eq!(in_hand("caption,tag").expect("valid").0, WorkerMode::Both);
    assert_eq!(in_hand("tag").expect("valid"), (WorkerMode::Tags, 8));
    assert_eq!(
        in_hand("caption").expect("valid"),
        (WorkerMode::Captions, 24)
    );
    assert_eq!(parse(&[]).expect("valid").mode(), WorkerMode::Both);
    assert!(in_hand("").is_err() && in_hand("migrate").is_err());
}

#[test]
fn whoever_writes_by_a_rule_has_captions_in_hand_too() {
    let arguments = [
        "--roles",
        "caption",
        "--captioner",
        "template",
        "--caption-width",
        "8",
        "--caption-queue",
        "16",
    ];
    let in_hand = |more: &[&str]| {
        parse(&[&arguments[..], more].concat())
            .map(|config| config.prefetch().get())
            .ok()
    };
    assert_eq!(in_hand(&[]), Some(1));
    assert_eq!(
        in_hand(&["--caption-route", "en=llama,bulk=template"]),
        Some(24)
    );
    let servers = [
        "--openai-url",
        "http://one/v1,http://two/v1",
        "--openai-concurrency",
        "4",
    ];
    assert_eq!(
        in_hand(
            &[
                &["--caption-route", "realtime=llama,bulk=openai"][..],
                &servers
            ]
            .concat()
        ),
        Some(24 + 8)
    );
    assert_eq!(in_hand(&["--caption-route", "ko=llama"]), None);
}

#[test]
fn settings_are_read_as_the_help_says() {
    let config = parse(&[
        "--model",
        "one,two",
        "--max-batch-wait-ms",
        "7",
        "--model-poll-ms",
        "0",
    ])
    .expect("valid");
    assert_eq!(config.models, ["one", "two"]);
    assert_eq!(config.rules().max_wait, Some(Duration::from_millis(7)));
    assert_eq!(config.reload.model_poll(), None);
    for wrong in [
        ["--device", "gpu"],
        ["--max-batch-wait-ms", "soon"],
        ["--canary-share", "1.5"],
        ["--reload-min-agreement", "NaN"],
    ] {
        assert!(parse(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn every_setting_stands_below_its_heading() {
    let help = <Command as clap::CommandFactory>::command()
        .render_long_help()
        .to_string();
    let at = |words: &str| {
        help.find(words)
            .unwrap_or_else(|| panic!("no {words} in {help}"))
    };
    assert!(help.starts_with("Usage"), "{help}");
    assert!(
        at("Worker:") < at("--device") && at("--caption-queue") < at("New versions of models:")
    );
    assert!(at("New versions of models:") < at("--model-poll-ms"));
}

fn refused(arguments: &[&str]) -> ConfigError {
    let config = parse(arguments).expect("clap reads it");
    config.validate().expect_err("it cannot be used")
}

#[test]
fn a_zero_is_refused_and_never_taken_for_a_one() {
    for option in [
        "--engine-threads",
        "--max-batch",
        "--caption-threads",
        "--caption-width",
        "--caption-queue",
        "--caption-cache-ttl-s",
        "--caption-timeout-ms",
        "--engine-timeout-ms",
        "--openai-concurrency",
    ] {
        let error = refused(&[option, "0"]);
        assert_eq!(error.option, option);
        let config = parse(&[option, "1"]).expect("clap reads it");
        assert_eq!(config.validate(), Ok(()), "{option}");
    }
    assert_eq!(parse(&[]).expect("valid").validate(), Ok(()));
}

#[test]
fn a_zero_that_means_never_is_fine() {
    let config = parse(&[
        "--caption-cache",
        "0",
        "--max-batch-wait-ms",
        "0",
        "--model-poll-ms",
        "0",
        "--reload-compare-jobs",
        "0",
        "--canary-jobs",
        "0",
    ]);
    assert_eq!(config.expect("valid").validate(), Ok(()));
}

#[test]
fn a_worker_has_a_name_that_keys_may_hold() {
    assert_eq!(refused(&["--worker-name", "a:b"]).option, "--worker-name");
    let named = parse(&["--worker-name", "gpu-1"]).expect("valid");
    assert_eq!(named.validate(), Ok(()));
    assert_eq!(named.worker_name(), "gpu-1");
}
