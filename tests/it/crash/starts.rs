//! A server that is killed while it starts: the next start is like any other.
use super::{Scene, is_killed};

walks! { start_killed_at:
    after_the_database_is_open = "start.opened";
    after_old_leases_are_given_back = "start.released";
    after_the_keys_are_named = "start.keyed";
}

async fn start_killed_at(point: &str) {
    let scene = Scene::new().await;
    // Something is leased when the one before is killed.
    scene.enable().await;
    for _ in 0..2 {
        let mut child = scene.command().env("VENN_CRASH_AT", point).spawn().unwrap();
        is_killed(&mut child).await;
    }
    let (process, acme, _) = scene.start(None).await;
    super::finished(&acme).await;
    assert_eq!(acme.all("installs").await.len(), 1);
    process.stop().await;
}
