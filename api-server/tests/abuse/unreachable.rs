//! Whatever must not or cannot be connected to: one answer, and no connection.

use std::time::Duration;

use libtest_mimic::Trial;
use testing::pictures;

use crate::{
    suite::{Suite, case},
    support::{
        names::{NOWHERE, SECURE},
        origin::{Page, redirect},
        secure::{self, Authority, Trick},
    },
    world::{OWN_PUBLIC, World},
};

const LITERALS: [(&str, &str); 32] = [
    ("ipv4_loopback", "127.0.0.1"),
    ("ipv4_unspecified", "0.0.0.0"),
    ("decimal", "2130706433"),
    ("hexadecimal", "0x7f.1"),
    ("octal", "0177.0.0.1"),
    ("two_parts", "127.1"),
    ("full_width_digits", "１２７.０.０.１"),
    ("ipv6_loopback", "[::1]"),
    ("ipv6_unspecified", "[::]"),
    ("ipv6_mapped_loopback", "[::ffff:127.0.0.1]"),
    ("ipv6_compatible_loopback", "[::127.0.0.1]"),
    ("nat64", "[64:ff9b::a9fe:a9fe]"),
    ("nat64_local", "[64:ff9b:1::7f00:1]"),
    ("nat64_of_the_networks_own", "[2a02:64::a9fe:a9fe]"),
    ("six_to_four", "[2002:7f00:1::]"),
    ("teredo", "[2001:0:4136:e378:8000:63bf:80ff:fffe]"),
    ("isatap", "[2606:4700::5efe:7f00:1]"),
    ("metadata", "169.254.169.254"),
    ("metadata_ipv6", "[fd00:ec2::254]"),
    ("metadata_behind_public_address", "168.63.129.16"),
    ("private_10", "10.0.0.1"),
    ("private_172", "172.16.0.1"),
    ("private_192", "192.168.0.1"),
    ("private_ipv6", "[fc00::1]"),
    ("link_local_ipv6", "[fe80::1]"),
    ("carrier_nat", "100.64.0.1"),
    ("benchmarks", "198.18.0.1"),
    ("multicast", "224.0.0.1"),
    ("multicast_ipv6", "[ff02::1]"),
    ("broadcast", "255.255.255.255"),
    ("documentation", "192.0.2.1"),
    ("reserved", "240.0.0.1"),
];

const NAMES: [(&str, &str); 10] = [
    ("localhost", "localhost"),
    ("localhost_with_dot", "localhost."),
    ("private_name", "private.example"),
    ("private_name_ipv6", "private-v6.example"),
    ("mapped_name", "mapped.example"),
    ("public_and_private_name", "mixed.example"),
    ("public_and_private_name_ipv6", "mixed-v6.example"),
    ("name_behind_nat64", "nat64.example"),
    ("name_without_address", "empty.example"),
    ("unknown_name", "unknown.invalid"),
];

/// Where an origin sends us; `PORT` is the trap's.
const REDIRECTS: [(&str, &str); 8] = [
    ("literal_loopback", "http://127.0.0.1:PORT/"),
    ("mapped_loopback", "http://[::ffff:7f00:1]:PORT/"),
    ("private_name", "http://private.example:PORT/"),
    ("another_host_by_two_slashes", "//127.0.0.1:PORT/"),
    (
        "metadata_name",
        "http://metadata.google.internal:PORT/computeMetadata/v1/",
    ),
    ("file", "file:///etc/passwd"),
    ("port_22", "http://example.com:22/"),
    (
        "user_and_password",
        "http://user:password@example.com:PORT/",
    ),
];

pub fn cases() -> Vec<Trial> {
    let hosts = LITERALS
        .into_iter()
        .chain(NAMES)
        .map(|(name, host)| forbidden(name, host));
    let redirects = REDIRECTS.map(|(name, to)| redirected(name, to));
    let others = [
        case(name("rebinding"), rebinding),
        case(name("own_address"), own_address),
        case(name("closed_port"), closed_port),
        case(name("no_http"), no_http),
        case(name("no_tls"), no_tls),
        case(name("tls_handshake_without_end"), handshake_without_end),
        certificate("expired_certificate", Signer::Known, SECURE, 2021),
        certificate(
            "certificate_of_another_name",
            Signer::Known,
            "dog.example",
            2099,
        ),
        certificate("certificate_of_a_stranger", Signer::Stranger, SECURE, 2099),
        case(name("megabyte_of_headers"), megabyte_of_headers),
        case(name("headers_without_end"), headers_without_end),
    ];
    hosts.chain(redirects).chain(others).collect()
}

