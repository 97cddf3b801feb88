//! People and their tokens: invited, logged in, with a second factor, and gone.
use venn_server::second_factor::Secret;

use super::{desk::Desk, reach};

#[tokio::test(flavor = "multi_thread")]
async fn people_and_tokens_come_and_go() {
    let desk = Desk::new().await;
    let Desk { acme, platform, .. } = &desk;
    platform.venn("orgs create hooli --customer --admin-email a@hooli.example").await.good();
    assert!(platform.venn("orgs list --ids").await.good().contains("hooli"));
    platform.venn("orgs show hooli").await.good();
    // The audit names organizations by their ids.
    let listed = acme.venn("orgs list").await.good();
    let hooli = listed.lines().find(|line| line.contains("hooli")).unwrap();
    assert!(hooli.starts_with("org_"), "{listed}");
    let added = "orgs members --add b@acme.example --role user --json";
    let added = acme.venn(added).await.json();
    let user = added["user_id"].as_str().unwrap();
    let changed = acme.venn("orgs members --change B@acme.example --role developer").await.good();
    assert_eq!(changed, "B@acme.example has the role developer from now on.\n");
    let members = acme.venn("orgs members").await.good();
    let bob = members.lines().find(|line| line.contains("b@acme.example")).unwrap();
    assert!(bob.ends_with("developer  no"), "{members}");
    let made = "orgs tokens --create ci --scope read --user nobody@acme.example";
    let nobody = acme.venn(made).await.failed(4);
    assert!(
        nobody.starts_with("error: There is no member with the address nobody@acme.example.\n")
    );
    let made = "orgs tokens --create ci --scope read --user b@acme.example --json".to_owned();
    let made = acme.venn(&made).await.json();
    let token = made["id"].as_str().unwrap();
    let tokens = acme.venn("orgs tokens").await.good();
    let line = tokens.lines().find(|line| line.contains(token)).unwrap();
    assert!(line.contains("b@acme.example"), "{tokens}");
    acme.venn(&format!("orgs tokens --revoke {token} --yes")).await.good();
    let added = "orgs members --add-service nightly --role user --json";
    let service = acme.venn(added).await.json();
    let made = format!(
        "orgs tokens --create nightly --scope write --only imports --only accounts --user {}",
        service["user_id"].as_str().unwrap()
    );
    acme.venn(&made).await.good();
    let wrong = "orgs tokens --create x --scope write --only import";
    let wrong = acme.venn(wrong).await.failed(6);
    assert!(wrong.contains("`import` is the noun of no call"), "{wrong}");
    acme.venn("orgs members --remove b@acme.example --yes").await.good();
    assert!(!acme.venn("orgs members").await.good().contains(user));
    let again = "orgs recover hooli --reason lost --email a@hooli.example --yes";
    let again = platform.venn(again).await.good();
    assert!(
        again.starts_with("The token of a@hooli.example, shown only this once:\n  venn_"),
        "{again}"
    );
    reach::check("people_and_tokens_come_and_go", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_invited_logs_in_and_out() {
    let mut desk = Desk::new().await;
    let acme = &desk.acme;
    acme.venn("orgs members --add b@acme.example --role user").await.good();
    let told = acme.venn("orgs members --invite b@acme.example --yes").await.good();
    let invitation = told.lines().find_map(|line| line.trim().strip_prefix("vinv_")).unwrap();
    assert!(told.contains("`venn passwd --invitation --server https://venn.example`"), "{told}");
    // From here on Bob types, with no token but what he logs in for.
    desk.globex.token = String::new();
    let bob = &desk.globex;
    let lines = format!("vinv_{invitation}\ncorrect horse battery\n");
    bob.venn_with("passwd --invitation", &lines).await.good();
    let again = bob.venn_with("passwd --invitation", &lines).await.failed(6);
    assert!(again.contains("invitation: it is not valid any more"), "{again}");
    let login = "login --email b@acme.example --org acme";
    let wrong = bob.venn_with(login, "wrong horse battery\n").await.failed(3);
    assert!(wrong.contains("do not belong together"), "{wrong}");
    let nowhere = bob.venn_with("login --email b@acme.example", "x\n").await.failed(2);
    assert!(nowhere.contains("next: Add --org SLUG."), "{nowhere}");
    bob.venn_with(login, "correct horse battery\n").await.good();
    let me = bob.venn("whoami --json").await.json();
    assert_eq!(me["user_email"], "b@acme.example");
    // A call that changes something, with the cookie and its header.
    bob.venn("api organizations/{org}/populations --data {\"key\":\"vip\",\"title\":\"VIP\"}")
        .await
        .good();
    bob.venn_with(&format!("{login} --profile other"), "correct horse battery\n").await.good();
    let listed = bob.venn("sessions list --json").await.json();
    let others = listed["items"].as_array().unwrap().iter().filter(|one| one["current"] == false);
    let ids: Vec<_> = others.map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1, "{listed}");
    bob.venn(&format!("sessions end {}", ids[0])).await.good();
    bob.venn("whoami --profile other").await.failed(3);
    let lines = "correct horse battery\nanother horse, no staple\n";
    bob.venn_with("passwd", lines).await.good();
    bob.venn("whoami").await.failed(3);
    bob.venn_with(login, "another horse, no staple\n").await.good();
    let told = bob.venn_with("two-factor set-up --json", "another horse, no staple\n").await.json();
    let secret = Secret::from_base32(told["secret"].as_str().unwrap()).unwrap();
    let now = || desk.world.host.app.clock.now();
    let code = |steps: i64| secret.code(now().plus_ms(steps * 30_000)).unwrap() + "\n";
    let told = bob.venn_with("two-factor confirm", &code(0)).await.good();
    let recovery = told.lines().find_map(|line| line.strip_prefix("  ")).unwrap();
    assert!(bob.venn("two-factor show").await.good().contains("10"));
    let lines = format!("another horse, no staple\n{}", code(1));
    bob.venn_with(login, &lines).await.good();
    let by_recovery = format!("{login} --code {recovery}");
    bob.venn_with(&by_recovery, "another horse, no staple\n").await.good();
    bob.venn_with(&by_recovery, "another horse, no staple\n").await.failed(3);
    let acme = &desk.acme;
    let shown = acme.venn("orgs two-factor").await.good();
    assert!(shown.starts_with("Each member decides about a second factor."), "{shown}");
    acme.venn("orgs two-factor --demand").await.good();
    let shown = acme.venn("orgs two-factor").await.good();
    assert!(shown.starts_with("Every login needs a second factor."), "{shown}");
    acme.venn("orgs members --reset-two-factor b@acme.example --yes").await.good();
    acme.venn("orgs two-factor --optional").await.good();
    // With the lost device its sessions went.
    bob.venn("two-factor show").await.failed(3);
    bob.venn_with(login, "another horse, no staple\n").await.good();
    let told = bob.venn_with("two-factor set-up --json", "another horse, no staple\n").await.json();
    let secret = Secret::from_base32(told["secret"].as_str().unwrap()).unwrap();
    let code = |steps: i64| secret.code(now().plus_ms(steps * 30_000)).unwrap() + "\n";
    bob.venn_with("two-factor confirm", &code(0)).await.good();
    bob.venn_with("two-factor remove", &code(1)).await.good();
    assert_eq!(bob.venn("logout").await.good(), "Logged out.\n");
    let out = bob.venn("whoami").await.failed(3);
    assert!(out.contains("There is no login kept as `default`."), "{out}");
    // A token is forgotten here, and goes on.
    let made = acme.venn("orgs tokens --create ci --scope read").await.good();
    assert!(made.contains("\nIt may read, until 20"), "{made}");
    let token = made.lines().find_map(|line| line.strip_prefix("  venn_")).unwrap();
    bob.venn_with("login", &format!("venn_{token}\n")).await.good();
    let out = bob.venn("logout").await.good();
    assert!(out.starts_with("Forgotten here. The token itself is good until it ends, "), "{out}");
    bob.venn("whoami").await.failed(3);
    reach::check("a_person_is_invited_logs_in_and_out", &desk).await;
}
