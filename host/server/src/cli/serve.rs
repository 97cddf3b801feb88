//! `venn serve`, and the hidden `compile-child` that it starts for each
//! component. The clock and the ids of the real world come in here, once.
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use clap::Args;
use ipnet::IpNet;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use venn_domain::{
    egress::Target,
    id::IdSource,
    limits,
    time::{Clock, Timestamp},
};
use venn_sandbox::{EgressSettings, NameOverride, PoolSettings};

use super::{
    exit::Exit,
    input,
    output::{failure::Failure, put},
    session::Session,
    storage::StorageArgs,
};
use crate::{
    serve::{Server, Settings},
    telemetry::{Telemetry, log, metrics::Metrics, otlp::Export},
};

/// Runs the server
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", env = "VENN_LISTEN")]
    listen: SocketAddr,
    #[command(flatten)]
    storage: StorageArgs,
    /// Dial this address for a host that plugins call, whatever DNS says (repeatable)
    #[arg(long = "override", value_name = "HOST=ADDR:PORT", value_parser = name_override)]
    overrides: Vec<NameOverride>,
    /// Certificate authority (PEM) that is trusted for overridden hosts only
    #[arg(long, value_name = "FILE")]
    override_ca: Option<PathBuf>,
    /// Network of proxies in front of the server, whose `x-forwarded-for` is believed (repeatable)
    #[arg(long, value_name = "NETWORK")]
    behind_proxy: Vec<IpNet>,
    /// Where people and services reach this server, `https://` and a host: services send
    /// people back there once they said yes
    #[arg(long, value_name = "URL", env = "VENN_PUBLIC_URL", value_parser = public_url)]
    public_url: Option<String>,
    /// The most API calls of one token in a minute, all of them at once if need be
    #[arg(long, value_name = "CALLS", default_value_t = limits::API_CALLS, value_parser = clap::value_parser!(u64).range(1..))]
    calls_a_minute: u64,
    /// How log lines look; `VENN_LOG` sets what is logged
    #[arg(long, value_enum, default_value = "text")]
    log_format: log::Format,
    /// Serve figures for Prometheus at /metrics on this address; whoever reaches it may read them
    #[arg(long, value_name = "ADDR:PORT", env = "VENN_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// Where only counts are shared, tell none below this, and others rounded down to its multiples
    #[arg(long, value_name = "N", env = "VENN_COUNT_FLOOR", default_value_t = limits::COUNT_FLOOR,
          value_parser = clap::value_parser!(u64).range(limits::COUNT_FLOOR..))]
    count_floor: u64,
}

fn name_override(text: &str) -> Result<NameOverride, String> {
    let (host, address) = input::pair(text).map_err(|_| "expected HOST=ADDR:PORT".to_owned())?;
    let address =
        address.parse().map_err(|error| format!("`{address}` is no ADDR:PORT: {error}"))?;
    Ok(NameOverride { host: host.to_ascii_lowercase(), address })
}

/// An origin, as browsers write it: services compare it letter by letter.
fn public_url(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let target = Target::parse(text).ok().filter(|target| target.origin() == text);
    let here = ["http://localhost:", "http://127.0.0.1:"].iter().any(|one| text.starts_with(one));
    if target.is_some() && text.starts_with("https://") || here {
        return Ok(text.to_owned());
    }
    Err("expected https:// and a host, without a path; http:// is for this machine only".to_owned())
}

/// Serves until it is told to stop.
pub(crate) fn run(session: &Session, args: ServeArgs) -> Result<(), Failure> {
    let export =
        Export::from_environment().map_err(|unfit| Failure::usage(unfit.what, unfit.next_step))?;
    let telemetry = Telemetry::start(export, args.log_format, args.metrics_listen.is_some())?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::unexpected(format!("The runtime cannot be started: {error}.")))?;
    let served = runtime.block_on(serve(session, args, telemetry.metrics.clone()));
    telemetry.stop();
    served
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let next = "Stop what listens there, or choose another address: port 0 takes a free one.";
        let what = format!("The address {address} cannot be listened on: {error}.");
        Failure::new(Exit::Unexpected, what, next)
    })
}

