//! The address that a request comes from, as far as it can be trusted.
//!
//! Behind a proxy the connection is the proxy's; what it says in `x-forwarded-for`
//! counts if the operator named it, and only what it and other named ones added:
//! the rest of that list is whatever the client wrote.
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// Who is at the far end: the connection's address, or what named proxies say.
/// `forwarded` is the list as it came, the nearest last.
pub fn far_end<'a>(
    connection: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    proxies: &[IpNet],
) -> IpAddr {
    let mut nearest = plain(connection);
    for text in forwarded.rev() {
        if !proxies.iter().any(|net| net.contains(&nearest)) {
            break;
        }
        // What cannot be read ends the walk: the proxy before it is all that is known.
        let Ok(next) = text.trim().parse::<IpAddr>() else { break };
        nearest = plain(next);
    }
    nearest
}

/// What counts as one source: an IPv4 address, or the 64 bits of an IPv6 network
/// that one customer of a provider has to themselves.
pub fn source(address: IpAddr) -> IpAddr {
    match plain(address) {
        IpAddr::V6(v6) => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::from(u64::MAX) << 64)))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// An IPv4 address in IPv6's clothes is that address.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn seen(connection: &str, forwarded: &str, proxies: &[&str]) -> String {
        let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().unwrap()).collect();
        let list = forwarded.split(',').filter(|one| !one.is_empty());
        far_end(connection.parse().unwrap(), list, &proxies).to_string()
    }

    #[test]
    fn only_what_named_proxies_say_counts() {
        let own = ["10.0.0.0/8"];
        // Nobody is trusted: the list is the client's own invention.
        assert_eq!(seen("203.0.113.9", "198.51.100.1", &[]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", "198.51.100.1", &own), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", "198.51.100.1", &own), "198.51.100.1");
        // A client that writes a list of its own is found behind it.
        assert_eq!(seen("10.0.0.1", "1.1.1.1, 198.51.100.1", &own), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", &own), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", "", &own), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", "nonsense", &own), "10.0.0.1");
        assert_eq!(seen("::ffff:10.0.0.1", "::ffff:198.51.100.1", &own), "198.51.100.1");
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let text = |address: &str| source(address.parse().unwrap()).to_string();
        assert_eq!(text("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(text("2001:db8:1:2::1"), text("2001:db8:1:2:ffff::"));
        assert_eq!(text("198.51.100.1"), "198.51.100.1");
        assert_eq!(text("::ffff:198.51.100.1"), "198.51.100.1");
    }
}
