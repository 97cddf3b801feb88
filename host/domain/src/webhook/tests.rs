//! Whose a call is: what vendors publish, what strangers try, and any bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;

use super::{secret::PREFIX, *};
use crate::time::Timestamp;

mod manifest;

/// Headers of a call, owned.
type Headers = Vec<(String, Vec<u8>)>;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const URL: &str = "https://venn.example/hooks/whk_1?team=a";
const NOW_S: i64 = 1_531_420_618;

fn webhook(signature: Signature) -> Webhook {
    let with_header = matches!(signature, Signature::HmacSha256 | Signature::Token);
    Webhook {
        name: "crm".to_owned(),
        title: "Changes in the CRM".to_owned(),
        signature,
        header: with_header.then(|| "x-shop-signature".to_owned()),
        encoding: None,
        prefix: with_header.then(|| "sha256=".to_owned()),
        id: None,
        routing: None,
        answers: false,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000)
}

fn secret(signature: Signature) -> Secret {
    let text = match signature {
        Signature::StandardWebhooks => format!("{PREFIX}{}", BASE64.encode(SECRET.as_bytes())),
        _ => SECRET.to_owned(),
    };
    Secret::read(signature, text.as_bytes()).unwrap()
}

fn headers(list: &[(&str, &str)]) -> Headers {
    list.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn code(secret: &[u8], text: &[u8]) -> Vec<u8> {
    let mut code = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    code.update(text);
    code.finalize().into_bytes().to_vec()
}

/// What a sender sends at a moment.
fn signed(signature: Signature, secret: &str, seconds: i64, body: &[u8]) -> Headers {
    let time = seconds.to_string();
    let over = |before: &str, after: &str| {
        code(secret.as_bytes(), &[before.as_bytes(), body, after.as_bytes()].concat())
    };
    match signature {
        Signature::StandardWebhooks => {
            let tag = BASE64.encode(&over(&format!("msg_1.{time}."), ""));
            headers(&[
                ("webhook-id", "msg_1"),
                ("webhook-timestamp", &time),
                ("webhook-signature", &format!("v1,{tag}")),
            ])
        }
        Signature::HmacSha256 => {
            let tag = HEXLOWER.encode(&over("", ""));
            headers(&[("x-shop-signature", &format!("sha256={tag}"))])
        }
        Signature::Slack => {
            let tag = HEXLOWER.encode(&over(&format!("v0:{time}:"), ""));
            headers(&[
                ("x-slack-request-timestamp", &time),
                ("x-slack-signature", &format!("v0={tag}")),
            ])
        }
        Signature::HubspotV3 => {
            let time = format!("{time}000");
            let tag = BASE64.encode(&over(&format!("POST{URL}"), &time));
            headers(&[("x-hubspot-request-timestamp", &time), ("x-hubspot-signature-v3", &tag)])
        }
        Signature::Token => headers(&[("x-shop-signature", &format!("sha256={secret}"))]),
    }
}

/// What becomes of a call.
fn verdict_at(
    webhook: &Webhook,
    secrets: &[Secret],
    headers: &Headers,
    body: &[u8],
    seconds: i64,
) -> Result<(), Refusal> {
    let scheme = webhook.scheme().unwrap();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let call = Call { method: "POST", url: URL, headers: &headers, body };
    scheme.verify(secrets, &call, at(seconds))
}

fn verdict(signature: Signature, headers: &Headers, body: &[u8]) -> Result<(), Refusal> {
    verdict_at(&webhook(signature), &[secret(signature)], headers, body, NOW_S)
}

fn event(webhook: &Webhook, headers: &Headers, body: &[u8]) -> String {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let call = Call { method: "POST", url: URL, headers: &headers, body };
    webhook.event(&webhook.scheme().unwrap(), &call)
}

#[test]
fn what_the_vendors_publish_is_theirs() {
    // Slack: "Verifying requests from Slack".
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let sent = headers(&[
        ("X-Slack-Request-Timestamp", "1531420618"),
        (
            "X-Slack-Signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        ),
    ]);
    assert_eq!(verdict(Signature::Slack, &sent, body), Ok(()));

    // GitHub: "Validating webhook deliveries".
    let github = Webhook {
        header: Some("x-hub-signature-256".to_owned()),
        ..webhook(Signature::HmacSha256)
    };
    let theirs = Secret::read(Signature::HmacSha256, b"It's a Secret to Everybody").unwrap();
    let sent = headers(&[(
        "X-Hub-Signature-256",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    )]);
    assert_eq!(verdict_at(&github, &[theirs], &sent, b"Hello, World!", 0), Ok(()));

    // Standard Webhooks: of the documentation, and of the tests of its Rust library.
    for (theirs, id, time, body, tag) in [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ] {
        let standard = webhook(Signature::StandardWebhooks);
        let theirs = Secret::read(Signature::StandardWebhooks, theirs.as_bytes()).unwrap();
        let other = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=";
        let sent = headers(&[
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", &format!("v1a,AAAA {other} {tag}")),
        ]);
        let now = time.parse().unwrap();
        assert_eq!(verdict_at(&standard, &[theirs], &sent, body.as_bytes(), now), Ok(()), "{id}");
    }

    // HubSpot: of the tests of its Python and Ruby libraries.
    for (time, tag) in [
        ("1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        ("1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ] {
        let theirs = b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
        let theirs = Secret::read(Signature::HubspotV3, theirs).unwrap();
        let call = Call {
            method: "POST",
            url: "https://www.example.com/webhook_uri",
            headers: &[
                ("X-HubSpot-Signature-v3", tag.as_bytes()),
                ("X-HubSpot-Request-Timestamp", time.as_bytes()),
            ],
            body: b"{'example_field':'example_value'}",
        };
        let now = at(time.parse::<i64>().unwrap() / 1_000);
        assert_eq!(Scheme::HubspotV3.verify(&[theirs], &call, now), Ok(()), "{time}");
    }
}

#[test]
fn every_scheme_takes_what_is_signed_and_nothing_of_another_secret_or_of_none() {
    for signature in Signature::ALL {
        let (signature, body) = (*signature, b"{\"deal\": 7}");
        let sent = signed(signature, SECRET, NOW_S, body);
        let (own, any) = (webhook(signature), |text: &str| {
            let text = match signature {
                Signature::StandardWebhooks => BASE64.encode(text.as_bytes()),
                _ => text.to_owned(),
            };
            Secret::read(signature, text.as_bytes()).unwrap()
        });
        let told = |secrets: &[Secret]| verdict_at(&own, secrets, &sent, body, NOW_S);
        assert_eq!(told(&[any(SECRET)]), Ok(()), "{signature:?}");
        let other = "another-secret-of-32-characters!";
        assert_eq!(told(&[any(other), any(SECRET)]), Ok(()), "rotating {signature:?}");
        assert_eq!(told(&[any(other)]), Err(Refusal::WrongSignature), "{signature:?}");
        assert_eq!(told(&[]), Err(Refusal::WrongSignature), "{signature:?}");
    }
}

#[test]
fn what_is_missing_doubled_cut_or_of_another_version_is_refused_by_name() {
    let refused = |of: Signature, change: &dyn Fn(&mut Headers), body: &[u8]| {
        let mut sent = signed(of, SECRET, NOW_S, b"{}");
        change(&mut sent);
        verdict(of, &sent, body).unwrap_err()
    };
    for signature in Signature::ALL {
        let scheme = webhook(*signature).scheme().unwrap();
        for name in std::iter::once(scheme.header()).chain(scheme.time_header()) {
            let without = |sent: &mut Headers| sent.retain(|(other, _)| other != name);
            assert_eq!(refused(*signature, &without, b"{}"), Refusal::Missing(name.to_owned()));
            let twice = |sent: &mut Headers| {
                let (name, value) = sent.iter().find(|(other, _)| other == name).unwrap().clone();
                sent.push((name.to_uppercase(), value));
            };
            assert_eq!(refused(*signature, &twice, b"{}"), Refusal::Repeated(name.to_owned()));
        }
        let name = scheme.header().to_owned();
        let put = |value: &str| {
            let (name, value) = (name.clone(), value.as_bytes().to_vec());
            move |sent: &mut Headers| {
                sent.iter_mut().find(|(other, _)| *other == name).unwrap().1.clone_from(&value);
            }
        };
        let malformed = Refusal::Malformed(name.clone());
        if *signature == Signature::Token {
            assert_eq!(refused(*signature, &put("nothing"), b"{}"), malformed);
            for value in ["sha256=", "sha256=8f742231b10e8888", "sha256= "] {
                assert_eq!(refused(*signature, &put(value), b"{}"), Refusal::WrongSignature);
            }
        } else {
            for value in ["", "v0=", "v1,", "sha256=", "sha1=f00d", "v2,AAAA", "\u{e9}", "none"] {
                assert_eq!(refused(*signature, &put(value), b"{}"), malformed, "{value:?}");
            }
            let (_, whole) = signed(*signature, SECRET, NOW_S, b"{}").pop().unwrap();
            let whole = String::from_utf8(whole).unwrap();
            assert_eq!(refused(*signature, &put(&whole[..whole.len() - 2]), b"{}"), malformed);
            assert_eq!(refused(*signature, &put(&format!("{whole}00")), b"{}"), malformed);
            // As if somebody had read it as JSON and written it again.
            assert_eq!(refused(*signature, &|_| {}, b"{ }"), Refusal::WrongSignature);
        }
    }
    let v0 = |sent: &mut Headers| {
        let (_, value) = sent.last_mut().unwrap();
        value.splice(..2, *b"v0");
    };
    let malformed = Refusal::Malformed("webhook-signature".to_owned());
    assert_eq!(refused(Signature::StandardWebhooks, &v0, b"{}"), malformed, "a version before");
}

#[test]
fn a_moment_is_within_five_minutes_and_a_number() {
    for signature in [Signature::StandardWebhooks, Signature::Slack, Signature::HubspotV3] {
        let told =
            |seconds: i64| verdict(signature, &signed(signature, SECRET, seconds, b"{}"), b"{}");
        for near in [0, 1, -1, 300, -300] {
            assert_eq!(told(NOW_S + near), Ok(()), "{near}");
        }
        for far in [301, -301, 3_600, -3_600, i64::from(i32::MAX), -NOW_S] {
            assert_eq!(told(NOW_S + far), Err(Refusal::Stale), "{far}");
        }
    }
    // Signed by who has the secret, and no moment: told so. Others learn nothing of it.
    for time in ["100000000000000000000", "NaN", "", "+1531420618", "1531420618.0", " 1531420618"] {
        let tag = |secret: &str| {
            let text = format!("v0:{time}:{{}}");
            format!("v0={}", HEXLOWER.encode(&code(secret.as_bytes(), text.as_bytes())))
        };
        let name = "x-slack-request-timestamp";
        let sent = |tag: &str| headers(&[(name, time), ("x-slack-signature", tag)]);
        let told = verdict(Signature::Slack, &sent(&tag(SECRET)), b"{}");
        assert_eq!(told, Err(Refusal::NoTime(name.to_owned())), "{time:?}");
        let told = verdict(Signature::Slack, &sent(&tag("guessed-guessed-guessed")), b"{}");
        assert_eq!(told, Err(Refusal::WrongSignature), "{time:?}");
    }
}

#[test]
fn the_border_between_an_id_and_the_rest_cannot_be_moved() {
    // `msg_1.1531420618.` was signed before a body that begins with another time.
    let body = format!("{NOW_S}.{{}}");
    let mut sent = signed(Signature::StandardWebhooks, SECRET, NOW_S - 9_000, body.as_bytes());
    sent[0].1 = format!("msg_1.{}", NOW_S - 9_000).into_bytes();
    sent[1].1 = NOW_S.to_string().into_bytes();
    let told = verdict(Signature::StandardWebhooks, &sent, b"{}");
    assert_eq!(told, Err(Refusal::Malformed("webhook-id".to_owned())));
}

#[test]
fn hubspot_signs_a_url_without_some_escapes() {
    let url = "https://venn.example/hooks/a%2fb%20c?d=%3A%40%21%24%27%28%29%2A%2C%3B%3F%&e=%2";
    let plain = "https://venn.example/hooks/a/b%20c?d=:@!$'()*,;?%&e=%2";
    let time = format!("{NOW_S}000");
    let tag = BASE64.encode(&code(SECRET.as_bytes(), format!("POST{plain}{time}").as_bytes()));
    let headers = [
        ("x-hubspot-signature-v3", tag.as_bytes()),
        ("x-hubspot-request-timestamp", time.as_bytes()),
    ];
    let call = Call { method: "POST", url, headers: &headers, body: b"" };
    let secrets = [secret(Signature::HubspotV3)];
    assert_eq!(Scheme::HubspotV3.verify(&secrets, &call, at(NOW_S)), Ok(()));
    let elsewhere = Call { url: "https://venn.example/hooks/other", ..call };
    let told = Scheme::HubspotV3.verify(&secrets, &elsewhere, at(NOW_S));
    assert_eq!(told, Err(Refusal::WrongSignature), "another URL's");
}

#[test]
fn no_secret_is_empty_short_or_copied_with_a_line_break() {
    let told = |signature, text: &str| Secret::read(signature, text.as_bytes()).err();
    for signature in Signature::ALL {
        assert_eq!(told(*signature, ""), Some(BadSecret::Short));
        assert_eq!(told(*signature, "8f742231b10e888"), {
            let standard = *signature == Signature::StandardWebhooks;
            Some(if standard { BadSecret::NotBase64 } else { BadSecret::Short })
        });
        assert_eq!(told(*signature, &format!("{SECRET}\n")), Some(BadSecret::Hidden));
        assert_eq!(told(*signature, &"a".repeat(800)), Some(BadSecret::Long));
        let made = Secret::write(*signature, &[7; 32]);
        assert_eq!(told(*signature, &made), None);
    }
    assert_eq!(told(Signature::StandardWebhooks, PREFIX), Some(BadSecret::Short));
    assert_eq!(told(Signature::StandardWebhooks, "whsec_AAAA"), Some(BadSecret::Short));
}

#[test]
fn calls_of_one_event_are_one_and_others_are_not() {
    let standard = webhook(Signature::StandardWebhooks);
    let first = signed(Signature::StandardWebhooks, SECRET, NOW_S, b"{}");
    let again = signed(Signature::StandardWebhooks, SECRET, NOW_S + 600, b"{}");
    assert_eq!(event(&standard, &first, b"{}"), event(&standard, &again, b"{}"), "sent again");
    let mut other = first.clone();
    other[0].1 = b"msg_2".to_vec();
    assert_ne!(event(&standard, &first, b"{}"), event(&standard, &other, b"{}"));

    // Without an id: the same body, signed in the same moment.
    let slack = webhook(Signature::Slack);
    let at = |seconds| signed(Signature::Slack, SECRET, seconds, b"{}");
    assert_eq!(event(&slack, &at(NOW_S), b"{}"), event(&slack, &at(NOW_S), b"{}"));
    assert_ne!(event(&slack, &at(NOW_S), b"{}"), event(&slack, &at(NOW_S + 1), b"{}"));
    assert_ne!(event(&slack, &at(NOW_S), b"{}"), event(&slack, &at(NOW_S), b"{ }"));

    // With one in the body, as Slack's events have it; a call without it has its body.
    let slack = Webhook { id: Some("/event_id".to_owned()), ..slack };
    let (one, two) = (br#"{"event_id":"Ev1","try":1}"#, br#"{"event_id":"Ev1","try":2}"#);
    assert_eq!(event(&slack, &at(NOW_S), one), event(&slack, &at(NOW_S + 60), two));
    assert_ne!(event(&slack, &at(NOW_S), one), event(&slack, &at(NOW_S), b"{}"));
    assert_ne!(event(&slack, &at(NOW_S), b"{}"), event(&slack, &at(NOW_S), b"{ }"));
}

#[test]
fn the_routing_key_is_one_text_or_whole_number_in_what_was_signed() {
    let key = |place: &str, body: &str| {
        let webhook = Webhook { routing: Some(place.to_owned()), ..webhook(Signature::Slack) };
        let call = Call { method: "POST", url: URL, headers: &[], body: body.as_bytes() };
        webhook.routing_key(&call).map_err(|refusal| refusal.to_string())
    };
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(key("/team/id", r#"{"team":{"id":"T1"}}"#), ok("T1"));
    assert_eq!(key("form:team_id", "a=1&team_id=T%31&b=2"), ok("T1"));
    assert_eq!(key("/portalId", r#"[{"portalId":62515},{"portalId":62515}]"#), ok("62515"));
    let none = Err("there is no one routing key at `/team_id`".to_owned());
    let long = format!(r#"{{"team_id":"{}"}}"#, "a".repeat(101));
    for body in [
        "",
        "{}",
        "[]",
        "team_id=T1",
        r#"{"team_id":""}"#,
        r#"{"team_id":null}"#,
        r#"{"team_id":1.5}"#,
        r#"{"team_id":["T1"]}"#,
        r#"{"team_id":"T 1"}"#,
        // Of two customers: neither gets what is the other's.
        r#"[{"team_id":"T1"},{"team_id":"T2"}]"#,
        r#"[{"team_id":"T1"},{}]"#,
        r#"[{},{"team_id":"T1"}]"#,
        &long,
    ] {
        assert_eq!(key("/team_id", body), none, "{body}");
    }
    let none = Err("there is no one routing key at `form:team_id`".to_owned());
    for body in ["", "team_id=", "team_id=T1&team_id=T2", r#"{"team_id":"T1"}"#] {
        assert_eq!(key("form:team_id", body), none, "{body}");
    }
}

#[test]
fn only_slack_asks_whose_url_it_is() {
    let told = |signature, body: &str| {
        let call = Call { method: "POST", url: URL, headers: &[], body: body.as_bytes() };
        webhook(signature).scheme().unwrap().challenge(&call)
    };
    let question = r#"{"token":"x","challenge":"3eZbrw1aB10F","type":"url_verification"}"#;
    assert_eq!(told(Signature::Slack, question).as_deref(), Some("3eZbrw1aB10F"));
    assert_eq!(told(Signature::HmacSha256, question), None);
    for other in ["", "{}", r#"{"type":"event_callback","challenge":"x"}"#] {
        assert_eq!(told(Signature::Slack, other), None, "{other}");
    }
}

#[test]
fn a_plugin_sees_neither_signatures_nor_credentials_nor_the_way() {
    let headers = [
        ("Content-Type", b"application/json".as_slice()),
        ("X-Shop-Signature", b"sha256=f00d"),
        ("X-Hub-Signature", b"sha1=f00d"),
        ("Authorization", b"Bearer secret"),
        ("Cookie", b"venn=secret"),
        ("X-Forwarded-For", b"10.0.0.1"),
        ("Host", b"venn.example"),
        ("X-Shop-Topic", b"deals/\xffupdate"),
        ("X-Shop-Topic", b"again"),
    ];
    let call = Call { method: "POST", url: URL, headers: &headers, body: b"" };
    let shown = |signature| call.shown_headers(&webhook(signature).scheme().unwrap());
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        pair("content-type", "application/json"),
        pair("x-shop-topic", "deals/\u{fffd}update"),
        pair("x-shop-topic", "again"),
    ];
    assert_eq!(shown(Signature::HmacSha256), expected);
    let topic = Webhook { header: Some("x-shop-topic".to_owned()), ..webhook(Signature::Token) };
    assert_eq!(call.shown_headers(&topic.scheme().unwrap()), expected[..1], "a token's header");
}

proptest! {
    #[test]
    fn whatever_is_signed_is_taken_and_one_bit_of_it_is_not(
        which in 0..4_usize,
        body in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        apart in -300..=300_i64,
    ) {
        let signature = Signature::ALL[which];
        let sent = signed(signature, SECRET, NOW_S + apart, &body);
        prop_assert_eq!(verdict(signature, &sent, &body), Ok(()));
        let mut turned: Headers = sent.iter().rev().cloned().collect();
        for (name, _) in &mut turned {
            *name = name.to_uppercase();
        }
        prop_assert_eq!(verdict(signature, &turned, &body), Ok(()));
        let own = webhook(signature);
        prop_assert_eq!(event(&own, &sent, &body), event(&own, &turned, &body));
        if !body.is_empty() {
            let mut other = body.clone();
            other[at.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(verdict(signature, &sent, &other), Err(Refusal::WrongSignature));
        }
        for header in 0..sent.len() {
            let mut other = sent.clone();
            let place = at.index(other[header].1.len());
            other[header].1[place] ^= 1 << bit;
            // Hex counts in either case; what stands before it does not.
            let border = sent[header].1.iter().position(|byte| *byte == b'=').unwrap_or(0);
            let same = other[header].1.eq_ignore_ascii_case(&sent[header].1)
                && matches!(signature, Signature::Slack | Signature::HmacSha256)
                && place > border;
            prop_assert_eq!(verdict(signature, &other, &body).is_ok(), same, "{:?}", other);
        }
    }

    #[test]
    fn any_call_is_refused_without_a_secret(
        which in 0..5_usize,
        names in prop::collection::vec("[ -~]{0,30}", 0..4),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 4),
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let signature = Signature::ALL[which];
        let sent: Headers = names.into_iter().zip(values).collect();
        prop_assert!(verdict(signature, &sent, &body).is_err());
    }
}