async fn serve(session: &Session, args: ServeArgs, metrics: Arc<Metrics>) -> Result<(), Failure> {
    let listener = listen(args.listen).await?;
    let scraped = match args.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let address = listener.local_addr().context("the address that is listened on is not known")?;
    let scraped_at = scraped.as_ref().map(TcpListener::local_addr).transpose();
    let scraped_at = scraped_at.context("the address of the figures is not known")?;
    let own = [address].into_iter().chain(scraped_at).collect();
    let extra_ca_pem = match &args.override_ca {
        Some(path) => Some(fs::read(path).map_err(|error| Failure::file(path, "read", &error))?),
        None => None,
    };
    let server = Server::open(Settings {
        data: args.storage.data.clone(),
        database: args.storage.database()?,
        egress: EgressSettings { overrides: args.overrides, extra_ca_pem, own },
        compile_program: std::env::current_exe().context("this program's own path is not known")?,
        proxies: args.behind_proxy,
        public_url: args.public_url,
        calls_a_minute: args.calls_a_minute,
        pool: PoolSettings::default(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds::default()),
        metrics,
    })
    .await?;
    server.app.store.set_count_floor(args.count_floor);
    let first_start = server.first_token.is_some();
    let is_alone = server.app.store.is_alone();
    // Signals are taken before the address is told: who reads it may stop us.
    let stop = stop_on_signals().context("signals cannot be taken")?;
    let token = first_start.then(|| args.storage.data.join("admin.token"));
    announce(session, address, scraped_at, token.as_deref(), is_alone)?;
    server.run(listener, scraped, stop).await?;
    tracing::info!("server.stopped");
    Ok(())
}

fn announce(
    session: &Session,
    address: SocketAddr,
    scraped_at: Option<SocketAddr>,
    token: Option<&Path>,
    is_alone: bool,
) -> Result<(), Failure> {
    let url = format!("http://{address}");
    let metrics = scraped_at.map(|address| format!("http://{address}/metrics"));
    if session.out.json {
        return session.out.print(
            &serde_json::json!({ "url": url, "metrics_url": metrics, "admin_token_file": token, "alone": is_alone })
                .to_string(),
        );
    }
    let mut text = format!("Venn is at {url}\n");
    if let Some(metrics) = metrics {
        put!(text, "Its figures are at {metrics}\n");
    }
    if !is_alone {
        text.push_str("Other servers serve its database, too.\n");
    }
    if let Some(file) = token {
        let file = file.display();
        put!(
            text,
            "This is the first start. The platform admin's token is in {file}:\n  venn login --server {url} --token-file {file} --profile platform\n"
        );
    }
    session.out.print(&text)
}

fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("server.stop was asked for; requests and runs under way are finished");
        told.cancel();
        // Who asks twice does not want to wait: what is cut off is repeated at
        // the next start, as after a crash.
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(Exit::Cancelled.code().into());
    });
    Ok(stop)
}

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }
}

/// Ids from the machine's clock and random numbers, each greater than the one
/// before: what was made first sorts first, also within a millisecond.
#[derive(Default)]
pub(crate) struct RandomIds(Mutex<(u64, u128)>);

impl IdSource for RandomIds {
    fn next(&self) -> (u64, u128) {
        let mut random = [0_u8; 16];
        if let Err(error) = getrandom::fill(&mut random) {
            // Without random numbers nothing here is safe: not keys, not tokens.
            tracing::error!(%error, "the system gives no random numbers");
            std::process::abort();
        }
        let now_ms = jiff::Timestamp::now().as_millisecond();
        // An id takes 80 random bits; the highest stays free for counting up.
        let fresh = (u64::try_from(now_ms).unwrap_or(0), u128::from_le_bytes(random) >> 49);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = if fresh.0 > last.0 { fresh } else { (last.0, last.1 + 1) };
        *last
    }
}

/// Compiles one component and ends; only `serve` calls it.
pub(crate) fn compile_child() -> ExitCode {
    venn_sandbox::child_main()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_names_a_host_and_an_address() {
        let expected = NameOverride {
            host: "api.hubapi.com".to_owned(),
            address: ([127, 0, 0, 1], 9000).into(),
        };
        assert_eq!(name_override("API.hubapi.com=127.0.0.1:9000"), Ok(expected));
        assert_eq!(name_override("api.hubapi.com"), Err("expected HOST=ADDR:PORT".to_owned()));
        assert_eq!(
            name_override("a.test=localhost:1"),
            Err("`localhost:1` is no ADDR:PORT: invalid socket address syntax".to_owned())
        );
    }

    #[test]
    fn a_public_address_is_an_origin_over_tls_or_this_machine() {
        let good = "https://venn.example.com".to_owned();
        assert_eq!(public_url("https://venn.example.com/"), Ok(good));
        assert!(public_url("http://127.0.0.1:8080").is_ok());
        for bad in [
            "http://venn.example.com",
            "https://venn.example.com/x",
            "venn.example.com",
            "https://a@b.example",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_have_80_bits_and_each_is_greater_than_the_one_before() {
        let ids = RandomIds::default();
        let (one, two) = (ids.next(), ids.next());
        assert!(one.1 < 1 << 80 && two.1 < 1 << 80 && one < two);
    }
}
