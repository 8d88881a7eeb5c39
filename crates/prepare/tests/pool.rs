//! The pool of decoding processes. This program is both sides: started with
//! `prepare-worker` it decodes, and breaks where a file's first words ask it
//! to. No file is known that really does that; this one is made to.
#![allow(clippy::unwrap_used)]

use std::{env, fs, net::TcpStream, process::exit, time::Duration};

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    image::{DecoderImpact, Facts, Format},
    model::{Fit, TileSpec},
    stage::Stage,
};
use libtest_mimic::{Arguments, Trial};
use prepare::{Limits, Pool, PoolConfig, Prepared};
use tokio::time::Instant;

const SPEC: TileSpec = TileSpec {
    width: 8,
    height: 8,
    fit: Fit::Crop,
};
const LIMITS: Limits = Limits {
    max_pixels: 1,
    max_decoded_bytes: 16 << 20,
    max_aspect: 1,
    max_frames: 1,
    tile_quality: 90,
};

/// What a decoder takes to start that was given an odd number of bytes. Longer than the pool lets a file take.
const SLOW_START: Duration = Duration::from_millis(1_500);

fn main() {
    if env::args().nth(1).as_deref() == Some("prepare-worker") {
        let memory_bytes: u64 = env::args().nth(2).unwrap().parse().unwrap();
        if memory_bytes % 2 == 1 {
            let _ = compute_for(SLOW_START);
        }
        prepare::child::run(memory_bytes, break_as_told).unwrap();
        exit(0);
    }
    let trials = vec![
        trial("every_file_gets_its_own_answer", answers),
        trial("a_panic_an_abort_and_a_crash_cost_one_file", breaks),
        trial("a_decoder_that_died_idle_is_no_files_fault", dies_idle),
        trial(
            "a_decoder_that_starts_slowly_is_no_files_fault",
            starts_slowly,
        ),
        trial("a_file_that_hangs_is_ended", hangs),
        trial(
            "files_that_hang_leave_turns_to_the_others",
            hangs_beside_others,
        ),
        trial("a_slow_file_is_decoded_all_the_same", slow),
        trial("memory_files_and_network_are_out_of_reach", confined),
        trial("no_call_reaches_another_process", confined_to_itself),
        trial("a_full_line_and_a_late_caller_are_told_apart", full),
        trial("what_a_file_did_is_told_even_after_its_caller_left", impact),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial<F: Future<Output = ()> + 'static>(name: &'static str, test: fn() -> F) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        runtime.block_on(test());
        Ok(())
    })
}

/// Stands in for a decoder that has a fault of the kind that the file names.
fn break_as_told(file: &[u8], _: TileSpec, _: &Limits) -> Result<Prepared, Fault> {
    let denied = |it: bool| {
        if it {
            Ok(echo(b"denied"))
        } else {
            Ok(echo(b"allowed"))
        }
    };
    match file {
        b"panic" => panic!("as a hostile file would make it"),
        b"abort" => std::process::abort(),
        b"exit" => exit(0),
        b"who" => Ok(echo(std::process::id().to_string().as_bytes())),
        b"hang" => compute_for(Duration::from_secs(3600)),
        b"memory" => Ok(echo(&vec![7; 1 << 30][..1])),
        b"file" => denied(fs::read("/etc/hostname").is_err()),
        b"network" => denied(
            TcpStream::connect("127.0.0.1:9").is_err_and(|error| error.raw_os_error() == Some(1)),
        ),
        b"program" => denied(std::process::Command::new("/bin/true").spawn().is_err()),
        other if other.starts_with(b"escape ") => denied(escape(&other[7..]) == Err(libc::EPERM)),
        b"core" => {
            denied(rustix::process::getrlimit(rustix::process::Resource::Core).current == Some(1))
        }
        slow if slow.starts_with(b"slow") => compute_for(Duration::from_millis(200)),
        other if other.starts_with(b"bad") => {
            Err(Fault::new(Code::ImageTruncated, Stage::Prepare, "As told."))
        }
        other => Ok(echo(other)),
    }
}

