//! Every entry of the table of abuse as a case of its own, over real HTTP
//! against one server process that must outlive them all, no larger than
//! before. `cargo test --release -p api-server --test abuse`, with `--list` or
//! a part of a name if you like.
#![allow(clippy::unwrap_used)]

mod api_itself;
mod batches;
mod golden;
mod image_faults;
mod invalid_url;
mod long_lists;
mod origin_faults;
mod suite;
#[path = "../support/mod.rs"]
mod support;
mod unreachable;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> anyhow::Result<ExitCode> {
    if support::role::played()? {
        return Ok(ExitCode::SUCCESS);
    }
    // One after the other: what a case may do to the server shall be seen in that case.
    let arguments = Arguments {
        test_threads: Some(1),
        ..Arguments::from_args()
    };
    if arguments.list {
        return Ok(libtest_mimic::run(&arguments, cases()).exit_code());
    }
    let world = world::enter();
    println!("{world}");
    let suite = suite::start(world);
    let conclusion = libtest_mimic::run(&arguments, cases());
    suite.finish();
    let passed = conclusion.num_passed;
    let all = conclusion.num_passed + conclusion.num_failed;
    println!("{all} cases, {passed} passed. {world}");
    Ok(conclusion.exit_code())
}

fn cases() -> Vec<Trial> {
    let groups = [
        invalid_url::cases(),
        unreachable::cases(),
        origin_faults::cases(),
        image_faults::cases(),
        golden::cases(),
        api_itself::cases(),
        batches::cases(),
        long_lists::cases(),
    ];
    groups.into_iter().flatten().collect()
}
