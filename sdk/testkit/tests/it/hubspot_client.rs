//! HubSpot's own Node client against the simulator: whatever plugin authors and we misread in
//! the same way, this finds. The steps are in `vendor/hubspot/check.mjs`.
//!
//! It runs when its packages are installed, and always when `VENN_REQUIRE` names
//! `hubspot-client` (it then installs them by the lockfile).

use std::path::Path;
use std::process::Command;

use venn_testkit::hubspot::Kind;
use venn_testkit::{HubSpot, Options, Simulator};

use crate::client::TOKEN;

#[tokio::test(flavor = "multi_thread")]
async fn hubspots_own_client_works_against_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor/hubspot");
    let required = std::env::var("VENN_REQUIRE")
        .is_ok_and(|names| names.split(',').any(|name| name == "hubspot-client"));
    if !folder.join("node_modules").is_dir() {
        if !required {
            eprintln!(
                "skipped: {} has no node_modules; run `npm ci` there, or set VENN_REQUIRE=hubspot-client",
                folder.display()
            );
            return;
        }
        let installed = Command::new("npm")
            .args(["ci", "--ignore-scripts"])
            .current_dir(&folder)
            .status()
            .unwrap();
        assert!(installed.success(), "`npm ci` in {} failed", folder.display());
    }
    let portal = HubSpot::new(TOKEN);
    portal.add_owner("Ann", "Lee");
    portal.add_owner("Bo", "Chu");
    let simulator = Simulator::start(Options::new(portal.clone())).await.unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let ca_path = scratch.path().join("ca.pem");
    std::fs::write(&ca_path, &simulator.ca_pem).unwrap();
    let mut check = Command::new("node");
    check
        .arg("check.mjs")
        .current_dir(&folder)
        .env("NODE_EXTRA_CA_CERTS", &ca_path)
        .env("SIM_PORT", simulator.addr.port().to_string())
        .env("SIM_ADMIN", format!("http://{}", simulator.admin_addr))
        .env("SIM_TOKEN", TOKEN);
    let output = tokio::task::spawn_blocking(move || check.output()).await.unwrap().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("all steps passed\n"), "{said}");
    assert_eq!(portal.records(Kind::Tasks).len(), 3);
}
