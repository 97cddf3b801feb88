//! What the standard OpenTelemetry variables ask for. Without an endpoint
//! nothing is sent anywhere.
//!
//! | variable | what |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector, for example `http://127.0.0.1:4318`; `…_TRACES_ENDPOINT` and `…_METRICS_ENDPOINT` for one of both |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf`, the only one spoken |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT` | as the standard says |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who we are; `venn` if nothing is said |
//! | `OTEL_TRACES_SAMPLER`, `…_ARG` | how many traces |
//! | `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` | `true`, `none`, `none`: off again |
use anyhow::Context as _;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

/// What is sent to a collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Export {
    traces: bool,
    metrics: bool,
}

/// A variable that cannot be followed.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong, in one sentence.
    pub what: String,
    /// What to set instead.
    pub next_step: String,
}

impl Unfit {
    fn new(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { what: what.into(), next_step: next_step.into() }
    }
}

impl Export {
    /// As the process was started.
    pub fn from_environment() -> Result<Self, Unfit> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the variables. One that cannot be followed is an error: a server
    /// that silently sends nothing looks like one that has nothing to say.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Unfit> {
        let value = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        if value("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(Self::default());
        }
        let wanted = |signal: &str| -> Result<bool, Unfit> {
            let own = |name: &str| value(&format!("OTEL_EXPORTER_OTLP_{signal}_{name}"));
            let exporter = format!("OTEL_{signal}_EXPORTER");
            match value(&exporter).as_deref() {
                None | Some("otlp") => {}
                Some("none") => return Ok(false),
                Some(other) => {
                    return Err(Unfit::new(
                        format!("{exporter} is `{other}`, which Venn does not have."),
                        "Set it to `otlp` or `none`; Prometheus reads what --metrics-listen serves.",
                    ));
                }
            }
            let endpoint = own("ENDPOINT").or_else(|| value("OTEL_EXPORTER_OTLP_ENDPOINT"));
            let Some(endpoint) = endpoint else { return Ok(false) };
            if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                // Not the value: it may hold a password.
                return Err(Unfit::new(
                    "OTEL_EXPORTER_OTLP_ENDPOINT is no address.",
                    "Set it to the collector's, for example http://127.0.0.1:4318.",
                ));
            }
            let protocol = own("PROTOCOL").or_else(|| value("OTEL_EXPORTER_OTLP_PROTOCOL"));
            match protocol.as_deref() {
                None | Some("http/protobuf") => Ok(true),
                Some(other) => Err(Unfit::new(
                    format!("OTEL_EXPORTER_OTLP_PROTOCOL is `{other}`, which Venn does not speak."),
                    "Set it to `http/protobuf`, or leave it out; collectors take that on port 4318.",
                )),
            }
        };
        Ok(Self { traces: wanted("TRACES")?, metrics: wanted("METRICS")? })
    }

    /// Where spans go, if anywhere. A thread of its own sends them in batches;
    /// what a slow collector does not take in time is dropped.
    pub fn tracer(self) -> anyhow::Result<Option<SdkTracerProvider>> {
        if !self.traces {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .build()
            .context("traces cannot be sent as the OTEL_ variables say")?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Some(provider))
    }

    /// Where figures go, if anywhere.
    pub fn metrics(self) -> anyhow::Result<Option<MetricExporter>> {
        if !self.metrics {
            return Ok(None);
        }
        let exporter = MetricExporter::builder()
            .with_http()
            .build()
            .context("metrics cannot be sent as the OTEL_ variables say")?;
        Ok(Some(exporter))
    }
}

/// Who we are, in every trace and figure.
pub(super) fn resource() -> Resource {
    let builder = Resource::builder();
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some()
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES")
            .is_ok_and(|text| text.contains("service.name="));
    if named { builder.build() } else { builder.with_service_name("venn").build() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<(bool, bool), String> {
        let look = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let read =
            Export::read(look).map_err(|unfit| format!("{} {}", unfit.what, unfit.next_step))?;
        Ok((read.traces, read.metrics))
    }

    #[test]
    fn nothing_is_sent_unless_an_endpoint_is_named() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert_eq!(read(&[]), Ok((false, false)));
        assert_eq!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), Ok((false, false)));
        assert_eq!(read(&[ENDPOINT]), Ok((true, true)));
        assert_eq!(read(&[ENDPOINT, ("OTEL_METRICS_EXPORTER", "none")]), Ok((true, false)));
        assert_eq!(read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "true")]), Ok((false, false)));
        let traces = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces.example/v1/traces")];
        assert_eq!(read(&traces), Ok((true, false)));
    }

    #[test]
    fn what_cannot_be_followed_is_said_and_not_ignored() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        assert_eq!(
            read(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err(),
            "OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`, which Venn does not speak. Set it to `http/protobuf`, or leave it out; collectors take that on port 4318."
        );
        assert_eq!(
            read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")]).unwrap_err(),
            "OTEL_EXPORTER_OTLP_ENDPOINT is no address. Set it to the collector's, for example http://127.0.0.1:4318."
        );
        assert_eq!(
            read(&[("OTEL_TRACES_EXPORTER", "jaeger")]).unwrap_err(),
            "OTEL_TRACES_EXPORTER is `jaeger`, which Venn does not have. Set it to `otlp` or `none`; Prometheus reads what --metrics-listen serves."
        );
    }
}
