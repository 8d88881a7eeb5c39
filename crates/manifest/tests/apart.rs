//! The process that reads Parquet. This program is both sides: started with `manifest-reader` it reads what it is sent as
//! the name of something to try, as a file that has taken it over would.
#![allow(clippy::unwrap_used)]

use std::{env, pin::pin, process::exit, time::Duration};

use common::{
    outside::{Opened, Outside},
    process::ReaderProgram,
    store::StoreConfig,
};
use futures_util::StreamExt;
use libtest_mimic::{Arguments, Failed, Trial};
use manifest::{
    Columns, ListError, Row,
    apart::{self, HandOut, Pieces},
    parquet::ByteSource,
};
use testing::escapes::{self, Lack};
use url::Url;

/// The program's environment is empty, so its name says what its kernel lacks.
const WITHOUT_SECCOMP: &str = "without-seccomp";

fn main() {
    let mut arguments = env::args();
    let program = arguments.next().unwrap();
    if arguments.next().as_deref() == Some("manifest-reader") {
        if program.ends_with(WITHOUT_SECCOMP) {
            escapes::pretend(Lack::Seccomp);
        }
        let memory_bytes = arguments.next().unwrap().parse().unwrap();
        apart::run_as(memory_bytes, try_as_told).unwrap();
        exit(0);
    }
    let trials = vec![
        trial("no_way_leads_out_of_a_reader_of_lists", confined),
        trial("who_cannot_be_confined_reads_no_list", unconfined),
        trial("a_file_is_read_a_few_times_and_not_for_ever", reads_again),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial<F: Future<Output = ()> + 'static>(name: &'static str, test: fn() -> F) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(60), test()).await })
            .map_err(|_| Failed::from("it takes too long"))
    })
}

fn try_as_told(file: Pieces, hand_out: HandOut<'_>) -> Result<(), ListError> {
    let all = |file: &Pieces| file.range(0, file.bytes() as usize);
    let told = all(&file)?;
    if told.starts_with(b"again") {
        loop {
            all(&file)?;
        }
    }
    let way = std::str::from_utf8(&told).unwrap();
    let said = match escapes::escape(way) {
        Err(escapes::REFUSED) => "denied",
        _ => "allowed",
    };
    hand_out(vec![Row {
        custom_id: Some(way.to_owned()),
        url: said.to_owned(),
        ..Row::default()
    }])
}

fn program() -> ReaderProgram {
    ReaderProgram {
        path: env::current_exe().unwrap(),
        allow_unconfined: false,
    }
}

/// Has the file read and returns what became of each row.
async fn read(program: &ReaderProgram, file: &[u8]) -> Result<Vec<Row>, ListError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list"), file).unwrap();
    let rows = apart::reader::rows(program, open(folder.path()).await, &Columns::default()).await?;
    let mut rows = pin!(rows);
    let mut all = Vec::new();
    while let Some(some) = rows.next().await {
        all.extend(some?);
    }
    Ok(all)
}

async fn open(folder: &std::path::Path) -> Opened {
    let base = Url::from_file_path(folder).unwrap();
    let config = StoreConfig {
        store_url: Some("memory:".to_owned()),
        batch_allow: vec![base.to_string()],
        ..StoreConfig::default()
    };
    let outside = Outside::of_batches(&config).unwrap();
    let place = outside.place("any", &format!("{base}/list")).unwrap();
    place.open().await.unwrap().unwrap()
}

async fn confined() {
    for way in escapes::WAYS {
        let rows = read(&program(), way.as_bytes()).await.unwrap();
        assert_eq!(rows[0].url, "denied", "{way}");
    }
}

async fn unconfined() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WITHOUT_SECCOMP);
    std::os::unix::fs::symlink(env::current_exe().unwrap(), &path).unwrap();
    let mut program = ReaderProgram { path, ..program() };
    let error = read(&program, b"memfd_create").await.unwrap_err();
    // Not the list's fault: it may be read again, elsewhere.
    assert!(matches!(error, ListError::Io(_)), "{error:?}");
    assert!(error.to_string().contains("--allow-unconfined-decoders"));
    program.allow_unconfined = true;
    let rows = read(&program, b"memfd_create").await.unwrap();
    assert_eq!(rows[0].url, "allowed");
}

async fn reads_again() {
    let mut file = b"again".to_vec();
    file.resize(2 << 20, 0);
    let error = read(&program(), &file).await.unwrap_err();
    assert!(error.to_string().contains("4 times"), "{error}");
}
