//! What Prometheus reads: the documented instruments and no others, with the
//! documented labels and no others, as `promtool` wants them.
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::Stdio,
};

use venn_server::telemetry::metrics::TABLE;

use super::{Process, main_job_over_a_restart};

/// What `/metrics` says.
pub(super) async fn of(process: &Process) -> String {
    let url = process.said["metrics_url"].as_str().expect("an address of its figures");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap().text().await.unwrap()
}

/// Labels by series' name, buckets and sums under their histogram's.
fn labels(figures: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in figures.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        let known = labels.entry(name.to_owned()).or_default();
        if line.contains('{') {
            // No value of ours has a comma or a quote in it.
            let pairs = rest.split_once('}').unwrap().0.split(',');
            known.extend(pairs.map(|pair| pair.split_once('=').unwrap().0.to_owned()));
            known.remove("le");
        }
    }
    labels
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_are_the_documented_ones_with_bounded_labels() {
    let outside = main_job_over_a_restart().await;
    let found = labels(&outside.figures);
    assert!(found.len() > TABLE.len() / 2, "{}", outside.figures);
    for (name, labels) in &found {
        if name == "target_info" {
            continue;
        }
        let instrument = TABLE.iter().find(|one| one.prometheus_name() == *name);
        let instrument = instrument.unwrap_or_else(|| panic!("{name} is not in the table"));
        let documented: BTreeSet<_> =
            instrument.labels.iter().map(|label| (*label).to_owned()).collect();
        assert!(labels.is_subset(&documented), "{name} has {labels:?}");
        let kind = format!("# TYPE {name} {}\n", instrument.prometheus_type());
        assert!(outside.figures.contains(&kind), "{kind}");
    }
    let line = r#"venn_runs_total{ending="ok"} 1"#;
    assert!(outside.figures.contains(line), "{}", outside.figures);
    assert!(outside.figures.contains(r#"venn_egress_calls_total{outcome="2xx"}"#));
    assert!(outside.figures.contains(r#"venn_deliveries_unfinished{state="ready"} 0"#));
    // A path as somebody wrote it is not a label.
    assert!(!outside.figures.contains("run_0"), "{}", outside.figures);
    let sent: BTreeSet<_> = outside.collector.instruments().into_iter().collect();
    assert!(sent.contains("venn.runs") && sent.contains("process.cpu"), "{sent:?}");
    checked_by_promtool(&outside.figures);
}

/// `promtool` finds nothing. Needed where `VENN_REQUIRE` names it.
fn checked_by_promtool(figures: &str) {
    let required = std::env::var("VENN_REQUIRE")
        .is_ok_and(|names| names.split(',').any(|name| name == "promtool"));
    let started = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match started {
        Ok(child) => child,
        Err(error) if !required => {
            eprintln!("not checked by promtool (Debian's package prometheus): {error}");
            return;
        }
        Err(error) => panic!("VENN_REQUIRE names promtool, and it cannot be started: {error}"),
    };
    promtool.stdin.take().unwrap().write_all(figures.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let findings = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.status.success() && findings.trim().is_empty(), "{findings}\n{figures}");
}
