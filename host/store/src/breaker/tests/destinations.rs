//! A destination is an organization's own, and known by what its installs have met there.
use super::*;

/// Names of those that rest.
async fn resting(world: &World, installs: &[Install]) -> String {
    let mut names = String::new();
    for install in installs {
        if now_of(world, install).await.resting.is_some() {
            names += &install.name;
        }
    }
    names
}

/// These fail there, one after the other.
async fn down(world: &World, installs: &[Install], who: &[usize]) {
    for who in who {
        world.test.clock.advance_ms(6_000);
        fails(world, &installs[*who], Ends::Down).await;
    }
}

#[tokio::test]
async fn what_others_met_at_a_host_says_nothing_to_an_organization() {
    let world = World::new().await;
    let mut installs = several(&world, ["a", "b", "c", "d"], 6).await;
    let partner = &world.partner;
    for theirs in &mut installs[2..] {
        theirs.organization = partner.clone();
        for (table, column) in
            [("install", "id"), ("delivery", "install_id"), ("queue", "install_id")]
        {
            let sql = format!(
                "UPDATE {table} SET organization_id = '{partner}' WHERE {column} = '{}'",
                theirs.id
            );
            world.test.sql(&sql).await;
        }
    }
    down(&world, &installs, &[0, 1, 2, 0, 3]).await;
    assert_eq!(resting(&world, &installs).await, "", "three are ours, and two are theirs");
    down(&world, &installs, &[0, 1]).await;
    assert_eq!(resting(&world, &installs).await, "ab");
    down(&world, &installs, &[2]).await;
    assert_eq!(resting(&world, &installs).await, "ab", "three are theirs");
}

#[tokio::test]
async fn what_was_met_before_a_host_answered_counts_no_more() {
    let world = World::new().await;
    let installs = several(&world, ["a", "b", "c", "d"], 9).await;
    down(&world, &installs, &[0, 1, 2, 0, 1]).await;
    assert_eq!(resting(&world, &installs).await, "abc");
    world.test.clock.advance_ms(2 * MINUTE_MS);
    fails(&world, &installs[3], Ends::Well).await;
    assert_eq!(resting(&world, &installs).await, "");
    down(&world, &installs, &[3, 3]).await;
    assert_eq!(resting(&world, &installs).await, "");
}

#[tokio::test]
async fn who_waits_for_anothers_probe_is_not_looked_at_again_and_again() {
    let world = World::new().await;
    let installs = several(&world, ["a", "b"], 6).await;
    down(&world, &installs, &[0, 1, 0, 1, 0]).await;
    assert_eq!(resting(&world, &installs).await, "ab");
    // Who does not want to wait tries for both.
    assert!(leased(&world).await.is_empty());
    assert!(world.test.try_install(&installs[0], &world.admin).await.unwrap());
    let probe = leased(&world).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true));
    // The other one's own time has come, and the probe is at work still.
    world.test.clock.advance_ms(80_000);
    assert!(leased(&world).await.is_empty());
    let due = format!("SELECT COUNT(*) FROM queue WHERE due_at <= {}", world.test.now().0);
    assert_eq!(world.test.number(&due).await, 0);
    let waits = now_of(&world, &installs[1]).await.resting.unwrap();
    assert!(waits.next_try_at > world.test.now());
}

#[tokio::test]
async fn who_rests_for_itself_and_for_a_destination_rests_as_long_as_either() {
    let world = World::new().await;
    let kept = |minutes: i64| {
        let mut kept = Kept::new("k".to_owned(), world.customer.clone(), None);
        kept.breaker.trip(None, world.test.now().plus_ms(minutes * MINUTE_MS), 0);
        kept
    };
    let (early, late) = (kept(1), kept(2));
    for (one, other) in [(&early, &late), (&late, &early)] {
        let mut rests = one.clone();
        rests.rest(Some(other), world.test.now());
        assert_eq!(rests.rests_until, late.next_at());
    }
}
