//! The canonical form of a host name: lower case, A-labels, no trailing dot.
//!
//! Addresses are refused in every notation that some resolver understands
//! (`127.1`, `0x7f000001`, `2130706433`): a host is a name, and what it
//! resolves to is vetted in [`super::address`]. Comparing happens only after
//! this, so look-alikes and encodings cannot slip past a rule.
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::url::BadUrl;

/// More than any name in any script needs (253 bytes of A-labels), so that the
/// mapping below never works on a megabyte.
const RAW_BYTES_MAX: usize = 1024;

/// Checks and canonicalises a host name.
pub fn canonical(text: &str) -> Result<String, BadUrl> {
    if text.is_empty() {
        return Err(BadUrl("it has no host"));
    }
    if text.len() > RAW_BYTES_MAX {
        return Err(BadUrl("its host is longer than 253 characters"));
    }
    if text.contains('_') {
        return Err(BadUrl("its host has an underscore; host names have letters, digits and `-`"));
    }
    // STD3 leaves letters, digits, `-` and `.`; masked labels (`xn--` around
    // plain ASCII), joiners and forbidden code points fail here too.
    let ascii = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Ignore)
        .map_err(|_| BadUrl("its host is not a valid domain name"))?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    if name.len() > 253 {
        return Err(BadUrl("its host is longer than 253 characters"));
    }
    name.split('.').try_for_each(check_label)?;
    if looks_like_address(name) {
        return Err(BadUrl("its host is an IP address; hosts are names"));
    }
    if !name.contains('.') {
        return Err(BadUrl("its host is a single label; write the full name with its domain"));
    }
    Ok(name.to_owned())
}

fn check_label(label: &str) -> Result<(), BadUrl> {
    if label.is_empty() {
        return Err(BadUrl("its host has an empty label"));
    }
    if label.len() > 63 {
        return Err(BadUrl("its host has a label longer than 63 characters"));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(BadUrl("its host has a label that starts or ends with `-`"));
    }
    Ok(())
}

/// Whether some resolver would read it as an IPv4 address: the last label is a
/// decimal, octal or hexadecimal number. No top-level domain is one.
fn looks_like_address(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    digits || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
