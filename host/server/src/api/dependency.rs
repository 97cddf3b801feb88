//! What releases were built from, and which advisories concern that: for those
//! who decide about releases.
use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use venn_domain::{id::ReleaseId, organization::Need};
use venn_store::release::Release;

use crate::{
    advisories::{self, Advisories, Concern},
    api::review::{ReviewQuery, parse_state},
    app::App,
    auth::Caller,
    dependencies::{self, Carried, Package},
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// One crate.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PackageView {
    /// Its name.
    name: String,
    /// Its version (semantic versioning).
    version: String,
    /// Where it came from: `crates.io`, `registry`, `git`, `local`, or another word.
    source: String,
    /// It took part in the build only, and is not in the component.
    build: bool,
}

/// An advisory that concerns a crate in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConcernView {
    /// The advisory's id, for example `RUSTSEC-2024-0421`.
    advisory: String,
    /// The crate.
    package: String,
    /// The version of the crate that was built in.
    version: String,
    /// `vulnerability`, or the kind of note: `unsound`, `unmaintained`, `notice`.
    kind: String,
    /// What it is, in a line.
    title: String,
    /// When it was published, as `YYYY-MM-DD`.
    date: String,
    /// Requirements that good versions meet; empty if there are none.
    patched: Vec<String>,
}

/// What a release says that it was built from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DependenciesView {
    /// The release.
    release: ReleaseId,
    /// `listed`, `none` (the component carries no list) or `damaged`.
    #[schemars(extend("enum" = ["listed", "none", "damaged"]))]
    data: &'static str,
    /// In plain words, why there is no list; empty if there is one.
    detail: String,
    /// The crates, as whoever built it says.
    packages: Vec<PackageView>,
    /// What concerns them; empty without an advisory database, too.
    advisories: Vec<ConcernView>,
    /// How many advisories were looked through; none without a database.
    advisories_known: Option<u64>,
    /// When the newest advisory was published, as `YYYY-MM-DD`; empty without a database.
    advisories_newest: String,
    /// Files of the database that cannot be read, at most 20: what they say is not known.
    advisories_unreadable: Vec<String>,
    /// The list as a `CycloneDX` 1.5 document; none without a list.
    sbom: Option<Value>,
}

/// A release and what concerns it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScannedView {
    /// The release.
    release: ReleaseId,
    /// The plugin's name.
    plugin_name: String,
    /// The release's version (semantic versioning).
    version: String,
    /// `submitted`, `approved`, `refused` or `yanked`.
    #[schemars(extend("enum" = ["submitted", "approved", "refused", "yanked"]))]
    state: &'static str,
    /// `listed`, `none` (the component carries no list) or `damaged`.
    #[schemars(extend("enum" = ["listed", "none", "damaged"]))]
    data: &'static str,
    /// What concerns its crates.
    advisories: Vec<ConcernView>,
    /// Files of the database that cannot be read, at most 20: what they say is not known.
    /// The same for every release.
    advisories_unreadable: Vec<String>,
}

/// `GET /v1/review/releases/{release}/dependencies`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DependenciesView>, ApiError> {
    caller.need(Need::platform())?;
    let release = app.store.release(&id.parse()?).await?.ok_or_else(ApiError::not_found)?;
    let carried = dependencies::carried(&app, &release.digest).await?;
    let known = advisories::read(&app).await?;
    let listed = packages(&carried);
    Ok(Json(DependenciesView {
        release: release.id,
        data: data(&carried),
        detail: detail(&carried),
        packages: listed.iter().map(package).collect(),
        advisories: concerns(known.as_ref(), listed),
        advisories_known: known.as_ref().map(Advisories::count),
        advisories_newest: known.as_ref().map(Advisories::newest).unwrap_or_default(),
        advisories_unreadable: known
            .as_ref()
            .map(Advisories::unreadable)
            .unwrap_or_default()
            .to_vec(),
        sbom: matches!(*carried, Carried::Listed(_)).then(|| dependencies::sbom(listed)),
    }))
}

/// `GET /v1/review/advisories`.
pub async fn scan(
    State(app): State<App>,
    caller: Caller,
    page: PageOf<ReviewQuery>,
) -> Result<Json<PageView<ScannedView>>, ApiError> {
    caller.need(Need::platform())?;
    let state = page.filter.state.as_deref().filter(|state| !state.is_empty()).map(parse_state);
    let (state, before) = (state.transpose()?, page.after()?);
    let Some(known) = advisories::read(&app).await? else {
        return Err(ApiError::new(
            Code::WrongState,
            "There is no advisory database to look through.",
            "The operator puts a copy of the RustSec database into `advisories` in the data folder.",
        ));
    };
    if known.count() == 0 && !known.unreadable().is_empty() {
        let what = known.unreadable().join(", ");
        let detail = format!("The advisories in the data folder cannot be read: {what}.");
        let next = "The operator renews the copy of the RustSec database there.";
        return Err(ApiError::new(Code::WrongState, detail, next));
    }
    let found = app.store.releases_in_state(state, before.as_ref(), page.limit).await?;
    let mut carried: Vec<Arc<Carried>> = Vec::with_capacity(found.items.len());
    for release in &found.items {
        carried.push(dependencies::carried(&app, &release.digest).await?);
    }
    let mut carried = carried.into_iter();
    let view = |release: Release| {
        let carried = carried.next().unwrap_or_else(|| Arc::new(Carried::Nothing));
        ScannedView {
            release: release.id,
            plugin_name: release.plugin_name,
            version: release.version,
            state: release.state.name(),
            data: data(&carried),
            advisories: concerns(Some(&known), packages(&carried)),
            advisories_unreadable: known.unreadable().to_vec(),
        }
    };
    Ok(Json(page.view(found, view)))
}

fn packages(carried: &Carried) -> &[Package] {
    match carried {
        Carried::Listed(packages) => packages,
        _ => &[],
    }
}

const fn data(carried: &Carried) -> &'static str {
    match carried {
        Carried::Nothing => "none",
        Carried::Damaged(_) => "damaged",
        Carried::Listed(_) => "listed",
    }
}

fn detail(carried: &Carried) -> String {
    match carried {
        Carried::Nothing => {
            "The component carries no list of what it was built from; `cargo auditable` adds one."
                .to_owned()
        }
        Carried::Damaged(why) => format!("The component's list cannot be read: {why}."),
        Carried::Listed(_) => String::new(),
    }
}

fn package(package: &Package) -> PackageView {
    PackageView {
        name: package.name.clone(),
        version: package.version.to_string(),
        source: package.source.clone(),
        build: package.build,
    }
}

fn concerns(known: Option<&Advisories>, packages: &[Package]) -> Vec<ConcernView> {
    let view = |concern: Concern| ConcernView {
        advisory: concern.id,
        package: concern.package,
        version: concern.version,
        kind: concern.kind,
        title: concern.title,
        date: concern.date,
        patched: concern.patched,
    };
    known.map(|known| known.concerning(packages)).into_iter().flatten().map(view).collect()
}
