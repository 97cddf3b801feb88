//! Keys of outbound calls: the same call of the same delivery has the same
//! key, whichever attempt makes it, and no other call has it.
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use sha2::{Digest as _, Sha256};
use venn_domain::egress::Target;

use crate::job::Idempotency;

/// By the guest's own name for what it does.
pub(super) fn of_operation(idempotency: &Idempotency, install: &str, operation: &str) -> String {
    key(idempotency, install, b"operation", &[operation.as_bytes()])
}

/// By the call itself, counted among its equals.
pub(super) fn of_call(
    idempotency: &Idempotency,
    install: &str,
    fingerprint: &[u8; 32],
    occurrence: u32,
) -> String {
    let step = idempotency.step.to_be_bytes();
    key(idempotency, install, b"call", &[fingerprint, &step, &occurrence.to_be_bytes()])
}

/// What makes two calls equal.
pub(super) fn fingerprint(method: &Method, target: &Target, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_str().as_bytes(), target.to_string().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn key(idempotency: &Idempotency, install: &str, kind: &[u8], parts: &[&[u8]]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&idempotency.key) else {
        return String::new();
    };
    let delivery = idempotency.delivery.as_str();
    let fixed = [kind, install.as_bytes(), delivery.as_bytes()];
    for part in fixed.iter().chain(parts) {
        // Lengths first: no two lists of parts run into the same bytes.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_delivery_install_and_operation_and_on_nothing_else() {
        let of = |delivery: &str, install: &str, operation: &str| {
            let delivery = format!("dlv_0000000000000000000000000{delivery}").parse().unwrap();
            of_operation(&Idempotency { key: [7; 32], delivery, step: 0 }, install, operation)
        };
        assert_eq!(of("1", "ins_a", "task/1"), of("1", "ins_a", "task/1"));
        assert_ne!(of("1", "ins_a", "task/1"), of("2", "ins_a", "task/1"));
        assert_ne!(of("1", "ins_a", "task/1"), of("1", "ins_b", "task/1"));
        assert_ne!(of("1", "ins_a", "task/1"), of("1", "ins_a", "task/2"));
        assert_eq!(of("1", "ins_a", "task/1").len(), 64);
    }
}
