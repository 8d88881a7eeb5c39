use tempfile::TempDir;

use super::{Port, folder, group::Group, listening};

/// A private Redis server that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    port: Port,
    folder: TempDir,
    options: String,
    group: Group,
}

impl Redis {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with further options of `redis-server`, as a shell reads them.
    pub async fn start_with(options: &str) -> Self {
        let folder = folder::on_disk();
        let port = Port::reserve();
        let group = launch(port.number(), &folder, options);
        let redis = Self {
            port,
            group,
            folder,
            options: options.to_owned(),
        };
        listening(redis.port()).await;
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port())
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process group, for whoever counts what it uses.
    pub fn group(&self) -> u32 {
        self.group.id()
    }

    pub fn kill9(&mut self) {
        self.group.kill9();
    }

    /// On the same port, empty.
    pub async fn restart(&mut self) {
        self.kill9();
        self.group = launch(self.port(), &self.folder, &self.options);
        listening(self.port()).await;
    }

    /// Runs one command and returns what redis-cli prints.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let port = self.port().to_string();
        let mut command = tokio::process::Command::new("redis-cli");
        let output = command
            .args(["-p", &port])
            .args(arguments)
            .output()
            .await
            .expect("redis-cli is installed");
        assert!(output.status.success(), "redis-cli {arguments:?} failed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn launch(port: u16, folder: &TempDir, options: &str) -> Group {
    let folder = folder.path().display();
    let quiet = r#"--save "" --appendonly no"#;
    Group::start(
        &format!(
            "exec redis-server --port {port} --bind 127.0.0.1 --dir '{folder}' {quiet} {options}"
        ),
        &[],
    )
}
