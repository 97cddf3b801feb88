//! What a release was built from, as `venn review` shows it.
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{
    client::{Call, Reply},
    exit::Exit,
    output::{
        Paint,
        failure::Failure,
        put,
        table::Column,
        value::{at, is_true, list, raw, text},
    },
    session::{Page, Session},
};

/// What a release says that it was built from.
pub(super) fn of(session: &Session, release: &Value) -> Result<Reply, Failure> {
    session.get(&["review", "releases", raw(release, "id"), "dependencies"])
}

/// The section of `venn review show`.
pub(super) fn render(out: &mut String, dependencies: &Value, paint: Paint) {
    put!(out, "\n{}\n", paint.bold("It was built from"));
    out.push_str(&unreadable(dependencies));
    if raw(dependencies, "data") != "listed" {
        put!(out, "  unknown: {}\n", raw(dependencies, "detail"));
        return;
    }
    let packages = list(dependencies, "packages");
    let build = packages.iter().filter(|package| is_true(package, "build")).count();
    put!(
        out,
        "  {} crates, {build} of them for the build only, as whoever built it says\n",
        packages.len()
    );
    if at(dependencies, "advisories_known").is_null() {
        put!(
            out,
            "  No advisories are known here: the data folder has no copy of the RustSec database\n"
        );
        return;
    }
    let concerns = list(dependencies, "advisories");
    put!(
        out,
        "  {} of {} advisories concern it, the newest of which is of {}\n",
        concerns.len(),
        text(dependencies, "advisories_known"),
        text(dependencies, "advisories_newest")
    );
    for concern in concerns {
        put!(
            out,
            "  - {} ({}): {} {}: {}. Not in {}\n",
            text(concern, "advisory"),
            text(concern, "kind"),
            text(concern, "package"),
            text(concern, "version"),
            text(concern, "title"),
            text(concern, "patched")
        );
    }
}

/// What of the operator's copy says nothing, because it cannot be read.
fn unreadable(value: &Value) -> String {
    if list(value, "advisories_unreadable").is_empty() {
        return String::new();
    }
    format!(
        "  NOT READ, so what they say is not known: {}. The operator renews the copy of the RustSec database\n",
        text(value, "advisories_unreadable")
    )
}

/// `venn review sbom`: the document itself, for a file or another program.
pub(super) fn sbom(session: &Session, release: &Value) -> Result<(), Failure> {
    let reply = of(session, release)?;
    let document = at(&reply.value, "sbom");
    if document.is_null() {
        let next = "Its publisher builds it with `cargo auditable` and publishes a new version.";
        return Err(Failure::new(Exit::Refused, raw(&reply.value, "detail").to_owned(), next));
    }
    session.out.print(&format!("{document:#}"))
}

const CONCERNS: &[Column] = &[
    Column::whole("RELEASE", "release"),
    Column::text("PLUGIN", "plugin_name"),
    Column::text("VERSION", "version"),
    Column::state("STATE", "state"),
    Column::text("ADVISORY", "advisory"),
    Column::text("CRATE", "package"),
    Column::text("KIND", "kind"),
    Column::text("TITLE", "title"),
];

/// `venn review scan`: every release that an advisory concerns, of all pages.
pub(super) fn scan(session: &Session, state: &str) -> Result<(), Failure> {
    let state = Some(state).filter(|state| !state.is_empty());
    let call = Call::new(Method::GET, &["review", "advisories"]).with("state", state);
    let reply = session.page(&call, &Page { all: true, ..Page::default() })?;
    session.show(&reply, |value| {
        let releases = list(value, "items");
        let mut rows = Vec::new();
        for release in releases {
            rows.extend(list(release, "advisories").iter().map(|concern| row(release, concern)));
        }
        let concerned = releases.iter().filter(|one| !list(one, "advisories").is_empty()).count();
        let silent = releases.iter().filter(|one| raw(one, "data") != "listed").count();
        let mut out = if rows.is_empty() { String::new() } else { session.out.table(&rows, CONCERNS) };
        out.push_str(&releases.first().map(unreadable).unwrap_or_default());
        put!(
            out,
            "Advisories concern {concerned} of {} releases; {silent} say nothing of what they were built from.\n",
            releases.len()
        );
        out
    })
}

/// An advisory in the line of the release that it concerns.
fn row(release: &Value, concern: &Value) -> Value {
    json!({
        "release": at(release, "release"), "plugin_name": at(release, "plugin_name"),
        "version": at(release, "version"), "state": at(release, "state"),
        "advisory": at(concern, "advisory"), "title": at(concern, "title"),
        "kind": at(concern, "kind"),
        "package": format!("{} {}", text(concern, "package"), text(concern, "version")),
    })
}
