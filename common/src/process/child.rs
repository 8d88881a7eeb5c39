//! A process that reads foreign files for this one. It confines itself before it reads the first byte.

use std::{io, path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};

/// One process is listened to for so long; then its words meet a closed pipe.
const MAX_WORDS_BYTES: u64 = 64 << 10;

/// A running process and its pipes. Dropped, it ends the process.
#[derive(Debug)]
pub struct Reader {
    pub process: Child,
    pub to: ChildStdin,
    pub from: ChildStdout,
}

/// Starts `program` in a role of it that takes the bytes of memory that it may have as its argument. It gets no other
/// environment than `environment`.
pub fn start_reader(
    program: &Path,
    role: &'static str,
    memory_bytes: u64,
    environment: &[(&str, &str)],
) -> io::Result<Reader> {
    let mut process = Command::new(program)
        .arg(role)
        .arg(memory_bytes.to_string())
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal is for the server, which still has files to finish.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
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

/// Turns what a process says (of a panic, most likely) into lines of the log.
async fn log(role: &'static str, words: ChildStderr) {
    let mut lines = BufReader::new(words.take(MAX_WORDS_BYTES)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::warn!(role, line, "a process that reads files says");
    }
}
