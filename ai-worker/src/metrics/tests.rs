use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use common::telemetry;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, with_local_recorder,
};

use super::*;

#[test]
fn a_job_is_counted_by_queue_and_priority_and_by_its_old_lane() {
    let recorder = telemetry::metrics();
    describe();
    count_job(JobQueue::Captioning, Priority::Bulk, "of_this_test");
    let said = recorder.render();
    let counted = said
        .lines()
        .find(|line| line.contains("of_this_test"))
        .expect("the job was counted");
    for label in [
        "queue=\"captioning\"",
        "priority=\"bulk\"",
        "lane=\"captions.bulk\"",
    ] {
        assert!(counted.contains(label), "{counted}");
    }
    assert!(said.contains("# HELP tagfleet_jobs_total"), "{said}");
}

/// Collects what is described.
#[derive(Default)]
struct Described(Mutex<BTreeSet<String>>);

impl Described {
    fn add(&self, name: &KeyName) {
        let mut names = self.0.lock().expect("no panic");
        names.insert(name.as_str().to_owned());
    }
}

impl Recorder for Described {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name);
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the names in a source that are given to a macro or a constant of metrics.
fn names(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter(|line| line.contains(": &str = ") || line.contains("metrics::"))
        .filter_map(|line| line.split('"').find(|part| part.starts_with("tagfleet_")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_of_this_crate_is_described() {
    let described = Described::default();
    with_local_recorder(&described, describe);
    let mut emitted = BTreeSet::new();
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    for file in files {
        emitted.extend(names(&fs::read_to_string(file).expect("text")));
    }
    let described = described.0.into_inner().expect("no panic");
    assert!(emitted.len() > 10, "{emitted:?}");
    assert_eq!(emitted, described);
}
