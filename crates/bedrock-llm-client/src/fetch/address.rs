//! Which addresses a URL may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far into networks of our own an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anybody's, on the internet.
    Public,
    /// This host's or this network's.
    Private,
    /// Nothing that a picture could come from: link-local and metadata services, which give out credentials; multicast;
    /// reserved and documentation blocks.
    Never,
}

/// The IANA special-purpose registries, read 2026-11, by what they mean to us. Where the IPv6 address holds an IPv4 one
/// that it stands for, the latter counts; what is not known to be global is refused.
pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // metadata services outside the link-local block: Alibaba Cloud's, and Azure's wire server
        [100, 100, 100, 200] | [168, 63, 129, 16] => Reach::Never,
        // this network, multicast, reserved; link-local; protocol assignments and documentation; relays of 6to4
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _] => Reach::Never,
        // loopback; private; carrier-grade NAT; benchmarks
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18 | 19, ..] => {
            Reach::Private
        }
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        // ::ffff:0:0/96, IPv4-mapped: the system connects to the IPv4 address
        // 64:ff9b::/96, NAT64: the network's translator does
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            reach_v4(embedded(high, low))
        }
        // 2002::/16, 6to4: a tunnel to the IPv4 address
        [0x2002, high, low, ..] => reach_v4(embedded(high, low)),
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // the metadata services of AWS, Google Cloud, Oracle Cloud and Scaleway over IPv6; but for AWS's block their very
        // addresses, since networks of one's own may be numbered alike
        [0xfd00, 0xec2, ..]
        | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
        | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] => Reach::Never,
        // unique local
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // 2001::/23, protocol assignments, Teredo among them; documentation
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Reach::Never,
        // what is global; all else is unspecified, IPv4-compatible, link-local, site-local, multicast or reserved
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_block_is_what_it_is_up_to_its_edges() {
        use Reach::{Never, Private, Public};
        for (reached, addresses) in [
            (
                Public,
                "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 \
                 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
                 223.255.255.255 2606:4700::1111 2a00:1450::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::1 2001:200::1",
            ),
            (
                Private,
                "10.0.0.0 10.255.255.255 127.0.0.1 127.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 \
                 100.64.0.0 100.127.255.255 198.18.0.0 198.19.255.255 ::1 fc00::1 fdff::1 ::ffff:127.0.0.1 \
                 64:ff9b::10.0.0.1 2002:7f00:1:: fd20:ce::1 fd00:c1::1 fd00:42::1",
            ),
            (
                Never,
                "0.0.0.0 0.1.2.3 169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 192.0.0.192 192.0.2.1 198.51.100.1 \
                 203.0.113.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 100.100.100.200 \
                 168.63.129.16 :: ::127.0.0.1 ::8.8.8.8 fe80::1 febf::1 fec0::1 ff02::1 fd00:ec2::254 fd20:ce::254 \
                 fd00:c1::a9fe:a9fe fd00:42::42 2001::1 2001:db8::1 3fff::1 100::1 64:ff9b:1::1 5f00::1 4000::1 ::ffff:169.254.169.254 64:ff9b::169.254.169.254 \
                 2002:a9fe:a9fe::1 ::ffff:0:127.0.0.1",
            ),
        ] {
            for address in addresses.split_whitespace() {
                assert_eq!(reach(address.parse().unwrap()), reached, "{address}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_ipv6_address_reaches_further_than_the_ipv4_address_in_it(
            block in prop::sample::select(vec![
                (10_u32 << 24, 8), (127 << 24, 8), (0xac10_0000, 12), (0xc0a8_0000, 16), (0xa9fe_0000, 16),
                (0x6440_0000, 10), (0, 8), (0xe000_0000, 3),
            ]),
            bits in any::<u32>(),
            rest in any::<(u16, u64)>(),
        ) {
            let (net, length): (u32, u32) = block;
            let v4 = Ipv4Addr::from(net | (bits & (u32::MAX >> length)));
            prop_assert_ne!(reach_v4(v4), Reach::Public);
            let low = u128::from(u32::from(v4));
            for v6 in [
                0xffff_0000_0000 | low,
                low,
                0xffff_0000_0000_0000 | low,
                0x0064_ff9b_u128 << 96 | low,
                0x0064_ff9b_0001_u128 << 80 | low,
                0x2002_u128 << 112 | low << 80 | u128::from(rest.0) << 64 | u128::from(rest.1),
            ] {
                let v6 = Ipv6Addr::from(v6);
                prop_assert_ne!(reach(IpAddr::V6(v6)), Reach::Public, "{}", v6);
            }
        }
    }
}
