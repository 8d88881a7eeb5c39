//! An origin that answers with photos of one size at once, whatever path is asked for.

use bytes::Bytes;
use common::shutdown;
use loadtest::{
    origin::{self, Behaviour},
    photo,
};
use tokio::net::TcpListener;

const PHOTOS: u64 = 32;

pub fn of_size(width: usize, height: usize) -> turbojpeg::Result<Vec<Bytes>> {
    photo::pictures(PHOTOS, width, height)
}

#[tokio::main(flavor = "current_thread")]
pub async fn serve(listen: &str, photos: Vec<Bytes>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let behaviour = Behaviour {
        delay: "none".parse()?,
        drip: None,
        fail: 0.0,
        cut: 0.0,
        seed: 1,
    };
    origin::serve(listener, behaviour, photos, shutdown::on_signal()).await;
    Ok(())
}
