//! Hosts whose clocks are wrong.

use std::{path::Path, process::Command};

use crate::{
    account::Account,
    batch::Batch,
    brokers::shared,
    client::{recovers, tag_many},
    fleet::Fleet,
};

const OFF_S: i64 = 300;
/// The clock on the wall of a process, off by as many seconds as its environment says.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    const char *off = getenv("CLOCK_OFF_S");
    if (!failed && clock == CLOCK_REALTIME && off) now->tv_sec += atol(off);
    return failed;
}
"#;

/// One worker lives in the future, one in the past, and so does the migrator. Nothing expires.
#[tokio::test(flavor = "multi_thread")]
async fn clock_off_by_five_minutes() {
    let fleet = Fleet::at(&shared().await.url()).await;
    let shim = build(fleet.folder.path());
    let off = |seconds: i64| {
        [
            ("LD_PRELOAD", shim.clone()),
            ("CLOCK_OFF_S", seconds.to_string()),
        ]
    };
    let early = off(-OFF_S);
    let late = off(OFF_S);
    let (past, future) = tokio::join!(fleet.worker("past", &early), fleet.worker("future", &late));
    let api = fleet.api(&[]).await;
    let _migrator = fleet.migrator(&late).await;
    let batch = Batch::submit(&api.base(), &fleet.album.list_of("good", 60)).await;
    let seen = tag_many(&api.base(), 100, 8, 5_000).await;
    let bulk = batch.account(&api.base()).await;
    for worker in [&past, &future] {
        assert!(worker.jobs_done().await > Some(0), "each has done some");
    }
    let seconds = timestamps(&past.logged()).abs_diff(timestamps(&future.logged()));
    assert!(seconds > OFF_S as u64, "the clocks are off");
    let account = Account::of(&seen).and(bulk).saw_only(&["ok"]);
    account.close("clock_off_by_five_minutes", 3, recovers(&api.base()).await);
    fleet.leaves_nothing(0).await;
}

/// The minutes of the first line of a log, in seconds.
fn timestamps(log: &str) -> u64 {
    let line = log.lines().next().expect("it has logged something");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let time = line["timestamp"].as_str().expect("a time");
    let time = humantime::parse_rfc3339(time).expect("a time");
    let since = time.duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

fn build(folder: &Path) -> String {
    let source = folder.join("clock.c");
    let library = folder.join("clock.so");
    std::fs::write(&source, SHIM).expect("the folder can be written");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .status();
    assert!(compiled.expect("a C compiler").success());
    library.display().to_string()
}
