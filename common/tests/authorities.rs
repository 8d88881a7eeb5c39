//! TLS to a broker, a Redis and an object store whose certificates an authority of one's own has signed.

use std::{
    io::{BufRead, BufReader, ErrorKind, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{
    bus::{Bus, BusConfig, BusError},
    queue::{JobQueue, Message, Priority, Queue, QueueConfig, QueueKind},
    store::{Store, StoreConfig, StoreError},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use testing::servers::{Port, RabbitMq, Redis, eventually, unique};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A folder with an authority, and with a certificate of `127.0.0.1` and its key, signed by it.
struct Signed(TempDir);

impl Signed {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("signed");
        let root = pem("CERTIFICATE", root.der());
        let issuer = Issuer::new(params, key);
        let server = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&server, &issuer).expect("signed");
        for (file, text) in [
            ("authority.pem", root),
            ("server.pem", pem("CERTIFICATE", certificate.der())),
            ("server.key", pem("PRIVATE KEY", &server.serialize_der())),
        ] {
            std::fs::write(folder.path().join(file), text).expect("it is written");
        }
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn show(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
}

fn bus_config(port: &Port, authority: Option<&Path>) -> BusConfig {
    BusConfig {
        bus_url: format!("rediss://127.0.0.1:{}/0", port.number()),
        bus_prefix: unique("tls"),
        result_ttl_s: 60,
        max_waiters: 10,
        require_seals: false,
        bus_ca_file: authority.map(Path::to_owned),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_of_ones_own_authority_is_trusted_where_it_is_named() {
    let signed = Signed::new();
    let port = Port::reserve();
    let tls = format!(
        "--tls-port {} --tls-auth-clients no --tls-cert-file '{}' --tls-key-file '{}' --tls-ca-cert-file '{}'",
        port.number(),
        signed.show("server.pem"),
        signed.show("server.key"),
        signed.show("authority.pem"),
    );
    let _redis = Redis::start_with(&tls).await;
    let authority = signed.file("authority.pem");
    let config = bus_config(&port, Some(&authority));
    let bus = Bus::connect(&config).await.expect("it is trusted");
    // Commands and subscriptions have connections of their own.
    bus.open_inbox("api-1").await.expect("it subscribes");
    assert!(bus.is_ready());
    let refused = Bus::connect(&bus_config(&port, None)).await;
    assert!(matches!(refused, Err(BusError::Unavailable(_))));
    let nowhere = bus_config(&port, Some(Path::new("/nowhere")));
    let refused = Bus::connect(&nowhere).await;
    assert!(matches!(refused, Err(BusError::CaFile(_))));
}

fn queue_config(port: &Port, authority: Option<&Path>) -> QueueConfig {
    QueueConfig {
        queue_url: format!("amqps://guest:guest@127.0.0.1:{}/%2f", port.number()),
        queue_prefix: unique("tls"),
        queue_max_length: 10,
        queue_bundle: 1,
        queue_max_attempts: 3,
        queue_publish_timeout_ms: 10_000,
        queue_declare: true,
        queue_realtime: QueueKind::Quorum,
        queue_ca_file: authority.map(Path::to_owned),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_ones_own_authority_is_trusted_where_it_is_named() {
    let signed = Signed::new();
    let port = Port::reserve();
    let tls = format!(
        "listeners.ssl.default = 127.0.0.1:{}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
         ssl_options.cacertfile = {}\nssl_options.verify = verify_none",
        port.number(),
        signed.show("server.pem"),
        signed.show("server.key"),
        signed.show("authority.pem"),
    );
    let _broker = RabbitMq::start_with(&tls).await;
    let authority = signed.file("authority.pem");
    let config = queue_config(&port, Some(&authority));
    // The port of TLS may open a moment after the other.
    let queue = eventually("it is trusted", async || Queue::connect(&config).await.ok()).await;
    let message = Message {
        payload: "job".into(),
        ttl: std::time::Duration::from_secs(60),
    };
    let published = queue.publish(JobQueue::Tagging, Priority::Realtime, message);
    published.await.expect("it is taken");
    queue.close().await;
    let refused = Queue::connect(&queue_config(&port, None)).await;
    refused.expect_err("nobody vouches for it");
}

/// Speaks as much of S3 as it takes to say that an object is not there, over TLS alone.
struct EmptyBucket {
    port: u16,
    /// Hears of each client that breaks the handshake off.
    distrusted: UnboundedReceiver<()>,
}

impl EmptyBucket {
    fn start(signed: &Signed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let config = Arc::new(server_config(signed));
        let (tell, distrusted) = unbounded_channel();
        // It ends with this program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = config.clone();
                let tell = tell.clone();
                std::thread::spawn(move || answer(stream, config, &tell));
            }
        });
        Self { port, distrusted }
    }

    /// Opens it as a role does.
    fn open(&self, authority: Option<&Path>) -> Result<Store, StoreError> {
        let config = StoreConfig {
            store_url: Some("s3://bucket/tagfleet".to_owned()),
            store_ca_file: authority.map(Path::to_owned),
            ..StoreConfig::default()
        };
        let endpoint = format!("https://127.0.0.1:{}", self.port);
        let environment = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Store::open_in(&config, environment.into_iter())
    }
}

fn server_config(signed: &Signed) -> ServerConfig {
    common::tls::install_provider();
    let certificate = CertificateDer::from_pem_file(signed.file("server.pem"));
    let key = PrivateKeyDer::from_pem_file(signed.file("server.key"));
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("a certificate")],
            key.expect("a key"),
        )
        .expect("they belong together")
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>, tell: &UnboundedSender<()>) {
    let connection = ServerConnection::new(config).expect("it is configured");
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        match stream.read_line(&mut line) {
            Ok(1..) => {}
            // An alert.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let _ = tell.send(());
                return;
            }
            Ok(0) | Err(_) => return,
        }
    }
    let absent = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = stream.get_mut().write_all(absent);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_of_ones_own_authority_is_trusted_where_it_is_named() {
    let signed = Signed::new();
    let mut bucket = EmptyBucket::start(&signed);
    let trusting = bucket.open(Some(&signed.file("authority.pem")));
    let found = trusting.expect("it opens").get("a").await;
    assert_eq!(found.expect("it is trusted"), None);
    // The client tries for minutes, so it is the server that tells.
    let stranger = bucket.open(None).expect("it opens");
    tokio::select! {
        found = stranger.get("a") => assert!(found.is_err(), "nobody vouches for it"),
        told = bucket.distrusted.recv() => told.expect("the server is there"),
    }
    for file in [PathBuf::from("/nowhere"), signed.file("server.key")] {
        let refused = bucket.open(Some(&file));
        assert!(matches!(refused, Err(StoreError::CaFile(_))), "{file:?}");
    }
}
