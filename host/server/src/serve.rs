//! `venn serve`: opens the store, makes the sandbox, starts the workers and
//! answers HTTP until it is told to stop; then it drains.
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use hyper::{
    Request,
    body::Incoming,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};
use venn_domain::{id::IdSource, time::Clock};
use venn_sandbox::{EgressSettings, Sandbox};
use venn_store::{Database, Store, crash};

use crate::{
    accesses::Accesses,
    advisories,
    app::{ASKED_AT_ONCE, App, Wake},
    auth::source::Peer,
    dependencies,
    error::{ApiError, Code, RETRY_AFTER_S},
    folder, headers, hooks, installation, oauth, openapi,
    rate::Rate,
    refused_upload,
    releases::Loaded,
    routes,
    telemetry::{metrics::Metrics, request, scrape},
    turns::Turns,
    workers,
};

/// What a server is started with.
pub struct Settings {
    /// The folder of everything that is kept.
    pub data: PathBuf,
    /// Where the rows are: in the folder, or in a PostgreSQL database.
    pub database: Database,
    /// Outbound calls: the operator's name overrides and their CA.
    pub egress: EgressSettings,
    /// The program that compiles components in a child: normally this one.
    pub compile_program: PathBuf,
    /// Proxies in front of the server, whose `x-forwarded-for` counts.
    pub proxies: Vec<IpNet>,
    /// Where people and services reach this server: `https://venn.example.com`.
    pub public_url: Option<String>,
    /// The most API calls of one token in a minute.
    pub calls_a_minute: u64,
    /// Room for runs at once.
    pub pool: venn_sandbox::PoolSettings,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn IdSource>,
    /// The instruments.
    pub metrics: Arc<Metrics>,
}

/// How long requests and runs may take to finish after a stop. A supervisor
/// usually kills after 30 s.
const DRAIN: Duration = Duration::from_secs(25);

/// A client must send its headers within this; slower ones hold sockets only.
const HEADER_READ: Duration = Duration::from_secs(10);

/// A body of which nothing comes for so long has broken off: it holds a turn.
const BODY_QUIET: Duration = Duration::from_secs(15);

/// An application that is ready to serve.
pub struct Server {
    /// What handlers and workers share.
    pub app: App,
    /// The platform's first token, on the first start only.
    pub first_token: Option<String>,
    /// Held as long as the server is: one process owns a data folder, or several servers.
    _lock: std::fs::File,
}

impl Server {
    /// Opens everything; fails rather than starting with less.
    pub async fn open(settings: Settings) -> anyhow::Result<Self> {
        let data = settings.data;
        folder::private();
        std::fs::create_dir_all(&data)
            .with_context(|| format!("cannot create the data folder {}", data.display()))?;
        let beside = matches!(settings.database, Database::Postgres(_));
        let lock = if beside { folder::lock_beside(&data).await? } else { folder::lock(&data)? };
        let keys = installation::keys(&data, &settings.database).await?;
        let clock = settings.clock;
        let store = Store::open_beside(venn_store::Settings {
            folder: data.clone(),
            database: settings.database.clone(),
            clock: clock.clone(),
            ids: settings.ids,
            observer: settings.metrics.clone(),
        })
        .await
        .with_context(|| format!("cannot open {}", settings.database.place(&data)))?;
        crash::point("start.opened");
        let scratch = data.join("scratch");
        let is_alone = store.is_alone();
        if is_alone {
            venn_sandbox::sweep_scratch(&scratch).context("cannot empty the scratch folder")?;
        }
        let sandbox = Sandbox::new(venn_sandbox::Settings {
            compile_program: settings.compile_program,
            compile_args: vec!["compile-child".to_owned()],
            artifact_key: keys.artifact,
            egress: settings.egress,
            scratch,
            pool: settings.pool,
        })
        .context("cannot make the sandbox")?;
        let uploads = data.join("uploads");
        if is_alone {
            // What was leased when the one before was killed is nobody's now. Beside others
            // it may be theirs: then it runs out.
            store.release_leases().await.context("cannot take back old leases")?;
        }
        crash::point("start.released");
        let first_token = crate::auth::first_token(&store, &data).await?;
        store.keep_fingerprint(&keys.fingerprint).await.context("cannot name the keys")?;
        std::fs::create_dir_all(&uploads).context("cannot create the uploads folder")?;
        crash::point("start.keyed");
        let app = App {
            store,
            sandbox: Arc::new(sandbox),
            clock,
            keys: Arc::new(keys),
            metrics: settings.metrics,
            uploads,
            advisories: data.join(advisories::FOLDER),
            wake: Wake::default(),
            new_sources: Arc::default(),
            rate: Arc::new(Rate::a_minute(settings.calls_a_minute)),
            heard: Arc::default(),
            answers: Arc::default(),
            hashing: Arc::default(),
            checking: Arc::default(),
            proxies: settings.proxies.into(),
            accesses: Accesses::default(),
            loaded: Loaded::default(),
            dependencies: dependencies::Read::default(),
            usage: Arc::default(),
            uploading: Turns::new(1),
            asking: Turns::new(ASKED_AT_ONCE),
            renewals: TaskTracker::new(),
            public_url: settings.public_url.map(Into::into),
        };
        if beside {
            folder::share(&lock, &data)?;
        }
        Ok(Self { app, first_token, _lock: lock })
    }

