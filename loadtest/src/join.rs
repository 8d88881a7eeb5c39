//! Several generators as one: they wait for each other, start together, and
//! hand their counts to the one that gathers, a line of JSON each.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::outcome::Outcome;

const GO: &str = "go\n";
/// A generator's result is some hundred kilobytes; this is what is read at the most.
const MAX_RESULT_BYTES: u64 = 64 << 20;
/// For the others to come, and for the slowest to end after the fastest.
const PATIENCE: Duration = Duration::from_secs(3_600);
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// A generator's place among the others.
#[derive(Debug)]
pub struct Joined {
    stream: TcpStream,
}

impl Joined {
    /// Returns when all are there. The one that gathers may be started later.
    pub async fn wait(gatherer: &str) -> anyhow::Result<Self> {
        let joined = async {
            loop {
                match TcpStream::connect(gatherer).await {
                    Ok(stream) => return stream,
                    Err(_) => tokio::time::sleep(RETRY_EVERY).await,
                }
            }
        };
        let mut stream = timeout(PATIENCE, joined)
            .await
            .with_context(|| format!("nobody gathers at {gatherer}"))?;
        let mut go = [0; GO.len()];
        stream
            .read_exact(&mut go)
            .await
            .context("the one that gathers left")?;
        Ok(Self { stream })
    }

    pub async fn hand_in(mut self, outcome: &Outcome) -> anyhow::Result<()> {
        let line = serde_json::to_string(outcome)? + "\n";
        self.stream
            .write_all(line.as_bytes())
            .await
            .context("handing in the result")?;
        self.stream
            .shutdown()
            .await
            .context("handing in the result")
    }
}

/// Waits for so many generators, lets them go, and adds up what they found.
pub async fn gather(listen: SocketAddr, generators: usize) -> anyhow::Result<Outcome> {
    ensure!(generators > 0, "no generators are waited for");
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen}"))?;
    println!(
        "gathering {generators} generators at {}",
        listener.local_addr()?
    );
    gather_at(listener, generators).await
}

async fn gather_at(listener: TcpListener, generators: usize) -> anyhow::Result<Outcome> {
    let mut streams = Vec::new();
    while streams.len() < generators {
        let (stream, from) = timeout(PATIENCE, listener.accept())
            .await
            .context("some generators never came")??;
        println!("{from} is there");
        streams.push(stream);
    }
    for stream in &mut streams {
        stream.write_all(GO.as_bytes()).await?;
    }
    let mut all: Option<Outcome> = None;
    for stream in streams {
        let one = timeout(PATIENCE, read(stream))
            .await
            .context("a generator never ended")??;
        all = Some(all.map_or(one.clone(), |all| all.merged(&one)));
    }
    all.context("no generator")
}

async fn read(stream: TcpStream) -> anyhow::Result<Outcome> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_RESULT_BYTES))
        .read_line(&mut line)
        .await?;
    ensure!(!line.is_empty(), "a generator left without a result");
    Ok(serde_json::from_str(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn generators_wait_for_each_other_and_are_added_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let generator = async |sent| {
            let joined = Joined::wait(&address).await.expect("all came");
            joined
                .hand_in(&Outcome {
                    sent,
                    ..Outcome::default()
                })
                .await
                .expect("handed in");
        };
        let (all, (), ()) = tokio::join!(gather_at(listener, 2), generator(3), generator(4));
        assert_eq!(all.expect("two results").sent, 7);
    }

    #[tokio::test]
    async fn a_generator_that_dies_is_no_result() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let dying = async {
            let _joined = Joined::wait(&address).await.expect("all came");
        };
        let (all, ()) = tokio::join!(gather_at(listener, 1), dying);
        assert!(all.is_err());
    }
}