/// Tries what a decoder that was taken over would try next. The server is its parent, and runs as the same user.
#[allow(unsafe_code)]
fn escape(way: &[u8]) -> Result<(), i32> {
    let server = i64::from(std::os::unix::process::parent_id());
    let mut old = [0_u64; 2];
    let limit = [0_u64; 2];
    // SAFETY: the calls are refused; were they not, they get no pointers but those of arrays that live as long as they do.
    let done = unsafe {
        match way {
            b"tgkill" => libc::syscall(libc::SYS_tgkill, server, server, 0),
            b"kill" => libc::syscall(libc::SYS_kill, server, 0),
            b"prlimit of the server" => libc::syscall(
                libc::SYS_prlimit64,
                server,
                libc::RLIMIT_CORE,
                0_usize,
                old.as_mut_ptr(),
            ),
            b"prlimit to set" => libc::syscall(
                libc::SYS_prlimit64,
                0,
                libc::RLIMIT_CORE,
                limit.as_ptr(),
                0_usize,
            ),
            b"ptrace" => libc::syscall(libc::SYS_ptrace, libc::PTRACE_SEIZE, server, 0, 0),
            b"memfd" => libc::syscall(libc::SYS_memfd_create, c"x".as_ptr(), 0),
            b"openat" => libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/".as_ptr(), 0),
            b"socket" => libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0),
            b"clone" => libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0),
            b"execve" => libc::syscall(libc::SYS_execve, c"/bin/true".as_ptr(), 0, 0),
            b"process_vm_readv" => libc::syscall(libc::SYS_process_vm_readv, server, 0, 0, 0, 0, 0),
            other => panic!("unknown: {other:?}"),
        }
    };
    match done {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        _ => Ok(()),
    }
}

/// As a decoder is slow, that is busy; to sleep, it is not even allowed.
fn compute_for(time: Duration) -> Result<Prepared, Fault> {
    let begun = std::time::Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
    Ok(echo(b"slow"))
}

fn echo(file: &[u8]) -> Prepared {
    let facts = Facts {
        width: 1,
        height: 1,
        frames: 1,
        format: Format::Png,
        bytes: file.len(),
        sha256: "fake".to_owned(),
    };
    Prepared {
        facts,
        tile: file.to_owned(),
    }
}

fn pool(processes: usize, queue: usize) -> Pool {
    patient_pool(processes, queue, Duration::from_millis(500))
}

fn patient_pool(processes: usize, queue: usize, timeout: Duration) -> Pool {
    limited_pool(processes, queue, timeout, LIMITS)
}

fn limited_pool(processes: usize, queue: usize, timeout: Duration, limits: Limits) -> Pool {
    let config = PoolConfig {
        program: env::current_exe().unwrap(),
        processes,
        queue,
        timeout,
        limits,
        max_file_bytes: 4 << 20,
    };
    Pool::start(config).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

async fn tile(pool: &Pool, file: &'static [u8]) -> Result<Vec<u8>, Code> {
    let prepared = pool
        .tile(Bytes::from_static(file), SPEC, soon(), |_| ())
        .await;
    prepared
        .map(|prepared| prepared.tile)
        .map_err(|fault| fault.code)
}

async fn answers() {
    let pool = pool(2, 64);
    let large: Vec<u8> = (0..3_000_000).map(|n| n as u8).collect();
    let files = (0..40u8).map(|n| Bytes::from([&[n], &large[..usize::from(n) * 70_000]].concat()));
    let jobs: Vec<_> = files
        .map(|file| {
            let pool = pool.clone();
            tokio::spawn(async move { (pool.tile(file.clone(), SPEC, soon(), |_| ()).await, file) })
        })
        .collect();
    for job in jobs {
        let (prepared, file) = job.await.unwrap();
        assert_eq!(prepared.unwrap().tile, file);
    }
    assert_eq!(tile(&pool, b"bad").await, Err(Code::ImageTruncated));
}

async fn breaks() {
    let pool = pool(1, 4);
    for file in [b"panic".as_slice(), b"abort", b"exit"] {
        assert_eq!(tile(&pool, file).await, Err(Code::ImageInvalid), "{file:?}");
        assert_eq!(
            tile(&pool, b"good").await.unwrap(),
            b"good",
            "after {file:?}"
        );
    }
}

async fn dies_idle() {
    let pool = pool(1, 4);
    let decoder = String::from_utf8(tile(&pool, b"who").await.unwrap()).unwrap();
    assert!(
        std::process::Command::new("kill")
            .args(["-KILL", &decoder])
            .status()
            .unwrap()
            .success()
    );
    while fs::read_to_string(format!("/proc/{decoder}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z "))
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(tile(&pool, b"good").await.unwrap(), b"good");
}

async fn starts_slowly() {
    let limits = Limits {
        max_decoded_bytes: LIMITS.max_decoded_bytes + 1,
        ..LIMITS
    };
    let pool = limited_pool(1, 4, Duration::from_millis(500), limits);
    for _ in 0..2 {
        assert_eq!(tile(&pool, b"good").await.unwrap(), b"good");
    }
}

async fn hangs() {
    let pool = pool(1, 4);
    assert_eq!(tile(&pool, b"hang").await, Err(Code::DecodeTimeout));
    assert_eq!(tile(&pool, b"good").await.unwrap(), b"good");
}

/// Two may be slow, and the third is ended to make room.
async fn hangs_beside_others() {
    let pool = patient_pool(1, 8, Duration::from_secs(4));
    let hang = || {
        let pool = pool.clone();
        tokio::spawn(async move { tile(&pool, b"hang").await })
    };
    let hanging = [hang(), hang(), hang()];
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tile(&pool, b"good").await.unwrap(), b"good");
    let ended = hanging.iter().filter(|file| file.is_finished()).count();
    assert!(ended <= 1, "two of them are still decoded");
    let mut codes = Vec::new();
    for file in hanging {
        codes.push(file.await.unwrap().unwrap_err());
    }
    codes.sort_by_key(|code| code.name());
    assert_eq!(
        codes,
        [Code::DecodeTimeout, Code::DecodeTimeout, Code::Overloaded]
    );
}

