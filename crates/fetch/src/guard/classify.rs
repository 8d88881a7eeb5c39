//! Is an address one that the public internet routes? Everything else is
//! refused: an image service that can be sent to private addresses is a way
//! into the network that it runs in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 blocks of IANA's special-purpose registry that are not globally
/// routable, and two public addresses behind which clouds keep their own.
const REFUSED_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's metadata and DHCP, seen only from inside
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24), // Oracle's metadata among others
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24), // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Within `2000::/3`, the only unicast space that is handed out.
const REFUSED_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo among them
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !REFUSED_V4
            .iter()
            .any(|(block, bits)| within(v4.to_bits().into(), block.to_bits().into(), bits + 96)),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

/// Allow-list first: mapped, compatible and NAT64 addresses, unique-local,
/// link-local and multicast all lie outside `2000::/3`.
fn is_global_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    within(
        bits,
        Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).to_bits(),
        3,
    ) && !REFUSED_V6
        .iter()
        .any(|(block, length)| within(bits, block.to_bits(), *length))
        && !is_isatap(address)
}

/// ISATAP: an IPv4 address after `[02]00:5efe`, below any prefix.
fn is_isatap(address: Ipv6Addr) -> bool {
    let [.., high, low, _, _] = address.segments();
    high & 0xfdff == 0 && low == 0x5efe
}

/// Returns whether the first `length` of 128 bits agree.
fn within(address: u128, block: u128, length: u32) -> bool {
    (address ^ block) >> (128 - length) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLOBAL: &[&str] = &[
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450:4001::1",
        "2003::1",
        "2001:200::1",
    ];

    const REFUSED: &[&str] = &[
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:a00:1",
    ];

    #[test]
    fn only_what_the_internet_routes_is_global() {
        let parse = |text: &&str| text.parse::<IpAddr>().expect("an address");
        for text in GLOBAL {
            assert!(is_global(parse(text)), "{text} should be global");
        }
        for text in REFUSED {
            assert!(!is_global(parse(text)), "{text} should be refused");
        }
    }
}
