//! Another program that makes tiles, driven line by line.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

pub struct Rival {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Rival {
    /// `command`: program and arguments, none of which holds a space.
    pub fn start(command: &str) -> Self {
        let mut words = command.split(' ');
        let program = words.next().unwrap();
        let mut process = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            requests,
            answers,
        }
    }

    /// What `count` tiles of the photo took, all together.
    pub fn ns(&mut self, photo: &Path, count: u64) -> u64 {
        writeln!(self.requests, "{} {count}", photo.display()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let ns = answer.split(' ').next().and_then(|ns| ns.parse().ok());
        ns.unwrap_or_else(|| panic!("{}: {answer}", photo.display()))
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