    /// Serves on `listener` until `stop`, then drains; the figures on an address
    /// of their own, if there is one.
    pub async fn run(
        self,
        listener: TcpListener,
        metrics: Option<TcpListener>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let workers = workers::start(&self.app, &stop);
        let (store, accesses) = (self.app.store.clone(), self.app.accesses.clone());
        let renewals = self.app.renewals.clone();
        if let Some(metrics) = metrics {
            let (router, stop) = (scrape::router(self.app.clone()), stop.clone());
            workers.spawn(async move { accept(router, metrics, &stop).await });
        }
        accept(router(self.app), listener, &stop).await;
        workers.close();
        let drained = async {
            workers.wait().await;
            renewals.close();
            renewals.wait().await;
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(
                "server.drain ran out of time; unfinished runs are repeated at the next start"
            );
        }
        accesses.flush(&store).await.context("cannot write who read what")?;
        store.close().await;
        Ok(())
    }
}

/// The whole application as a router, for serving and for tests.
pub fn router(app: App) -> Router {
    Router::new()
        .nest("/v1", routes::v1().router(&app))
        .merge(openapi::routes())
        .route(oauth::connect::ROUTE, get(oauth::connect::callback))
        .route(hooks::ROUTE, post(hooks::called))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(other_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::map_response(headers::layer))
        .layer(middleware::from_fn_with_state(app.clone(), request::layer))
        .layer(middleware::from_fn(refused_upload::layer))
        .layer(RequestBodyTimeoutLayer::new(BODY_QUIET))
        .with_state(app)
}

/// `OPTIONS` of an address that exists tells its methods, in `allow`.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = "This address exists, but not with this method.";
    ApiError::new(Code::MethodNotAllowed, detail, "Look the call up at `/docs`.").into_response()
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}

async fn ready(State(app): State<App>) -> Response {
    match app.store.ping().await {
        Ok(()) => Json(serde_json::json!({ "ready": true })).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "server.ready failed");
            let headers = [(header::RETRY_AFTER, RETRY_AFTER_S)];
            let body = Json(serde_json::json!({ "ready": false }));
            (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
        }
    }
}

async fn accept(router: Router, listener: TcpListener, stop: &CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ);
    loop {
        let (stream, peer): (_, SocketAddr) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors: others will be closed; go on.
                    tracing::warn!(%error, "server.accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            router.call(request)
        });
        let connection =
            builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "server.connection ended");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}
