//! Calls of webhooks: the entry of a manifest as JSON in the first line, a secret in the
//! second, headers up to an empty line, then the body.
//!
//! What is taken has the code that a second computation of it has; what a sender signs is
//! taken, and no more with another byte, in another moment, under another secret, or with
//! a second signature.
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use venn_domain::{
    time::Timestamp,
    webhook::{Call, Encoding, Refusal, Scheme, Secret, Signature, Webhook},
};

const URL: &str = "https://venn.example/hooks/whk_1?a=b";
const NOW: Timestamp = Timestamp(1_531_420_618_000_000);

pub(crate) fn run(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let (Some(entry), Some(text), Some(rest)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let Ok(webhook) = serde_json::from_slice::<Webhook>(entry) else { return };
    let scheme = match webhook.scheme() {
        Ok(scheme) => scheme,
        Err(bad) => return assert!(!bad.reason.is_empty() && !bad.next_step.is_empty()),
    };
    let (headers, body) = parted(rest);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, *value)).collect();
    let call = Call { method: "POST", url: URL, headers: &headers, body };
    assert_eq!(scheme.verify(&[], &call, NOW), scheme.verify(&[], &call, NOW));
    assert!(scheme.verify(&[], &call, NOW).is_err(), "taken without a secret");
    for (name, _) in call.shown_headers(&scheme) {
        assert!(name != scheme.header() && name != "authorization" && name != "cookie", "{name}");
    }
    let Ok(secret) = Secret::read(webhook.signature, text) else { return };
    let secret = [secret];
    if scheme.verify(&secret, &call, NOW).is_ok() {
        let found = call.header(scheme.header()).expect("one signature");
        let tag = written(&scheme, &code(&scheme, &call, webhook.signature, text));
        let same = found.split(' ').any(|one| one.eq_ignore_ascii_case(&tag)) || found == tag;
        assert!(same, "{found} is taken for {tag}");
    }
    signed(&webhook, &scheme, &secret, text, body);
    let Ok(key) = webhook.routing_key(&call) else { return };
    assert_eq!(key.is_empty(), webhook.routing.is_none(), "a key of nobody");
}

/// What a sender makes of a body.
fn signed(webhook: &Webhook, scheme: &Scheme, secret: &[Secret], text: &[u8], body: &[u8]) {
    let now = (NOW.0 / if *scheme == Scheme::HubspotV3 { 1_000 } else { 1_000_000 }).to_string();
    let mut headers = vec![("webhook-id", b"msg_1".as_slice())];
    headers.extend(scheme.time_header().map(|name| (name, now.as_bytes())));
    let call = Call { method: "POST", url: URL, headers: &headers, body };
    let tag = written(scheme, &code(scheme, &call, webhook.signature, text));
    let mut headers = headers.clone();
    headers.push((scheme.header(), tag.as_bytes()));
    let told = |headers: &[(&str, &[u8])], body: &[u8], now: Timestamp| {
        scheme.verify(secret, &Call { method: "POST", url: URL, headers, body }, now)
    };
    if scheme.header() == "webhook-id" {
        return;
    }
    assert_eq!(told(&headers, body, NOW), Ok(()), "what was signed");
    let later = told(&headers, body, NOW.plus_ms(300_001));
    assert_eq!(later.is_err(), scheme.time_header().is_some(), "the window");
    let is_token = matches!(scheme, Scheme::Token { .. });
    let other = [body, b" "].concat();
    let expected = if is_token { Ok(()) } else { Err(Refusal::WrongSignature) };
    assert_eq!(told(&headers, &other, NOW), expected, "another body");
    headers.push((scheme.header(), tag.as_bytes()));
    let twice = Refusal::Repeated(scheme.header().to_owned());
    assert_eq!(told(&headers, body, NOW), Err(twice));
}

/// The code, computed the long way.
fn code(scheme: &Scheme, call: &Call<'_>, signature: Signature, text: &[u8]) -> Vec<u8> {
    let header = |name: &str| call.header(name).unwrap_or_default().as_bytes().to_vec();
    let time = scheme.time_header().map(header).unwrap_or_default();
    let over = match scheme {
        Scheme::StandardWebhooks => [&*header("webhook-id"), &time, call.body].join(&b'.'),
        Scheme::Slack => [b"v0", &*time, call.body].join(&b':'),
        Scheme::HubspotV3 => [b"POST", URL.as_bytes(), call.body, &time].concat(),
        Scheme::HmacSha256 { .. } => call.body.to_vec(),
        Scheme::Token { .. } => return text.to_vec(),
    };
    let key = if signature == Signature::StandardWebhooks {
        let encoded = text.strip_prefix(b"whsec_").unwrap_or(text);
        BASE64.decode(encoded).expect("it is a secret")
    } else {
        text.to_vec()
    };
    let mut code = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    code.update(&over);
    code.finalize().into_bytes().to_vec()
}

fn written(scheme: &Scheme, code: &[u8]) -> String {
    match scheme {
        Scheme::StandardWebhooks => format!("v1,{}", BASE64.encode(code)),
        Scheme::Slack => format!("v0={}", HEXLOWER.encode(code)),
        Scheme::HubspotV3 => BASE64.encode(code),
        Scheme::HmacSha256 { prefix, encoding: Encoding::Hex, .. } => {
            format!("{prefix}{}", HEXLOWER.encode(code))
        }
        Scheme::HmacSha256 { prefix, .. } => format!("{prefix}{}", BASE64.encode(code)),
        Scheme::Token { prefix, .. } => format!("{prefix}{}", String::from_utf8_lossy(code)),
    }
}

/// Lines `name: value` up to an empty one.
fn parted(mut rest: &[u8]) -> (Vec<(String, &[u8])>, &[u8]) {
    let mut headers = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        headers.push((name, line.get(colon + 1..).unwrap_or_default().trim_ascii_start()));
    }
    (headers, rest)
}
