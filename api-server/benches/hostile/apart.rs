//! The hostile side, origins and load, in a process of its own: what it takes
//! to make bodies without an end shall not be in the times of good requests.

use std::{env, io, process::Stdio, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{
    load::{Load, Measured},
    mix::Mix,
};

const ROLE: &str = "hostile";

pub struct Hostile {
    // Ends the process when dropped.
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// The bases of its origins.
    pub bases: String,
}

impl Hostile {
    /// `kinds` are names of kinds, or none for all.
    pub async fn start(kinds: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command
            .args([ROLE, kinds])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        let orders = process.stdin.take().context("a pipe")?;
        let answers = process.stdout.take().context("a pipe")?;
        let mut answers = BufReader::new(answers).lines();
        let bases = answers
            .next_line()
            .await?
            .context("the hostile process did not start")?;
        Ok(Self {
            _process: process,
            orders,
            answers,
            bases,
        })
    }

    pub async fn run(
        &mut self,
        server: &str,
        per_second: u32,
        time: Duration,
    ) -> anyhow::Result<Measured> {
        let order = format!("{server} {per_second} {}\n", time.as_secs_f64());
        self.orders.write_all(order.as_bytes()).await?;
        let answer = self
            .answers
            .next_line()
            .await?
            .context("the hostile process ended")?;
        Ok(serde_json::from_str(&answer)?)
    }
}

/// Whether this process is such a one; then it ends with its standard input.
pub fn played() -> anyhow::Result<bool> {
    if env::args().nth(1).as_deref() != Some(ROLE) {
        return Ok(false);
    }
    obey()?;
    Ok(true)
}

#[tokio::main]
async fn obey() -> anyhow::Result<()> {
    let mix = Mix::start(&env::args().nth(2).unwrap_or_default()).await;
    println!("{}", mix.bases().collect::<Vec<_>>().join(","));
    while let Some(order) = tokio::task::spawn_blocking(next_order).await?? {
        let [server, per_second, seconds] = order.split_whitespace().collect::<Vec<_>>()[..] else {
            anyhow::bail!("SERVER PER_SECOND SECONDS, not {order:?}");
        };
        let load = Arc::new(Load::new(server)?);
        let time = Duration::from_secs_f64(seconds.parse()?);
        let measured = load.run(per_second.parse()?, time, mix.urls()).await;
        println!("{}", serde_json::to_string(&measured)?);
    }
    Ok(())
}

fn next_order() -> io::Result<Option<String>> {
    let mut line = String::new();
    Ok((io::stdin().read_line(&mut line)? > 0).then_some(line))
}
