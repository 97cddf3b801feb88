//! What is wrong with a webhook's entry, in whole texts.
use super::*;

#[test]
fn what_is_wrong_with_an_entry_is_said_with_its_member_and_the_next_step() {
    let told = |change: &dyn Fn(&mut Webhook), signature| {
        let mut entry = webhook(signature);
        change(&mut entry);
        entry.scheme().err().map(|bad| bad.to_string()).unwrap_or_default()
    };
    let text = |text: &str| Some(text.to_owned());
    for signature in Signature::ALL {
        assert_eq!(told(&|_| {}, *signature), "");
    }
    for (signature, expected) in [
        (Signature::StandardWebhooks, "standard-webhooks"),
        (Signature::Slack, "slack"),
        (Signature::HubspotV3, "hubspot-v3"),
    ] {
        let says = |member| format!("{member}: `{expected}` says this itself. Leave it out");
        assert_eq!(told(&|entry| entry.header = text("x-own"), signature), says("header"));
        assert_eq!(told(&|entry| entry.prefix = text("v0="), signature), says("prefix"));
        let hex = Some(Encoding::Hex);
        assert_eq!(told(&|entry| entry.encoding = hex, signature), says("encoding"));
    }
    let id = |entry: &mut Webhook| entry.id = text("header:x-id");
    let expected = "id: `standard-webhooks` says this itself. Leave it out";
    assert_eq!(told(&id, Signature::StandardWebhooks), expected);
    let base64 = |entry: &mut Webhook| entry.encoding = Some(Encoding::Base64);
    let expected = "encoding: `token` says this itself. Leave it out";
    assert_eq!(told(&base64, Signature::Token), expected);

    let header = |name: Option<&str>| {
        let name = name.map(ToOwned::to_owned);
        told(&move |entry| entry.header.clone_from(&name), Signature::HmacSha256)
    };
    assert_eq!(
        header(None),
        "header: it is missing. Name the header in which the sender's documentation says it is"
    );
    assert_eq!(
        header(Some("X-Signature")),
        "header: the header has upper-case letters. Write it in lower case"
    );
    for name in ["", "x signature", "x:y"] {
        assert_eq!(header(Some(name)), "header: it is not the name of an HTTP header. Correct it");
    }
    for name in ["host", "x-forwarded-for", "content-length"] {
        let expected = format!(
            "header: `{name}` is for what carries the call, not for its sender. Name the header that the sender documents"
        );
        assert_eq!(header(Some(name)), expected);
    }
    let prefix = |entry: &mut Webhook| entry.prefix = text("sha256=\n");
    let expected = "prefix: it is not short plain ASCII. Correct it, as in `sha256=`";
    assert_eq!(told(&prefix, Signature::HmacSha256), expected);

    let routing = |place: &str| {
        let place = text(place);
        told(&move |entry| entry.routing.clone_from(&place), Signature::Slack)
    };
    for place in ["", "team", "/a~2", "/a b", "/a~", "form:", "field:team", "form:a b"] {
        assert_eq!(
            routing(place),
            "routing: it is no place in a call. Write `/team/id` (a JSON pointer), `form:team_id` or, for an id, `header:x-id`"
        );
    }
    assert_eq!(routing("/a~1b/0"), "");
    assert_eq!(routing("form:team_id"), "");
    assert_eq!(
        routing("header:x-team"),
        "routing: no signature covers a header, so that one could be put for another. Name a place in the body"
    );
}
