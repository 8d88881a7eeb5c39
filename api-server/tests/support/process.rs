//! A server in a process of its own, seen from outside.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use testing::servers::PATIENCE;

pub struct Server {
    pub base: String,
    pub pid: u32,
    child: Mutex<Child>,
    /// All that it has said on standard error.
    log: File,
}

impl Server {
    /// This program again, in its role as a server; `args` say where it listens. `environment` comes beside its own.
    pub fn start(args: &[String], environment: &[(&str, String)]) -> Self {
        let log = tempfile::tempfile().expect("a temporary file");
        let mut child = Command::new("/proc/self/exe")
            .arg("server")
            .args(args)
            // Every request is worked on, unless a test is of the cache.
            .env("TAGFLEET_CACHE", "off")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().expect("a second handle"))
            .spawn()
            .expect("this program starts again");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut address)
            .expect("text");
        let server = Self {
            base: format!("http://{}", address.trim()),
            pid: child.id(),
            child: child.into(),
            log,
        };
        assert!(
            !address.is_empty(),
            "the server did not start:\n{}",
            server.last_words()
        );
        server
    }

    pub fn log(&self) -> String {
        let length = self.log.metadata().expect("a file").len() as usize;
        let mut bytes = vec![0; length];
        // At a place, so that the server's own place in the file stays.
        self.log
            .read_exact_at(&mut bytes, 0)
            .expect("it only grows");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of it, for a failed test.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The same process all along.
    pub fn runs(&self) -> bool {
        self.child
            .lock()
            .expect("not poisoned")
            .try_wait()
            .expect("a child")
            .is_none()
    }

    /// The process ids of those that decode.
    pub fn decoders(&self) -> Vec<u32> {
        let all = fs::read_dir("/proc")
            .expect("a system with /proc")
            .flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut children: Vec<u32> = pids
            .filter(|pid| status_of(*pid, "PPid:") == Some(self.pid.into()))
            .collect();
        children.sort_unstable();
        children
    }

    /// Resident memory of the server and its decoders, MiB.
    pub fn resident_mib(&self) -> f64 {
        let all = self.decoders().into_iter().chain([self.pid]);
        all.filter_map(|pid| status_of(pid, "VmRSS:")).sum::<u64>() as f64 / 1024.0
    }

    /// What they have that lies in no file: unlike all that is resident, it does not grow by what of the program is used.
    pub fn anonymous(&self) -> Anonymous {
        let mib = |pid: u32| status_of(pid, "RssAnon:").unwrap_or(0) as f64 / 1024.0;
        Anonymous {
            server_mib: mib(self.pid),
            decoders_mib: self.decoders().into_iter().map(mib).sum(),
        }
    }

    /// As at the end of a test: asks it to end, and waits.
    pub fn stop(&self) -> ExitStatus {
        let mut child = self.child.lock().expect("not poisoned");
        drop(child.stdin.take());
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().expect("a child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child
            .kill()
            .and_then(|()| child.wait())
            .expect("a child can be ended");
        panic!("the server did not end:\n{}", self.last_words());
    }
}

pub struct Anonymous {
    pub server_mib: f64,
    pub decoders_mib: f64,
}

/// A number of /proc/PID/status; memory is in KiB there.
fn status_of(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}
