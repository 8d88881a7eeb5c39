//! Any text as an image's URL, as a redirect, and as an address.
//!
//! The two files are taken in by path: they need nothing but std and url, and
//! the crate around them would bring an HTTP server and a client, minutes of
//! building with a sanitizer.
#![no_main]

#[allow(dead_code, reason = "the crate around it uses more")]
#[path = "../../crates/fetch/src/guard/classify.rs"]
mod classify;
#[allow(dead_code, reason = "the crate around it uses more")]
#[path = "../../crates/fetch/src/guard/rules.rs"]
mod rules;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use classify::is_global;
use rules::Rules;
use url::{Host, Url};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    addresses(bytes).into_iter().for_each(check_address);
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let rules = Rules {
        ports: vec![80, 443],
        excused: Vec::new(),
    };
    if let Ok(url) = rules.parse(text) {
        check_url(&url);
        assert_eq!(
            rules.parse(url.as_str()).as_ref(),
            Ok(&url),
            "its own text is another URL"
        );
    }
    let from = Url::parse("https://example.com/a/b.jpg").expect("a URL");
    if let Ok(next) = from.join(text)
        && rules.check(&next).is_ok()
    {
        check_url(&next);
    }
});

/// What holds of a URL that was accepted.
fn check_url(url: &Url) {
    assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{url}"
    );
    assert!(
        matches!(url.port_or_known_default(), Some(80 | 443)),
        "{url}"
    );
    match url.host().expect("a host") {
        Host::Ipv4(v4) => check_address(v4.into()),
        Host::Ipv6(v6) => check_address(v6.into()),
        // Nobody would classify an address that passes for a name.
        Host::Domain(name) => {
            assert!(!name.is_empty());
            assert!(
                name.strip_suffix('.')
                    .unwrap_or(name)
                    .parse::<IpAddr>()
                    .is_err(),
                "{url}"
            );
        }
    }
}

fn addresses(bytes: &[u8]) -> Vec<IpAddr> {
    let v4 = bytes.first_chunk::<4>().map(|octets| IpAddr::from(*octets));
    let v6 = bytes
        .first_chunk::<16>()
        .map(|octets| IpAddr::from(*octets));
    v4.into_iter().chain(v6).collect()
}

fn check_address(address: IpAddr) {
    let private = match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    };
    assert!(
        !(private && is_global(address)),
        "{address} passes for global"
    );
}

/// A second opinion, by the standard library where it has one.
fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_documentation()
        || first == 0
        || first >= 240
        || (first == 100 && second & 0xc0 == 64)
        || (first == 198 && second & 0xfe == 18)
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        || embedded(v6).into_iter().any(is_private_v4)
}

/// The IPv4 addresses that a gateway might take this one for.
fn embedded(v6: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = v6.octets();
    let at = |from: usize| {
        Ipv4Addr::from_octets([
            octets[from],
            octets[from + 1],
            octets[from + 2],
            octets[from + 3],
        ])
    };
    let flipped = |v4: Ipv4Addr| Ipv4Addr::from_bits(!v4.to_bits());
    match v6.segments() {
        // Compatible, mapped, translated
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![at(12)],
        // NAT64
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => vec![at(12)],
        // 6to4
        [0x2002, ..] => vec![at(2)],
        // Teredo: its server, and its client with every bit flipped
        [0x2001, 0, ..] => vec![at(4), flipped(at(12))],
        // ISATAP
        [.., 0 | 0x200, 0x5efe, _, _] => vec![at(12)],
        _ => Vec::new(),
    }
}
