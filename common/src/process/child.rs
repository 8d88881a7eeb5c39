//! A process that reads foreign files for this one. It confines itself before it reads the first byte.

use std::{
    io,
    path::PathBuf,
    process::Stdio,
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    runtime::Handle,
    time::timeout,
};

use super::confinement::Confinement;

/// One process is listened to for so long; then its words meet a closed pipe.
const MAX_WORDS_BYTES: u64 = 64 << 10;
/// A busy machine starts a process within a second or two; one that takes longer than this never starts.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The program that reads foreign files, and whether it may do so unconfined.
#[derive(Clone, Debug)]
pub struct ReaderProgram {
    pub path: PathBuf,
    pub allow_unconfined: bool,
}

/// What a process may take of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// What it may map beside its own code.
    pub memory_bytes: u64,
    /// Time of the processor. Then the kernel ends it, whether or not anybody is left who would.
    pub processor: Duration,
}

/// A running process and its pipes. Dropped, it ends the process.
#[derive(Debug)]
pub struct Reader {
    pub process: Child,
    pub to: ChildStdin,
    pub from: ChildStdout,
}

impl ReaderProgram {
    /// Starts the program in a role of it that takes the bytes of memory that it may have as its argument. It gets no
    /// other environment than `environment`. Takes milliseconds.
    pub fn start(
        &self,
        role: &'static str,
        bounds: Bounds,
        environment: &[(&str, &str)],
    ) -> io::Result<Reader> {
        let mut command = Command::new(&self.path);
        command
            .arg(role)
            .arg(bounds.memory_bytes.to_string())
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the server, which still has files to finish.
            .process_group(0)
            .kill_on_drop(true);
        let mut process = spawn(command)?;
        limit_processor(&process, bounds.processor)?;
        let pipes = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        );
        let (Some(to), Some(from), Some(words)) = pipes else {
            return Err(io::Error::other("the process has no pipes"));
        };
        tokio::spawn(log(role, words));
        Ok(Reader { process, to, from })
    }

    /// Waits for what a process says first: how far it is confined. It gets no file before, and none where that is too
    /// little.
    pub async fn until_confined(&self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let told = timeout(READY_WITHIN, Confinement::hear(from)).await??;
        told.accept(self.allow_unconfined)
    }
}

/// Starts a process from a thread that lasts as long as this program. The kernel takes the end of the *thread* that
/// started a process for its parent's death, and the runtime's threads for blocking work come and go.
fn spawn(mut command: Command) -> io::Result<Child> {
    type Work = Box<dyn FnOnce() + Send>;
    static STARTER: LazyLock<mpsc::Sender<Work>> = LazyLock::new(|| {
        let (give, take) = mpsc::channel::<Work>();
        thread::spawn(move || take.into_iter().for_each(|work| work()));
        give
    });
    let runtime = Handle::current();
    let (answer, answered) = mpsc::sync_channel(1);
    let work = move || {
        let _runtime = runtime.enter();
        let _ = answer.send(command.spawn());
    };
    let gone = || io::Error::other("the thread that starts processes is gone");
    STARTER.send(Box::new(work)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// Not by the process itself, lest the limit be an argument that each of its roles has to take.
#[cfg(target_os = "linux")]
fn limit_processor(process: &Child, most: Duration) -> io::Result<()> {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let seconds = Some(most.as_secs().saturating_add(1));
    let limit = Rlimit {
        current: seconds,
        maximum: seconds,
    };
    let pid = process.id().and_then(|pid| Pid::from_raw(pid as i32));
    // Without a pid it has ended already, which shows when it is first heard.
    if let Some(pid) = pid {
        prlimit(Some(pid), Resource::Cpu, limit)?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn limit_processor(_: &Child, _: Duration) -> io::Result<()> {
    Ok(())
}

/// Turns what a process says (of a panic, most likely) into lines of the log.
async fn log(role: &'static str, words: ChildStderr) {
    let mut lines = BufReader::new(words.take(MAX_WORDS_BYTES)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::warn!(role, line, "a process that reads files says");
    }
}
