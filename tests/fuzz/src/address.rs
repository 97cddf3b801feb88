//! Addresses: what the standard library knows to be special, in every spelling of
//! IPv6 that carries an IPv4 address, is never dialled.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use venn_domain::egress::address::{vet, vet_all};

pub(crate) fn run(bytes: &[u8]) {
    let (chunks, _) = bytes.as_chunks::<16>();
    let mut all = Vec::new();
    for chunk in chunks {
        let v6 = Ipv6Addr::from(*chunk);
        let v4 = Ipv4Addr::new(chunk[0], chunk[1], chunk[2], chunk[3]);
        assert!(vet(v4.into()).is_err() || !special_v4(v4), "{v4}");
        assert!(vet(v6.into()).is_err() || !special_v6(v6), "{v6}");
        for carrier in carriers(v4) {
            assert!(vet(carrier.into()).is_err(), "{carrier} leads to {v4}");
        }
        all.extend([IpAddr::V4(v4), IpAddr::V6(v6)]);
    }
    let good: Vec<_> = all.iter().copied().filter(|address| vet(*address).is_ok()).collect();
    match vet_all(&all) {
        Ok(vetted) => assert_eq!(vetted, good),
        Err(why) => assert!(good.is_empty() && !why.is_empty()),
    }
}

fn special_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    let shared = a == 100 && b & 0b1100_0000 == 64;
    let benchmarks = a == 198 && b & 0b1111_1110 == 18;
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        || shared
        || benchmarks
        || a == 0
        || a >= 240
}

fn special_v6(v6: Ipv6Addr) -> bool {
    let documentation = v6.segments()[..2] == [0x2001, 0xdb8];
    v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        || v6.to_ipv4().is_some()
        || documentation
}

/// Mapped, compatible, translated (both prefixes), 6to4, Teredo, ISATAP.
fn carriers(v4: Ipv4Addr) -> [Ipv6Addr; 7] {
    let [a, b, c, d] = v4.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    [
        v4.to_ipv6_mapped(),
        v4.to_ipv6_compatible(),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
        Ipv6Addr::new(0x2a00, 1, 2, 3, 0, 0x5efe, high, low),
    ]
}
