//! A process group that ends with this process, however this process ends.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// A shell leads the group and reads its standard input, whose other end is
/// ours alone. When we drop it, or die, the read ends, and the shell kills
/// its whole group and nothing else.
const LEADER: &str = r#"sh -c "$0" <&- & read -r _; kill -9 0"#;

#[derive(Debug)]
pub struct Group {
    leader: Child,
}

impl Group {
    /// `script` for the shell, with `environment` on top of an empty one.
    pub fn start(script: &str, environment: &[(&str, String)]) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", LEADER, script])
            .process_group(0)
            .stdin(Stdio::piped());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        if std::env::var_os("TAGFLEET_TEST_OUTPUT").is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Self {
            leader: command.spawn().expect("a shell can be started"),
        }
    }

    /// By which the kernel knows it.
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// SIGKILL to all of it, at once.
    pub fn kill9(&mut self) {
        drop(self.leader.stdin.take());
        let _ = self.leader.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill9();
    }
}
