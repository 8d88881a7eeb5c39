//! Requests that no HTTP client would send, byte by byte.

use testing::servers::PATIENCE;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// `base`: the server's URL.
pub async fn connect(base: &str) -> TcpStream {
    TcpStream::connect(base.trim_start_matches("http://"))
        .await
        .expect("it listens")
}

/// All that comes back until the server closes the connection.
pub async fn send(base: &str, request: impl AsRef<[u8]>) -> String {
    let mut stream = connect(base).await;
    // What does not read to the end may close while it is still being written to.
    let _ = stream.write_all(request.as_ref()).await;
    rest(stream).await
}

pub async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = async {
        let mut piece = [0; 4096];
        // A connection that is reset has given what it had before.
        while let Ok(bytes @ 1..) = stream.read(&mut piece).await {
            answer.extend_from_slice(&piece[..bytes]);
        }
    };
    timeout(PATIENCE, read)
        .await
        .expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}
