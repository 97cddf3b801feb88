//! What is kept in memory of what was published: each component once, and no more
//! than there is room for.
use futures::future::join_all;
use serde_json::Value;
use venn_sandbox::Prepared;
use venn_server::{
    app::App,
    releases::{self, Loaded},
};
use venn_store::release::Proof;

use crate::support::{World, guest};

/// What this release is believed by.
async fn proof(world: &World, release: &Value) -> Proof {
    let id = release["id"].as_str().unwrap().parse().unwrap();
    world.host.app.store.release_proof(&id).await.unwrap().unwrap()
}

async fn prepared(app: &App, proof: &Proof) -> Prepared {
    releases::prepared(app, proof).await.unwrap()
}

/// How often a component came from there.
fn loads(app: &App, origin: &str) -> u64 {
    let figures = app.metrics.text().unwrap();
    let series = format!("venn_components_loaded_total{{origin=\"{origin}\"}} ");
    let count = figures.lines().find_map(|line| line.strip_prefix(&series));
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_begin_together_load_once() {
    let world = World::start().await;
    let release = world.listed(&World::manifest("script"), guest("script")).await;
    let (app, proof) = (&world.host.app, proof(&world, &release).await);
    join_all((0..16).map(|_| prepared(app, &proof))).await;
    assert_eq!((loads(app, "artifact"), loads(app, "memory")), (1, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_fails_leaves_its_place_to_the_next() {
    let world = World::start().await;
    let release = world.listed(&World::manifest("script"), guest("script")).await;
    let (app, proof) = (&world.host.app, proof(&world, &release).await);
    let unsigned = Proof { signature: None, ..proof.clone() };
    let refused = join_all((0..4).map(|_| releases::prepared(app, &unsigned))).await;
    assert!(refused.iter().all(Result::is_err));
    assert_eq!(app.loaded.bytes(), 0);
    prepared(app, &proof).await;
    assert_eq!(loads(app, "artifact"), 1);
}

/// An artifact is only time saved: where something else lies in its place the
/// component is compiled again and runs.
#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_that_cannot_be_read_or_kept_is_made_again() {
    let world = World::start().await;
    let release = world.listed(&World::manifest("script"), guest("script")).await;
    let (app, proof) = (&world.host.app, proof(&world, &release).await);
    let artifact = world.host.data.path().join("artifacts").join(&proof.digest);
    std::fs::remove_file(&artifact).unwrap();
    std::fs::create_dir_all(artifact.join("inside")).unwrap();
    prepared(app, &proof).await;
    assert_eq!((loads(app, "compiled"), loads(app, "artifact")), (1, 0));
    prepared(app, &proof).await;
    assert_eq!(loads(app, "memory"), 1);
}

/// Whoever can write into the folder cannot bring native code of their own.
#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_that_is_not_what_was_sealed_is_made_again() {
    let world = World::start().await;
    let release = world.listed(&World::manifest("script"), guest("script")).await;
    let proof = proof(&world, &release).await;
    let place = world.host.data.path().join("artifacts").join(&proof.digest);
    let sealed = std::fs::read(&place).unwrap();
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let cut = sealed[..sealed.len() / 2].to_vec();
    for (compiled, wrong) in (1..).zip([changed, cut, Vec::new()]) {
        std::fs::write(&place, wrong).unwrap();
        let fresh = || App { loaded: Loaded::default(), ..world.host.app.clone() };
        prepared(&fresh(), &proof).await;
        let app = &world.host.app;
        assert_eq!((loads(app, "compiled"), loads(app, "artifact")), (compiled, compiled - 1));
        // What was made again is kept, and good.
        prepared(&fresh(), &proof).await;
        assert_eq!((loads(app, "compiled"), loads(app, "artifact")), (compiled, compiled));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_forgotten_and_loaded_again() {
    let world = World::start().await;
    let (mut proofs, mut sizes) = (Vec::new(), 0);
    for (name, component) in [("script", guest("script")), ("flood", guest("state_flood"))] {
        let release = world.listed(&World::manifest(name), component).await;
        let proof = proof(&world, &release).await;
        sizes += prepared(&world.host.app, &proof).await.bytes();
        proofs.push(proof);
    }
    assert_eq!(world.host.app.loaded.bytes(), sizes);

    // Room for either, not for both.
    let room = sizes - 1;
    let app = App { loaded: Loaded::holding(room), ..world.host.app.clone() };
    let before = loads(&app, "artifact");
    for proof in [&proofs[0], &proofs[1], &proofs[0], &proofs[1]] {
        prepared(&app, proof).await;
        assert!((1..=room).contains(&app.loaded.bytes()), "{} of {room}", app.loaded.bytes());
    }
    assert!(loads(&app, "artifact") > before + 2, "one of them had to be loaded again");

    // Room for none: every run brings its own.
    let app = App { loaded: Loaded::holding(1), ..world.host.app.clone() };
    prepared(&app, &proofs[0]).await;
    assert_eq!(app.loaded.bytes(), 0);
}
