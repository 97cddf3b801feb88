//! Echoes of a credential, in all forms that are promised.
use super::*;

const SECRET: &str = "s3cr/t\"x+9&=<'k %41";

fn scrubbed(secret: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpResult {
    let headers =
        headers.iter().map(|(n, v)| ((*n).to_owned(), Blob(v.as_bytes().to_vec().into())));
    let result = HttpResult::Response {
        status: 200,
        headers: headers.collect(),
        body: Blob(body.to_vec().into()),
    };
    answer(result, Some(&Secret::new(secret.to_owned())))
}

fn body_of(result: &HttpResult) -> String {
    let HttpResult::Response { body, .. } = result else { unreachable!() };
    String::from_utf8_lossy(&body.0).into_owned()
}

fn cleaned(body: &str) -> String {
    body_of(&scrubbed(SECRET, &[], body.as_bytes()))
}

#[test]
fn an_echoed_credential_is_replaced_however_it_is_written() {
    for echo in [
        SECRET,
        r#"s3cr/t\"x+9&=<'k %41"#,
        r#"s3cr\/t\"x\u002b9\u0026=\u003C\u0027k %41"#,
        r#"s3cr\\/t\\\"x\\u002B9\\u0026=\\u003c'k %41"#,
        "s3cr%2Ft%22x%2B9%26%3D%3C%27k%20%2541",
        "s3cr%2ft%22x%2b9%26%3d%3c'k+%2541",
        "s3cr%252Ft%2522x%252B9%2526%253D%253C%2527k%2520%252541",
        "%73%33%63%72%2f%74%22%78%2b%39%26%3d%3c%27%6b%20%25%34%31",
        "s3cr/t&quot;x+9&amp;=&lt;&apos;k %41",
        "s3cr&#47;t&#34;x&#43;9&#38;=&#60;&#39;k %41",
        "s3cr&#x2F;t&#x22;x+9&#x26;=&#x3c;&#x27;k %41",
    ] {
        assert_eq!(cleaned(&format!("a {echo} b")), "a [redacted] b", "{echo}");
        assert_eq!(cleaned(&format!("{echo}{echo}")), "[redacted][redacted]", "{echo}");
    }
    for other in ["s3cr/t", "3cr/t\"x+9&=<'k %41", "s3cr%2Ft%22x%2B9%26%3D%3C%27k%20%2542", "%%25%"]
    {
        assert_eq!(cleaned(other), other);
    }
}

#[test]
fn an_encoded_credential_is_replaced_wherever_it_lies_in_what_was_encoded() {
    let secret = "canary-secret-77";
    let clean = |body: &[u8]| body_of(&scrubbed(secret, &[], body));
    for before in ["", "u", "us", "user:", "Bearer ", "{\"token\":\""] {
        for after in ["", "\"", "}!"] {
            let whole = format!("{before}{secret}{after}");
            for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
                let text = encoding.encode(whole.as_bytes());
                let got = clean(text.as_bytes());
                assert!(got.contains("[redacted]"), "{whole}: {got}");
                let left = got.replace("[redacted]", "");
                // What is left says at most what stands around it.
                assert!(left.len() <= (before.len() + after.len()) * 4 / 3 + 6, "{whole}: {got}");
            }
        }
    }
    assert_eq!(clean(HEXLOWER.encode(secret.as_bytes()).as_bytes()), "[redacted]");
    assert_eq!(clean(HEXUPPER.encode(secret.as_bytes()).as_bytes()), "[redacted]");
    let wide: Vec<u8> = secret.bytes().flat_map(|byte| [byte, 0]).collect();
    assert_eq!(clean(&wide), "[redacted]\0");
    let wide: Vec<u8> = secret.bytes().flat_map(|byte| [0, byte]).collect();
    assert_eq!(clean(&wide), "\0[redacted]");
}

#[test]
fn headers_are_cleaned_and_one_with_it_in_its_name_is_dropped() {
    let headers = [
        ("x-echo", "Bearer canary-secret-77"),
        ("x-canary-secret-77", "1"),
        ("location", "https://a.example/?t=canary%2Dsecret%2D77"),
        ("content-length", "18"),
    ];
    let got = scrubbed("canary-SECRET-77", &[("x-canary-secret-77", "1")], b"");
    let HttpResult::Response { headers: left, .. } = &got else { unreachable!() };
    assert!(left.is_empty(), "{left:?}");
    let got = scrubbed("canary-secret-77", &headers, b"a canary-secret-77");
    let HttpResult::Response { headers, body, .. } = got else { unreachable!() };
    assert_eq!(body.0, "a [redacted]");
    let shown: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.0.clone())).collect();
    assert_eq!(
        shown,
        [
            ("x-echo", "Bearer [redacted]".into()),
            ("location", "https://a.example/?t=[redacted]".into()),
            ("content-length", "12".into()),
        ]
    );
}

#[test]
fn a_compressed_answer_is_not_handed_over_where_a_credential_went_out() {
    let got = scrubbed(SECRET, &[("content-encoding", "gzip")], b"...");
    assert!(matches!(got, HttpResult::Failed { kind, .. } if kind == "protocol"));
}

#[test]
fn a_large_answer_full_of_near_misses_is_read_once() {
    let near = "%25".repeat(500_000) + &"canary-secret-7".repeat(50_000) + &"\\".repeat(300_000);
    assert_eq!(body_of(&scrubbed("canary-secret-77", &[], near.as_bytes())), near);
}