fn name(case: &str) -> String {
    format!("source_unreachable/{case}")
}

fn forbidden(case_name: &str, host: &'static str) -> Trial {
    case(name(case_name), async move |suite: &Suite| {
        suite
            .leads_nowhere(&format!("http://{host}:{}/cat.jpg", suite.trap.port))
            .await;
    })
}

fn redirected(to_what: &str, location: &'static str) -> Trial {
    case(
        name(&format!("redirect_to_{to_what}")),
        async move |suite: &Suite| {
            let location = location.replace("PORT", &suite.trap.port.to_string());
            let origin = suite.origin([("/", redirect(&location))]);
            suite.leads_nowhere(&origin.url("/")).await;
        },
    )
}

/// Public when it is asked for first, private ever after. What was classified
/// is connected to, and what is asked for again is classified again.
async fn rebinding(suite: &Suite) {
    for _ in 0..3 {
        let reply = suite
            .post_url(&format!("http://rebinding.example:{}/", suite.trap.port))
            .await;
        // What is public takes the connection, and closes it.
        match reply.json["code"].as_str() {
            Some("source_incomplete") => {}
            _ => suite.is_unreachable(reply),
        }
        suite.only_knocked_at(NOWHERE).await;
        // The first answer holds for a second.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
}

/// One that the world could reach us by, where there is one.
async fn own_address(suite: &Suite) {
    if suite.world == World::EveryAddressIsOurs {
        suite
            .leads_nowhere(&format!("http://[{OWN_PUBLIC}]:{}/", suite.trap.port))
            .await;
    }
    suite.leads_nowhere(&suite.url("/v1/models")).await;
}

async fn closed_port(suite: &Suite) {
    let closed = suite.port().local_addr().unwrap();
    suite.leads_nowhere(&format!("http://{closed}/")).await;
}

async fn no_http(suite: &Suite) {
    let origin = suite.origin([("/", Page::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()))]);
    suite.leads_nowhere(&origin.url("/")).await;
}

async fn no_tls(suite: &Suite) {
    let origin = suite.origin([]);
    suite
        .leads_nowhere(&origin.url("/").replace("http:", "https:"))
        .await;
}

async fn handshake_without_end(suite: &Suite) {
    let silent = suite.port();
    suite
        .leads_nowhere(&format!("https://{}/", silent.local_addr().unwrap()))
        .await;
}

enum Signer {
    Known,
    Stranger,
}

/// A good picture behind a certificate for `host`, and until the end of `last_year`.
fn certificate(case_name: &str, signer: Signer, host: &'static str, last_year: i32) -> Trial {
    case(name(case_name), async move |suite: &Suite| {
        let stranger = Authority::new();
        let signer = if let Signer::Known = signer {
            &suite.authority
        } else {
            &stranger
        };
        let good = Trick::Serve(pictures::photo(64, 64).into());
        suite
            .leads_nowhere(&secure::origin(
                suite.port(),
                signer,
                host,
                last_year,
                good.clone(),
            ))
            .await;
        // And all is well where the certificate is.
        let base = secure::origin(suite.port(), &suite.authority, SECURE, 2099, good);
        assert_eq!(suite.post_url(&base).await.status, 200);
    })
}

async fn megabyte_of_headers(suite: &Suite) {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let origin = suite.origin([("/", Page::Bytes(head.into_bytes()))]);
    suite.leads_nowhere(&origin.url("/")).await;
}

async fn headers_without_end(suite: &Suite) {
    let head = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(200_000));
    let origin = suite.origin([("/", Page::Bytes(head.into_bytes()))]);
    suite.leads_nowhere(&origin.url("/")).await;
}