async fn slow() {
    let pool = patient_pool(1, 8, Duration::from_secs(4));
    for _ in 0..4 {
        assert_eq!(tile(&pool, b"slow").await.unwrap(), b"slow");
    }
    assert_eq!(tile(&pool, b"good").await.unwrap(), b"good");
}

async fn confined() {
    let pool = pool(1, 4);
    assert_eq!(tile(&pool, b"memory").await, Err(Code::ImageInvalid));
    for file in [b"file".as_slice(), b"network", b"program", b"core"] {
        assert_eq!(
            tile(&pool, file).await.unwrap(),
            b"denied",
            "{}",
            String::from_utf8_lossy(file)
        );
    }
}

async fn confined_to_itself() {
    let pool = pool(1, 4);
    for way in [
        "escape tgkill",
        "escape kill",
        "escape prlimit of the server",
        "escape prlimit to set",
        "escape ptrace",
        "escape memfd",
        "escape openat",
        "escape socket",
        "escape clone",
        "escape execve",
        "escape process_vm_readv",
    ] {
        assert_eq!(
            tile(&pool, way.as_bytes()).await.unwrap(),
            b"denied",
            "{way}"
        );
    }
    // An abort needs a signal to itself, and still ends this process alone.
    assert_eq!(tile(&pool, b"abort").await, Err(Code::ImageInvalid));
    assert_eq!(tile(&pool, b"good").await.unwrap(), b"good");
}

async fn full() {
    let pool = pool(1, 1);
    // Large, so that it may take its time with a turn.
    let file = Bytes::from([b"slow".to_vec(), vec![0; 4_000_000]].concat());
    let slow = || {
        let (pool, file) = (pool.clone(), file.clone());
        tokio::spawn(async move {
            pool.tile(file, SPEC, soon(), |_| ())
                .await
                .map(|prepared| prepared.tile)
        })
    };
    let (first, second) = (slow(), slow());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tile(&pool, b"third").await, Err(Code::Overloaded));
    assert_eq!(first.await.unwrap().unwrap(), b"slow");
    let brief = Instant::now() + Duration::from_millis(20);
    let late = pool
        .tile(Bytes::from_static(b"late"), SPEC, brief, |_| ())
        .await;
    assert_eq!(late.unwrap_err().code, Code::DeadlineExceeded);
    assert_eq!(second.await.unwrap().unwrap(), b"slow");
    let past = pool
        .tile(Bytes::from_static(b"past"), SPEC, Instant::now(), |_| ())
        .await;
    assert_eq!(past.unwrap_err().code, Code::DeadlineExceeded);
}

async fn impact() {
    let pool = pool(1, 4);
    let told = async |file: &'static [u8], deadline| {
        let (seen, impact) = tokio::sync::oneshot::channel();
        let response = pool
            .tile(Bytes::from_static(file), SPEC, deadline, |impact| {
                seen.send(impact).unwrap()
            })
            .await;
        (
            response.map_err(|fault| fault.code).err(),
            impact.await.ok(),
        )
    };
    assert_eq!(
        told(b"good", soon()).await,
        (None, Some(DecoderImpact::Harmless))
    );
    assert_eq!(
        told(b"bad", soon()).await,
        (Some(Code::ImageTruncated), Some(DecoderImpact::Harmless))
    );
    assert_eq!(
        told(b"panic", soon()).await,
        (
            Some(Code::ImageInvalid),
            Some(DecoderImpact::Costly(Code::ImageInvalid))
        )
    );
    assert_eq!(
        told(b"abort", soon()).await,
        (
            Some(Code::ImageInvalid),
            Some(DecoderImpact::Fatal(Code::ImageInvalid))
        )
    );
    let brief = Instant::now() + Duration::from_millis(20);
    let fatal = Some(DecoderImpact::Fatal(Code::DecodeTimeout));
    assert_eq!(
        told(b"hang", brief).await,
        (Some(Code::DeadlineExceeded), fatal)
    );
    assert_eq!(
        told(b"good", Instant::now()).await,
        (Some(Code::DeadlineExceeded), None),
        "it was not looked at"
    );
}
