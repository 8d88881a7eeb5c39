//! An https origin with a certificate authority of its own, which speaks
//! HTTP/2 and nothing else.

use std::{future::poll_fn, net::TcpListener as StdListener, sync::Arc, time::Duration};

use bytes::Bytes;
use fetch::World;
use h2::{SendStream, server::SendResponse};
use http::{HeaderName, HeaderValue, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

use super::names::{Answers, SECURE};

/// Signs for whom it is told to.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub root: CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("signed").der().clone();
        Self {
            issuer: Issuer::new(params, key),
            root,
        }
    }

    /// A world that trusts it, in which every name is this host.
    pub fn world(&self) -> World {
        World {
            names: Answers::here(),
            extra_roots: vec![self.root.clone()],
        }
    }

    fn server(&self, name: &str, last_year: i32) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("signed")
            .der()
            .clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        let mut config = config.expect("a certificate and its key");
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }
}

#[derive(Clone)]
pub enum Trick {
    Serve(Bytes),
    Silent,
    Drip,
    Endless,
    LargeHead,
    /// 1xx answers without end.
    Informs,
    /// Fewer bytes than announced.
    Short,
}

/// Starts one and returns its base URL. `name` and `last_year` are the certificate's.
pub fn origin(
    listener: StdListener,
    authority: &Authority,
    name: &str,
    last_year: i32,
    trick: Trick,
) -> String {
    let acceptor = TlsAcceptor::from(Arc::new(authority.server(name, last_year)));
    listener
        .set_nonblocking(true)
        .expect("a socket can be set so");
    let listener = TcpListener::from_std(listener).expect("a runtime");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(acceptor.clone(), stream, trick.clone()));
        }
    });
    format!("https://{SECURE}:{port}")
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, trick: Trick) -> Option<()> {
    let stream = acceptor.accept(stream).await.ok()?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(Ok((request, respond))) = connection.accept().await {
        assert_eq!(request.version(), http::Version::HTTP_2);
        tokio::spawn(answer(respond, trick.clone()));
    }
    Some(())
}

async fn answer(mut respond: SendResponse<Bytes>, trick: Trick) -> Option<()> {
    match trick {
        Trick::Serve(file) => head(&mut respond, Response::new(()))?
            .send_data(file, true)
            .ok(),
        Trick::Silent => {
            sleep(Duration::from_secs(60)).await;
            Some(())
        }
        Trick::Drip => {
            let mut body = head(&mut respond, Response::new(()))?;
            loop {
                body.send_data(Bytes::from_static(b"x"), false).ok()?;
                sleep(Duration::from_millis(30)).await;
            }
        }
        Trick::Endless => endless(head(&mut respond, Response::new(()))?).await,
        Trick::LargeHead => {
            let mut response = Response::new(());
            let value = HeaderValue::from_bytes(&[b'x'; 60_000]).expect("printable");
            response
                .headers_mut()
                .extend((0..20).map(|n| (large_header(n), value.clone())));
            head(&mut respond, response)?
                .send_data(Bytes::new(), true)
                .ok()
        }
        Trick::Informs => loop {
            for _ in 0..100 {
                let hints = Response::builder()
                    .status(103)
                    .body(())
                    .expect("a response");
                respond.send_informational(hints).ok()?;
            }
            sleep(Duration::from_millis(1)).await;
        },
        Trick::Short => {
            let response = Response::builder()
                .header("content-length", 5_000)
                .body(())
                .expect("a response");
            head(&mut respond, response)?
                .send_data(Bytes::from_static(b"short"), true)
                .ok()
        }
    }
}

fn large_header(n: u32) -> HeaderName {
    HeaderName::try_from(format!("x-padding-{n}")).expect("a name")
}

fn head(respond: &mut SendResponse<Bytes>, response: Response<()>) -> Option<SendStream<Bytes>> {
    respond.send_response(response, false).ok()
}

async fn endless(mut body: SendStream<Bytes>) -> Option<()> {
    loop {
        body.reserve_capacity(0x10000);
        let room = poll_fn(|cx| body.poll_capacity(cx)).await?.ok()?;
        body.send_data(Bytes::from(vec![b'x'; room]), false).ok()?;
    }
}
