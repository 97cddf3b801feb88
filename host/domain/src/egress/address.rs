//! Special-purpose addresses are refused, whatever name led to them.
//!
//! The caller resolves once, asks [`vet_all`], and dials only what came back:
//! a second look-up could answer differently. To add a range: one line in
//! [`REFUSED_V4`] or [`REFUSED_V6`] with its reason.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Network, prefix length, reason. From IANA's special-purpose registry.
type Range<A> = (A, u8, &'static str);

const REFUSED_V4: [Range<Ipv4Addr>; 20] = [
    (Ipv4Addr::UNSPECIFIED, 8, "it is an address of this network (0.0.0.0/8)"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "it is a private address (10.0.0.0/8)"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "it is a carrier's internal address (100.64.0.0/10)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "it is a loopback address (127.0.0.0/8)"),
    // Azure's host agent answers on a public address.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "it is a cloud's metadata service (168.63.129.16)"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "it is a link-local address (169.254.0.0/16)"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "it is a private address (172.16.0.0/12)"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "it is reserved for protocols (192.0.0.0/24)"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "it is for documentation (192.0.2.0/24)"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "it is reserved for protocols (192.31.196.0/24)"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "it is reserved for protocols (192.52.193.0/24)"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "it is a relay address (192.88.99.0/24)"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "it is a private address (192.168.0.0/16)"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "it is reserved for protocols (192.175.48.0/24)"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "it is for benchmarks (198.18.0.0/15)"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "it is for documentation (198.51.100.0/24)"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "it is for documentation (203.0.113.0/24)"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "it is a multicast address (224.0.0.0/4)"),
    (Ipv4Addr::BROADCAST, 32, "it is the broadcast address (255.255.255.255)"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "it is reserved (240.0.0.0/4)"),
];

/// Inside `2000::/3`; what is outside is refused as a whole, below.
const REFUSED_V6: [Range<Ipv6Addr>; 6] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "it is a Teredo address (2001::/32)"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "it is reserved for protocols (2001::/23)"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "it is for documentation (2001:db8::/32)"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "it is a 6to4 address (2002::/16)"),
    (
        Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0),
        48,
        "it is reserved for protocols (2620:4f:8000::/48)",
    ),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "it is for documentation (3fff::/20)"),
];

/// Outside `2000::/3`: named for the text only, everything there is refused.
const NAMED_V6: [Range<Ipv6Addr>; 10] = [
    (Ipv6Addr::UNSPECIFIED, 128, "it is the unspecified address (::)"),
    (Ipv6Addr::LOCALHOST, 128, "it is the loopback address (::1)"),
    (
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
        96,
        "it is an IPv4 address in IPv6 (::ffff:0:0/96)",
    ),
    (Ipv6Addr::UNSPECIFIED, 96, "it is an IPv4 address in IPv6 (::/96)"),
    (
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0),
        96,
        "it is a translated IPv4 address (64:ff9b::/96)",
    ),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        "it is a translated IPv4 address (64:ff9b:1::/48)",
    ),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "it is a discard address (100::/64)"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "it is a private address (fc00::/7)"),
    // Site-local (fec0::/10) is right above it.
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 9, "it is a link- or site-local address"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "it is a multicast address (ff00::/8)"),
];

/// Whether an outbound call may be dialled to this address.
pub fn vet(address: IpAddr) -> Result<(), &'static str> {
    match address {
        IpAddr::V4(v4) => {
            let bits = u32::from(v4);
            let inside = |(network, length, _): &&Range<Ipv4Addr>| {
                let shift = 32 - u32::from(*length);
                bits >> shift == u32::from(*network) >> shift
            };
            REFUSED_V4.iter().find(inside).map_or(Ok(()), |(_, _, why)| Err(*why))
        }
        IpAddr::V6(v6) => {
            let bits = u128::from(v6);
            let inside = |(network, length, _): &&Range<Ipv6Addr>| {
                let shift = 128 - u32::from(*length);
                bits >> shift == u128::from(*network) >> shift
            };
            if let Some((_, _, why)) = NAMED_V6.iter().chain(&REFUSED_V6).find(inside) {
                return Err(why);
            }
            // ISATAP: the interface's half carries an IPv4 address, and a tunnel
            // of this machine would send there.
            if (bits >> 32) & 0xfdff_ffff == 0x5efe {
                return Err("it is an IPv4 address in IPv6 (ISATAP)");
            }
            if bits >> 125 == 0b001 { Ok(()) } else { Err("it is not a public address (2000::/3)") }
        }
    }
}

/// The addresses of a name that may be dialled, in their order. Forbidden ones
/// are left out; if none remains, the reason of the first one.
pub fn vet_all(addresses: &[IpAddr]) -> Result<Vec<IpAddr>, &'static str> {
    let mut refused = None;
    let mut vetted = Vec::with_capacity(addresses.len());
    for address in addresses {
        match vet(*address) {
            Ok(()) => vetted.push(*address),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    if vetted.is_empty() { Err(refused.unwrap_or("the name has no address")) } else { Ok(vetted) }
}
