use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Args;
use common::{config::SHARE, shutdown};
use tokio::net::TcpListener;

use crate::{
    origin::{self, Behaviour, Delay, Drip},
    photo,
};

#[derive(Debug, Args)]
pub struct Origin {
    /// Where to listen. A service fetches from here only if it was told `--fetch-allow-origin http://127.0.0.1:9000`
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,

    /// A folder of photos [default: pictures of nothing are made]
    #[arg(long)]
    photos: Option<PathBuf>,

    /// Size of those that are made, pixels
    #[arg(long, default_value = "1024x768", value_parser = size)]
    size: (usize, usize),

    /// How many different ones are made
    #[arg(long, default_value_t = 16)]
    count: u64,

    /// Until the first byte: none, fixed:MS, lognormal:MEDIAN_MS,SIGMA, pareto:LEAST_MS,ALPHA (a heavy tail)
    #[arg(long, default_value = "none")]
    delay: Delay,

    /// SHARE:BYTES_PER_S: so large a part comes in drops
    #[arg(long)]
    drip: Option<Drip>,

    /// So large a part is answered 503
    #[arg(long, value_parser = SHARE, default_value_t = 0.0)]
    fail: f64,

    /// So large a part breaks off half-way
    #[arg(long, value_parser = SHARE, default_value_t = 0.0)]
    cut: f64,

    /// The same seed and path give the same delay and fate
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Origin {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let photos = self.photos()?;
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("listening on {}", self.listen))?;
        let bytes = photos.iter().map(Bytes::len).sum::<usize>() / photos.len();
        println!(
            "{} photos of {bytes} bytes on average at http://{}/",
            photos.len(),
            listener.local_addr()?
        );
        let Self {
            delay,
            drip,
            fail,
            cut,
            seed,
            ..
        } = self;
        let behaviour = Behaviour {
            delay,
            drip,
            fail,
            cut,
            seed,
        };
        origin::serve(listener, behaviour, photos, shutdown::on_signal()).await;
        Ok(ExitCode::SUCCESS)
    }

    fn photos(&self) -> anyhow::Result<Vec<Bytes>> {
        let Some(folder) = &self.photos else {
            ensure!(self.count > 0, "--count must be more than 0");
            return Ok(photo::pictures(self.count, self.size.0, self.size.1)?);
        };
        let mut photos = Vec::new();
        for entry in
            fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_file() {
                photos.push(Bytes::from(
                    fs::read(&path).with_context(|| format!("reading {}", path.display()))?,
                ));
            }
        }
        if photos.is_empty() {
            bail!("{} holds no file", folder.display());
        }
        Ok(photos)
    }
}

/// Reads the size of a picture.
pub fn size(text: &str) -> Result<(usize, usize), String> {
    let read = || {
        let (width, height) = text.split_once('x')?;
        let side = |text: &str| text.parse().ok().filter(|side| (1..=16_384).contains(side));
        Some((side(width)?, side(height)?))
    };
    read().ok_or_else(|| format!("`{text}` is no size such as 1024x768"))
}
