//! Attacks by who calls a webhook: 111 and 112 of the catalogue.
use futures::future::join_all;

use super::scene::Scene;
use crate::webhooks::{Headers, Shop, code, now_s, opened, receipt, told};

const BODY: &[u8] = b"{\"order\": 7}";

/// A good call's headers, one of them replaced.
fn with(shop: &Shop, now: &str, name: &str, value: &str) -> Headers {
    let mut headers = shop.signed("msg_1", now, BODY);
    headers.iter_mut().filter(|(one, _)| *one == name).for_each(|(_, old)| value.clone_into(old));
    headers
}

/// Every way of not being the sender is one answer, and leaves nothing.
pub async fn signatures_that_are_not_the_senders(scene: &Scene) -> String {
    let (install, shop) = opened(&scene.world).await;
    let now = now_s(&scene.world);
    let good = shop.signed("msg_1", &now, BODY);
    let tag = good[2].1.clone();
    let without = |name: &str| good.iter().filter(|(one, _)| *one != name).cloned().collect();
    let twice = |name: &str| {
        let again = good.iter().filter(|(one, _)| *one == name);
        good.iter().chain(again).cloned().collect::<Headers>()
    };
    let signature = |value: &str| with(&shop, &now, "webhook-signature", value);
    let other = code(b"another-secret-of-32-characters!", BODY);
    let calls: Vec<(Headers, &[u8])> = vec![
        (Vec::new(), BODY),
        (without("webhook-signature"), BODY),
        (without("webhook-id"), BODY),
        (without("webhook-timestamp"), BODY),
        (twice("webhook-signature"), BODY),
        (twice("webhook-id"), BODY),
        (twice("webhook-timestamp"), BODY),
        (signature(""), BODY),
        (signature(&tag.replace("v1,", "v0,")), BODY),
        (signature(&tag.replace("v1,", "v1a,")), BODY),
        (signature(&tag[..tag.len() - 4]), BODY),
        (signature(&format!("{tag}AAAA")), BODY),
        (signature(&format!("v1,{}", data_encoding::BASE64.encode(&other))), BODY),
        (signature(&format!("v1,{}", data_encoding::BASE64.encode(&code(b"", BODY)))), BODY),
        (with(&shop, &now, "webhook-id", "msg_2"), BODY),
        (with(&shop, &now, "webhook-timestamp", "1"), BODY),
        // Written again by somebody who read it.
        (good.clone(), b"{\"order\":7}"),
        (good.clone(), b""),
    ];
    let mut answers = Vec::new();
    for (headers, body) in &calls {
        let answer = shop.calls(headers, body).await;
        answers.push(answer.text.clone());
        answer.refused(401, "webhook-unsigned");
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "they tell who is nearer");
    assert_eq!(told(&scene.world, &install).await.len(), 0);
    receipt(&shop.calls(&good, BODY).await);
    assert_eq!(told(&scene.world, &install).await.len(), 1);
    format!("{} calls, one answer, 401, nothing kept", calls.len())
}

/// What is repeated is one event; what is signed for another time is none.
pub async fn calls_that_come_again(scene: &Scene) -> String {
    let world = &scene.world;
    let (install, shop) = opened(world).await;
    let now: i64 = now_s(world).parse().unwrap();
    let good = shop.signed("msg_1", &(now - 290).to_string(), BODY);
    let calls = (0..100).map(|_| shop.calls(&good, BODY));
    let receipts: Vec<_> = join_all(calls).await.iter().map(receipt).collect();
    assert!(receipts.iter().all(|one| *one == receipts[0]), "one event, one receipt");
    let times = [now + 3_600, now - 3_600, now + 301, now - 301].map(|at| at.to_string());
    let odd = ["100000000000000000000", "NaN", "-1", "1e9"].map(ToOwned::to_owned);
    for at in times.into_iter().chain(odd) {
        let headers = shop.signed("msg_2", &at, BODY);
        shop.calls(&headers, BODY).await.refused(400, "webhook-unusable");
    }
    // Caught, and played again later: not now any more.
    world.host.advance_ms(11_000);
    shop.calls(&good, BODY).await.refused(400, "webhook-unusable");
    // Sent again by the sender, which signs it anew: the same event.
    assert_eq!(shop.tells(world, "msg_1", BODY).await, receipts[0]);
    assert_eq!(told(world, &install).await.len(), 1);
    "one run of 102 calls; what is not now is not taken".to_owned()
}
