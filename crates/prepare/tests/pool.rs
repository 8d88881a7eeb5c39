//! The pool of decoding processes. This program is both sides: started with
//! `prepare-worker` it decodes, and breaks where a file's first words ask it
//! to. No file is known that really does that; this one is made to.
#![allow(clippy::unwrap_used)]

use std::{
    env, fs,
    net::TcpStream,
    process::exit,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use common::{
    budget::Budget,
    fault::{Code, Fault},
    image::{DecoderImpact, Exif},
    model::{Fit, TileSpec},
    process::ReaderProgram,
    stage::Stage,
};
use image::ImageFormat;
use libtest_mimic::{Arguments, Trial};
use prepare::{Limits, Niceness, Picture, Pool, PoolConfig};
use testing::{
    escapes::{self, Lack},
    pictures::{self, Coding, heif, quarters_item},
    servers::PATIENCE,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::Instant,
};
use turbojpeg::PixelFormat;

const SPEC: TileSpec = TileSpec {
    width: 8,
    height: 8,
    fit: Fit::Crop,
};
const LIMITS: Limits = Limits {
    max_pixels: 1,
    max_decoded_bytes: 16 << 20,
    max_aspect: 1,
    max_frames: u32::MAX,
    tile_quality: 90,
};

/// What stands before the word in every file: the server itself looks at a file's first bytes.
const GIF: &[u8] = b"GIF89a";
const DENIED: u32 = 1;
const ALLOWED: u32 = 2;
const SLOW: u32 = 3;

/// What a decoder takes to start that is to start slowly. Longer than the pool lets a file take.
const SLOW_START: Duration = Duration::from_millis(1_500);

/// Half of what a file may take before it is slow.
const BRIEF: Duration = Duration::from_millis(25);

/// Decoders that start otherwise than others are told by the last digits of their memory's bytes.
#[derive(Clone, Copy)]
enum Start {
    Usual,
    Slowly,
    WithoutSeccomp,
    WithoutLandlock,
}

const STARTS: [Start; 4] = [
    Start::Usual,
    Start::Slowly,
    Start::WithoutSeccomp,
    Start::WithoutLandlock,
];

fn main() {
    if env::args().nth(1).as_deref() == Some("prepare-worker") {
        let memory_bytes: u64 = env::args().nth(2).unwrap().parse().unwrap();
        match STARTS[memory_bytes as usize % STARTS.len()] {
            Start::Usual => {}
            Start::Slowly => compute_for(SLOW_START),
            Start::WithoutSeccomp => escapes::pretend(Lack::Seccomp),
            Start::WithoutLandlock => escapes::pretend(Lack::Landlock),
        }
        prepare::child::run(memory_bytes, break_as_told).unwrap();
        exit(0);
    }
    if env::args().nth(1).as_deref() == Some("serve-a-file-that-hangs") {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(serve_a_file_that_hangs());
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
        trial("a_busy_machine_is_no_files_fault", busy_machine),
        trial("decoders_of_batches_let_others_go_before", nice),
        trial("memory_files_and_network_are_out_of_reach", confined),
        trial("every_format_is_decoded_within_the_confines", formats),
        trial(
            "one_file_gives_the_tiles_of_two_models",
            two_tiles_of_one_file,
        ),
        trial(
            "pixels_stay_as_they_are_where_there_is_room",
            pixels_as_they_are,
        ),
        trial("no_way_leads_out_of_a_decoder", confined_to_itself),
        trial("who_cannot_be_confined_gets_no_file", unconfined),
        trial("without_landlock_the_filter_suffices", without_landlock),
        trial("what_no_decoder_says_is_not_believed", lies),
        trial("a_decoder_retires_before_its_time_is_over", retires),
        trial("a_decoder_ends_with_its_server", ends_with_its_server),
        Trial::test(
            "a_decoder_outlives_the_thread_that_asked_for_it",
            outlives_a_thread,
        ),
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
fn break_as_told(file: &[u8], specs: &[TileSpec], limits: &Limits) -> Result<Picture, Fault> {
    let Some(word) = file.strip_prefix(GIF) else {
        return prepare::picture(file, specs, limits);
    };
    let denied = |it: bool| Ok(say(if it { DENIED } else { ALLOWED }));
    match word {
        b"panic" => panic!("as a hostile file would make it"),
        b"abort" => std::process::abort(),
        b"exit" => exit(0),
        b"who" => return Ok(say(std::process::id())),
        b"hang" => compute_for(Duration::from_secs(3600)),
        b"memory" => {
            std::hint::black_box(vec![7; 1 << 30]);
        }
        b"file" => return denied(fs::read("/etc/hostname").is_err()),
        b"network" => {
            let connected = TcpStream::connect("127.0.0.1:9");
            return denied(connected.is_err_and(|error| error.raw_os_error() == Some(1)));
        }
        b"program" => return denied(std::process::Command::new("/bin/true").spawn().is_err()),
        b"core" => {
            let core = rustix::process::getrlimit(rustix::process::Resource::Core);
            return denied(core.current == Some(1));
        }
        b"lie short" => return Ok(with_pixels(vec![0; 191])),
        b"lie long" => return Ok(with_pixels(vec![0; 193])),
        b"lie code" => return Err(Fault::new(Code::Unauthorized, Stage::Admit, "As told.")),
        _ => {}
    }
    if let Some(way) = word.strip_prefix(b"escape ") {
        let way = std::str::from_utf8(way).unwrap();
        return denied(escapes::escape(way) == Err(escapes::REFUSED));
    }
    if let Some(turns) = word.strip_prefix(b"compute ") {
        compute(std::str::from_utf8(turns).unwrap().parse().unwrap());
        return Ok(say(SLOW));
    }
    if word.starts_with(b"slow") {
        compute_for(Duration::from_millis(200));
        return Ok(say(SLOW));
    }
    if word.starts_with(b"brief") {
        compute_for(BRIEF);
        return Ok(say(std::process::id()));
    }
    if word.starts_with(b"bad") {
        return Err(Fault::new(Code::ImageTruncated, Stage::Prepare, "As told."));
    }
    Ok(say(sum(word)))
}

/// As a decoder is slow, that is busy; to sleep, it is not even allowed.
fn compute_for(time: Duration) {
    let begun = std::time::Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Takes the same of the processor, however busy it is.
fn compute(turns: u64) {
    for turn in 0..turns {
        std::hint::black_box(turn);
    }
}

/// A decoder's only words are a picture's numbers.
fn say(number: u32) -> Picture {
    Picture {
        frames: number,
        ..with_pixels(vec![0; 192])
    }
}

fn with_pixels(rgb: Vec<u8>) -> Picture {
    Picture {
        width: 1,
        height: 1,
        frames: 1,
        warnings: Vec::new(),
        exif: Exif::default(),
        rgb,
    }
}

/// Tells files apart, and is none of the numbers that mean something.
fn sum(word: &[u8]) -> u32 {
    let sum = word.iter().fold(0_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    sum.max(SLOW + 1)
}

fn file(word: &[u8]) -> Bytes {
    Bytes::from([GIF, word].concat())
}

fn pool(processes: usize, queue: usize) -> Pool {
    patient_pool(processes, queue, Duration::from_millis(500))
}

fn patient_pool(processes: usize, queue: usize, timeout: Duration) -> Pool {
    let config = PoolConfig {
        processes,
        queue,
        timeout,
        ..config(Start::Usual)
    };
    Pool::start(config).unwrap()
}

fn config(start: Start) -> PoolConfig {
    PoolConfig {
        pixels: None,
        program: ReaderProgram {
            path: env::current_exe().unwrap(),
            allow_unconfined: false,
        },
        processes: 1,
        // Beside other tests, a file that hangs would else get hardly any time to be ended for.
        niceness: Niceness { usual: 0, aside: 0 },
        queue: 4,
        timeout: Duration::from_millis(500),
        limits: Limits {
            max_decoded_bytes: LIMITS.max_decoded_bytes + start as u64,
            ..LIMITS
        },
        max_file_bytes: 4 << 20,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Returns what a decoder says of the file.
async fn tile(pool: &Pool, word: &[u8]) -> Result<u32, Code> {
    let prepared = pool.tile(file(word), SPEC, soon(), |_| ()).await;
    prepared
        .map(|prepared| prepared.facts.frames)
        .map_err(|fault| fault.code)
}

/// Returns what is said of the file itself. Where others leave a decoder no time, nobody learns that, and a client asks again.
async fn judged(pool: &Pool, word: &[u8]) -> Result<u32, Code> {
    loop {
        match tile(pool, word).await {
            Err(Code::Overloaded) => {}
            told => return told,
        }
    }
}

async fn answers() {
    let pool = pool(2, 64);
    let large: Vec<u8> = (0..3_000_000).map(|n| n as u8).collect();
    let words = (0..40u8).map(|n| [&[n], &large[..usize::from(n) * 70_000]].concat());
    let jobs: Vec<_> = words
        .map(|word| {
            let pool = pool.clone();
            tokio::spawn(async move { (tile(&pool, &word).await, sum(&word)) })
        })
        .collect();
    for job in jobs {
        let (said, expected) = job.await.unwrap();
        assert_eq!(said.unwrap(), expected);
    }
    assert_eq!(tile(&pool, b"bad").await, Err(Code::ImageTruncated));
}

async fn is_well(pool: &Pool) {
    assert_eq!(tile(pool, b"good").await, Ok(sum(b"good")));
}

async fn breaks() {
    let pool = pool(1, 4);
    for word in [b"panic".as_slice(), b"abort", b"exit"] {
        assert_eq!(tile(&pool, word).await, Err(Code::ImageInvalid), "{word:?}");
        is_well(&pool).await;
    }
}

async fn dies_idle() {
    let pool = pool(1, 4);
    let decoder = tile(&pool, b"who").await.unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-KILL", &decoder])
            .status()
            .unwrap()
            .success()
    );
    while is_alive(&decoder) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    is_well(&pool).await;
}

async fn starts_slowly() {
    let pool = Pool::start(config(Start::Slowly)).unwrap();
    for _ in 0..2 {
        is_well(&pool).await;
    }
}

async fn hangs() {
    let pool = pool(1, 4);
    assert_eq!(judged(&pool, b"hang").await, Err(Code::DecodeTimeout));
    is_well(&pool).await;
}

/// Two may be slow, and the third is ended to make room.
async fn hangs_beside_others() {
    let mut codes = codes_of_three_that_hang().await;
    // The first two were refused if the machine had no time for them.
    while codes[1] == Code::Overloaded {
        codes = codes_of_three_that_hang().await;
    }
    assert_eq!(
        codes,
        [Code::DecodeTimeout, Code::DecodeTimeout, Code::Overloaded]
    );
}

async fn codes_of_three_that_hang() -> Vec<Code> {
    let pool = patient_pool(1, 8, Duration::from_secs(2));
    let hang = || {
        let pool = pool.clone();
        tokio::spawn(async move { tile(&pool, b"hang").await })
    };
    let hanging = [hang(), hang(), hang()];
    // Others come until they have met all three.
    while !hanging.iter().any(|file| file.is_finished()) {
        is_well(&pool).await;
    }
    let ended = hanging.iter().filter(|file| file.is_finished()).count();
    assert!(ended <= 1, "two of them are still decoded");
    let mut codes = Vec::new();
    for file in hanging {
        codes.push(file.await.unwrap().unwrap_err());
    }
    codes.sort_by_key(|code| code.name());
    codes
}

async fn slow() {
    let pool = patient_pool(1, 8, Duration::from_secs(4));
    for _ in 0..4 {
        assert_eq!(tile(&pool, b"slow").await, Ok(SLOW));
    }
    is_well(&pool).await;
}

/// Others take the processor for longer than the file might, were time told by the clock.
async fn busy_machine() {
    const TURNS: u64 = 200_000_000;
    let begun = std::time::Instant::now();
    compute(TURNS);
    let alone = begun.elapsed();
    let config = PoolConfig {
        timeout: alone * 3,
        niceness: Niceness {
            usual: 0,
            aside: 10,
        },
        ..config(Start::Usual)
    };
    let pool = Pool::start(config).expect("processes");
    let is_over = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..2 * thread::available_parallelism().unwrap().get())
        .map(|_| {
            let is_over = is_over.clone();
            thread::spawn(move || while !is_over.load(Ordering::Relaxed) {})
        })
        .collect();
    let begun = std::time::Instant::now();
    let word = format!("compute {TURNS}");
    let deadline = Instant::now() + Duration::from_secs(60);
    let made = pool
        .tile(file(word.as_bytes()), SPEC, deadline, |_| ())
        .await;
    let took = begun.elapsed();
    is_over.store(true, Ordering::Relaxed);
    others.into_iter().for_each(|other| other.join().unwrap());
    println!("alone {alone:?}, beside others {took:?}");
    assert_eq!(
        made.map(|made| made.facts.frames)
            .map_err(|fault| fault.code),
        Ok(SLOW)
    );
}

async fn nice() {
    let config = PoolConfig {
        niceness: Niceness {
            usual: 5,
            aside: 15,
        },
        ..config(Start::Usual)
    };
    let pool = Pool::start(config).expect("processes");
    let decoder = tile(&pool, b"who").await.expect("its process");
    let decoder = rustix::process::Pid::from_raw(decoder as i32);
    assert_eq!(rustix::process::getpriority_process(decoder), Ok(5));
}

async fn confined() {
    let pool = pool(1, 4);
    assert_eq!(tile(&pool, b"memory").await, Err(Code::ImageInvalid));
    for file in [b"file".as_slice(), b"network", b"program", b"core"] {
        let word = String::from_utf8_lossy(file);
        assert_eq!(tile(&pool, file).await, Ok(DENIED), "{word}");
    }
}

/// By the decoders themselves. Libraries were loaded before, and start no threads.
async fn formats() {
    let config = PoolConfig {
        limits: Limits::STANDARD,
        timeout: Duration::from_secs(10),
        ..config(Start::Usual)
    };
    let pool = Pool::start(config).unwrap();
    let of_items = |coding| heif(coding, 1, &[quarters_item(coding)]);
    let mut files = vec![
        ("heic", of_items(Coding::Hevc)),
        ("avif", of_items(Coding::Av1)),
        ("jpeg", pictures::photo(3_000, 2_400)),
    ];
    for (name, format) in [
        ("png", ImageFormat::Png),
        ("webp", ImageFormat::WebP),
        ("bmp", ImageFormat::Bmp),
        ("tiff", ImageFormat::Tiff),
    ] {
        files.push((
            name,
            pictures::encoded(pictures::quarters(128, 128), format),
        ));
    }
    for (name, file) in files {
        let made = pool.tile(file.into(), SPEC, soon(), |_| ()).await.unwrap();
        assert_eq!(made.facts.format.name(), name);
    }
}

/// A process makes the tiles of all models of one file.
async fn two_tiles_of_one_file() {
    let config = PoolConfig {
        limits: Limits::STANDARD,
        ..config(Start::Usual)
    };
    let pool = Pool::start(config).expect("processes");
    let oblong = TileSpec {
        width: 300,
        height: 100,
        ..SPEC
    };
    let photo = pictures::photo(640, 480);
    let specs = vec![SPEC, oblong];
    let made = pool.tiles(photo.into(), specs, soon(), |_| ()).await;
    let made = made.expect("two tiles");
    let size = |tile: &[u8]| {
        let head = turbojpeg::read_header(tile).expect("a JPEG");
        (head.width, head.height)
    };
    assert_eq!(size(&made.tile), (SPEC.width.into(), SPEC.height.into()));
    assert_eq!(
        made.also
            .iter()
            .map(|tile| size(&tile.jpeg))
            .collect::<Vec<_>>(),
        [(300, 100)]
    );
}

/// Pixels stay as they came from the decoder, as long as there is room for them; beyond that, tiles are JPEGs of the same.
async fn pixels_as_they_are() {
    let oblong = TileSpec {
        width: 300,
        height: 100,
        ..SPEC
    };
    let specs = vec![SPEC, oblong];
    let bytes = specs.iter().map(|spec| pixel_bytes(*spec));
    let budget = Budget::new(bytes.sum::<usize>().next_multiple_of(1_024));
    let config = PoolConfig {
        limits: Limits::STANDARD,
        pixels: Some(budget.clone()),
        ..config(Start::Usual)
    };
    let pool = Pool::start(config).expect("processes");
    let photo = Bytes::from(pictures::photo(640, 480));
    let make = async || {
        let made = pool.tiles(photo.clone(), specs.clone(), soon(), |_| ());
        made.await.expect("two tiles")
    };
    let raw = make().await;
    assert!(raw.tile.is_empty() && raw.also[0].jpeg.is_empty());
    let tiles: Vec<_> = raw.pixels.tiles().collect();
    let lengths: Vec<_> = tiles.iter().map(Bytes::len).collect();
    assert_eq!(lengths, [pixel_bytes(SPEC), pixel_bytes(oblong)]);
    assert!(budget.hold(1).is_none(), "they are counted");
    let encoded = make().await;
    assert!(encoded.pixels.is_empty(), "there is no room for more");
    assert_eq!(encoded.also[0].shown, raw.also[0].shown);
    assert_eq!(encoded.facts, raw.facts);
    let jpegs = [&encoded.tile, &encoded.also[0].jpeg];
    for (tile, jpeg) in tiles.iter().zip(jpegs) {
        let decoded = turbojpeg::decompress(jpeg, PixelFormat::RGB).expect("a JPEG");
        let pairs = tile.iter().zip(&decoded.pixels);
        let off: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(off < 2 * tile.len() as u64, "they show the same");
    }
    drop((raw, tiles));
    assert!(budget.hold(1).is_some(), "what is dropped is given back");
}

fn pixel_bytes(spec: TileSpec) -> usize {
    usize::from(spec.width) * usize::from(spec.height) * 3
}

/// Each call is refused, and its process goes on.
async fn confined_to_itself() {
    let pool = pool(1, 4);
    let decoder = tile(&pool, b"who").await;
    for way in escapes::WAYS {
        let word = format!("escape {way}");
        assert_eq!(tile(&pool, word.as_bytes()).await, Ok(DENIED), "{way}");
    }
    assert_eq!(tile(&pool, b"who").await, decoder);
    // An abort needs a signal to itself, and still ends this process alone.
    assert_eq!(tile(&pool, b"abort").await, Err(Code::ImageInvalid));
    is_well(&pool).await;
}

async fn unconfined() {
    let refused = Pool::start(config(Start::WithoutSeccomp)).unwrap();
    let error = refused.until_ready().await.unwrap_err().to_string();
    assert!(error.contains("no filter of system calls"), "{error}");
    assert!(error.contains("--allow-unconfined-decoders"), "{error}");
    assert_eq!(tile(&refused, b"good").await, Err(Code::Internal));
    let mut allowed = config(Start::WithoutSeccomp);
    allowed.program.allow_unconfined = true;
    let allowed = Pool::start(allowed).unwrap();
    allowed.until_ready().await.unwrap();
    assert_eq!(tile(&allowed, b"escape memfd_create").await, Ok(ALLOWED));
}

async fn without_landlock() {
    let pool = Pool::start(config(Start::WithoutLandlock)).unwrap();
    pool.until_ready().await.unwrap();
    assert_eq!(tile(&pool, b"escape openat").await, Ok(DENIED));
}

async fn lies() {
    let pool = pool(1, 4);
    for (lie, told) in [
        (b"lie short".as_slice(), Err(Code::DecodeTimeout)),
        // Its rest would be taken for the next file's answer.
        (b"lie long", Ok(1)),
        (b"lie code", Err(Code::ImageInvalid)),
    ] {
        let decoder = tile(&pool, b"who").await.unwrap();
        assert_eq!(tile(&pool, lie).await, told, "{lie:?}");
        assert_ne!(tile(&pool, b"who").await, Ok(decoder), "it is replaced");
    }
}

/// After fifteen of the longest decodes, whatever they were of.
async fn retires() {
    let pool = patient_pool(1, 4, Duration::from_millis(200));
    let first = tile(&pool, b"brief").await.unwrap();
    let limits = fs::read_to_string(format!("/proc/{first}/limits")).unwrap();
    let limit = limits
        .lines()
        .find(|line| line.starts_with("Max cpu time"))
        .unwrap();
    let seconds = limit.split_whitespace().nth(3);
    assert_eq!(seconds, Some("4"), "the kernel's own end to it");
    let mut files = 1;
    while tile(&pool, b"brief").await.unwrap() == first {
        files += 1;
        assert!(files < 1_000, "it is still the same");
    }
    // Where others want the processor too, a file takes less of it.
    assert!(files >= 100, "{files} files");
}

/// A server is killed while its decoder is busy.
async fn ends_with_its_server() {
    let mut server = tokio::process::Command::new(env::current_exe().unwrap())
        .arg("serve-a-file-that-hangs")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    let decoder = said.next_line().await.unwrap().unwrap();
    server.kill().await.unwrap();
    let ended = async {
        while is_alive(&decoder) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended)
        .await
        .expect("it ends");
}

/// The server of that test: tells its decoder's number, and gives it work for an hour.
async fn serve_a_file_that_hangs() {
    let pool = patient_pool(1, 4, Duration::from_secs(3_600));
    let decoder = tile(&pool, b"who").await.unwrap();
    println!("{decoder}");
    let _ = tile(&pool, b"hang").await;
}

fn is_alive(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Threads for blocking work end once they were idle for a while, and a decoder may have been started on one.
fn outlives_a_thread() -> Result<(), libtest_mimic::Failed> {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::from_millis(1))
        .on_thread_stop(|| {
            ENDED.fetch_add(1, Ordering::SeqCst);
        })
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let pool = pool(1, 4);
        // As many as were there at first: all others were started later, and not by this thread.
        for _ in 0..3 {
            assert_eq!(tile(&pool, b"abort").await, Err(Code::ImageInvalid));
        }
        let decoder = tile(&pool, b"who").await.unwrap();
        for _ in 0..5 {
            let before = ENDED.load(Ordering::SeqCst);
            is_well(&pool).await;
            while ENDED.load(Ordering::SeqCst) == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(tile(&pool, b"who").await, Ok(decoder));
        }
    });
    Ok(())
}

async fn full() {
    let pool = pool(1, 1);
    // Large, so that it may take its time with a turn.
    let word = [b"slow".to_vec(), vec![0; 4_000_000]].concat();
    let slow = || {
        let pool = pool.clone();
        let word = word.clone();
        tokio::spawn(async move { tile(&pool, &word).await })
    };
    let first = slow();
    let second = slow();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tile(&pool, b"third").await, Err(Code::Overloaded));
    assert_eq!(first.await.unwrap(), Ok(SLOW));
    let brief = Instant::now() + Duration::from_millis(20);
    let late = pool.tile(file(b"late"), SPEC, brief, |_| ()).await;
    assert_eq!(late.unwrap_err().code, Code::DeadlineExceeded);
    assert_eq!(second.await.unwrap(), Ok(SLOW));
    let past = pool.tile(file(b"past"), SPEC, Instant::now(), |_| ()).await;
    assert_eq!(past.unwrap_err().code, Code::DeadlineExceeded);
}

async fn impact() {
    let pool = pool(1, 4);
    let told = async |word: &[u8], deadline| {
        let (seen, impact) = tokio::sync::oneshot::channel();
        let response = pool
            .tile(file(word), SPEC, deadline, |impact| {
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
    // A busy machine may need a while until the file is at its decoder.
    let mut brief = Duration::from_millis(20);
    let fatal = Some(DecoderImpact::Fatal(Code::DecodeTimeout));
    while told(b"hang", Instant::now() + brief).await != (Some(Code::DeadlineExceeded), fatal) {
        brief *= 2;
        assert!(brief < PATIENCE, "it is never told");
    }
    assert_eq!(
        told(b"good", Instant::now()).await,
        (Some(Code::DeadlineExceeded), None),
        "it was not looked at"
    );
}
