//! Hosts that the customer completes: a place such as `{instance}.example.com`, and
//! the customer's word.
//!
//! What comes of it is a host that a manifest could have named, below what the
//! manifest did name; until then it lets nothing through.
use venn_domain::egress::{EgressRule, Target, customer_host::CustomerHost};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((place, word)) = text.split_once('\n') else { return };
    let Some(parsed) = CustomerHost::parse(place) else { return };
    let open = rule(place);
    if open.check().is_err() {
        return;
    }
    let host = match parsed.complete(word) {
        Ok(host) => host,
        Err(why) => return assert!(!why.is_empty()),
    };
    let target = Target::parse(&format!("https://{host}/")).expect("a host that can be called");
    assert_eq!(target.host, host, "it is another host on the wire");
    assert!(!open.allows("GET", &target), "{place} lets {host} through before it is completed");
    let closed = rule(&host);
    assert_eq!(closed.check(), Ok(()), "no manifest could name {host}");
    assert!(closed.allows("GET", &target));
    assert!(parsed.may_become(&host));
    let seen = ::url::Url::parse(&format!("https://{word}/")).expect("others read it too");
    match place.split_once("}.") {
        // One label: neither a dot nor anything that ends the host early.
        Some((_, base)) => {
            assert_eq!(host, format!("{word}.{base}"));
            assert!(!word.contains(['.', '/', '@', ':', '\\', '?', '#', '%']));
        }
        None => assert_eq!(seen.domain(), Some(&*host)),
    }
}

fn rule(host: &str) -> EgressRule {
    EgressRule { host: host.to_owned(), port: 443, methods: Vec::new(), paths: Vec::new() }
}
