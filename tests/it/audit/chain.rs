//! Exported, verified, and changed behind the host's back.
use std::process::Output;

use serde_json::{Value, json};
use venn_domain::audit::{Link, Walk};

use crate::support::{Actor, World, venn};

async fn export(actor: &Actor) -> String {
    let answer = actor.get(&actor.own("audit/export")).await;
    assert_eq!((answer.status, answer.kind.as_str()), (200, "application/x-ndjson"));
    answer.text
}

async fn verify(actor: &Actor, query: &str) -> Value {
    actor.get(&actor.own(&format!("audit/verify{query}"))).await.good()
}

/// The command line, as this person or as nobody.
async fn run(actor: &Actor, arguments: &[&str]) -> (String, Option<i32>) {
    let output: Output = tokio::process::Command::new(venn())
        .args(arguments)
        .env("VENN_SERVER", &actor.url)
        .env("VENN_TOKEN", &actor.token)
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_the_whole_chain_in_order_and_says_that_it_was_made() {
    let world = World::with_overlaps(1).await;
    let text = export(&world.globex).await;
    let mut walk = Walk::default();
    let chain: Vec<Link> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for entry in &chain {
        walk.step(entry).unwrap();
    }
    assert_eq!(chain.last().unwrap().action, "audit.exported");
    let shown = world.globex.all("audit").await;
    assert_eq!(shown.len(), chain.len());
    assert_eq!(shown[0]["id"], chain.last().unwrap().id.as_str());
    let found = verify(&world.globex, &format!("?head={}", walk.head())).await;
    assert_eq!((&found["whole"], &found["broken"]), (&json!(true), &Value::Null));
    let stranger = world.host.organization("hooli", true, false).await;
    let path = world.globex.own("audit/export");
    assert_eq!(stranger.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_behind_the_hosts_back_is_named_by_server_and_by_file() {
    let world = World::with_overlaps(1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let path = file.to_str().unwrap();
    let (said, code) = run(&world.acme, &["audit", "export", "--out", path]).await;
    assert_eq!(code, Some(0), "{said}");
    let (said, code) = run(&world.acme, &["audit", "verify", "--file", path]).await;
    assert!(code == Some(0) && said.starts_with("The audit is whole: "), "{said}");
    let head = said.lines().last().unwrap().trim().to_owned();
    let (said, code) = run(&world.acme, &["audit", "verify", "--head", &head]).await;
    assert_eq!(code, Some(0), "{said}");

    // The file, with a line taken out.
    let text = std::fs::read_to_string(&file).unwrap();
    let mut rows: Vec<&str> = text.lines().collect();
    rows.remove(1);
    let without = rows.join("\n");
    std::fs::write(&file, without).unwrap();
    let (said, code) = run(&world.acme, &["audit", "verify", "--file", path]).await;
    assert_ne!(code, Some(0));
    assert!(said.contains("Entry 2: entry 2 is missing: 3 comes next."), "{said}");
    assert!(said.contains("audit.jsonl, line 2"), "{said}");

    // The database.
    let org = world.acme.get("/v1/organizations/acme").await.good()["id"].clone();
    let org = org.as_str().unwrap();
    world
        .host
        .tamper(&format!(
            "UPDATE audit SET actor = 'usr_x' WHERE organization_id = '{org}' AND seq = 2"
        ))
        .await;
    let found = verify(&world.acme, "").await;
    assert_eq!(
        (&found["whole"], &found["broken"]["seq"], &found["broken"]["why"]),
        (&json!(false), &json!(2), &json!("it was changed: its hash is of something else"))
    );
    let (said, code) = run(&world.acme, &["audit", "verify"]).await;
    assert_ne!(code, Some(0));
    assert!(said.contains("The audit is not what was written. Entry 2 (aud_"), "{said}");
    assert_eq!(verify(&world.globex, "").await["whole"], true, "others' chains are theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_cut_off_is_seen_with_the_head_that_was_kept() {
    let world = World::start().await;
    let kept = verify(&world.acme, "").await;
    let head = format!("{}:{}", kept["head"]["seq"], kept["head"]["hash"].as_str().unwrap());
    let org = world.acme.get("/v1/organizations/acme").await.good()["id"].clone();
    let org = org.as_str().unwrap();
    world
        .host
        .tamper(&format!("DELETE FROM audit WHERE organization_id = '{org}' AND seq > 1"))
        .await;
    world
        .host
        .tamper(&format!(
            "UPDATE audit_head SET seq = 1, hash = (SELECT hash FROM audit WHERE organization_id = '{org}' AND seq = 1)
             WHERE organization_id = '{org}'"
        ))
        .await;
    assert_eq!(verify(&world.acme, "").await["whole"], true, "a chain alone cannot show it");
    let found = verify(&world.acme, &format!("?head={head}")).await;
    assert_eq!(found["whole"], false);
    assert!(found["broken"]["why"].as_str().unwrap().ends_with("the end was cut off"), "{found}");
    let refused = world.acme.get(&world.acme.own("audit/verify?head=7")).await;
    assert_eq!(
        refused.refused(400, "bad-query")["detail"],
        "`head` is no head of an audit: expected SEQ:HASH, as `venn audit verify` prints it."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_checks_a_chain_with_the_documents_program() {
    let required = std::env::var("VENN_REQUIRE").is_ok_and(|names| names.contains("openssl"));
    if !required && std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3; VENN_REQUIRE=openssl insists");
        return;
    }
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let text = export(&world.acme).await;
    std::fs::write(folder.path().join("audit.jsonl"), &text).unwrap();
    let document = include_str!("../../../docs/audit.md");
    let program = document.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let output = std::process::Command::new("python3")
        .args(["-c", program])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let last: Link = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{}:{}\n", last.seq, last.hash),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
