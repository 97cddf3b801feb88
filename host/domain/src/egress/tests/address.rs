//! Addresses: both ends of every refused range, and their public neighbours.
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use crate::egress::address::{vet, vet_all};

#[test]
fn special_purpose_addresses_are_refused_and_their_neighbours_are_not() {
    let refused = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.0.0",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.254",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378::1",
        "2001:10::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "4000::1",
        "5f00::1",
        "1fff::1",
    ];
    for text in refused {
        assert!(vet(text.parse().unwrap()).is_err(), "{text}");
    }
    let public = [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::1",
        "2001:200::1",
        "2001:db7::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700::1111",
        "3ffe::1",
    ];
    for text in public {
        assert_eq!(vet(text.parse().unwrap()), Ok(()), "{text}");
    }
}

#[test]
fn the_reason_names_the_range() {
    let why = |text: &str| vet(text.parse().unwrap()).unwrap_err();
    assert_eq!(why("169.254.169.254"), "it is a link-local address (169.254.0.0/16)");
    assert_eq!(why("255.255.255.255"), "it is the broadcast address (255.255.255.255)");
    assert_eq!(why("::1"), "it is the loopback address (::1)");
    assert_eq!(why("::ffff:10.0.0.1"), "it is an IPv4 address in IPv6 (::ffff:0:0/96)");
    assert_eq!(why("2001::1"), "it is a Teredo address (2001::/32)");
    assert_eq!(why("4000::1"), "it is not a public address (2000::/3)");
}

#[test]
fn forbidden_answers_are_left_out_and_none_left_is_refused() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let mixed = [ip("127.0.0.1"), ip("8.8.8.8"), ip("::1"), ip("2606:4700::1111")];
    assert_eq!(vet_all(&mixed), Ok(vec![ip("8.8.8.8"), ip("2606:4700::1111")]));
    assert_eq!(vet_all(&[ip("10.0.0.1"), ip("::1")]), Err("it is a private address (10.0.0.0/8)"));
    assert_eq!(vet_all(&[]), Err("the name has no address"));
}

proptest! {
    #[test]
    fn no_address_that_the_standard_library_calls_special_passes(bits in any::<u32>(), v6 in any::<u128>()) {
        let v4 = Ipv4Addr::from(bits);
        if vet(IpAddr::V4(v4)).is_ok() {
            prop_assert!(!(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()));
            prop_assert!(!(v4.is_documentation() || v4.is_unspecified() || v4.is_multicast()));
        }
        // No form of IPv6 that carries an IPv4 address passes.
        for carried in [u128::from(v4.to_ipv6_mapped()), u128::from(v4.to_ipv6_compatible()),
                        0x64_ff9b << 96 | u128::from(bits), 0x2002 << 112 | u128::from(bits) << 80,
                        0x2001_0000 << 96 | u128::from(bits)] {
            prop_assert!(vet(IpAddr::V6(carried.into())).is_err());
        }
        let address = std::net::Ipv6Addr::from(v6);
        prop_assert!(vet(IpAddr::V6(address)).is_err() || v6 >> 125 == 1);
    }

    #[test]
    fn what_is_left_was_there_and_passes(list in prop::collection::vec(any::<IpAddr>(), 0..8)) {
        if let Ok(left) = vet_all(&list) {
            prop_assert!(!left.is_empty());
            prop_assert!(left.iter().all(|ip| vet(*ip).is_ok() && list.contains(ip)));
        }
    }
}
