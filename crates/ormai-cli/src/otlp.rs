//! Spans and metrics, sent to a collector of OpenTelemetry's by OTLP over HTTP.

use std::io::{self, Write as _};

use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use ormai::opentelemetry::trace::TracerProvider as _;
use ormai::opentelemetry::{Key, global};
use ormai::telemetry;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;

/// What is sent, until it ends.
pub(crate) struct Sent {
    spans: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

impl Sent {
    /// Sends to a collector; with it the layer that takes in spans.
    pub(crate) fn to<S>(endpoint: &str) -> Result<(Self, impl Layer<S> + use<S>), Failure>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let endpoint = endpoint.trim_end_matches('/');
        let failed = |error: opentelemetry_otlp::ExporterBuildError| {
            Failure::misuse(format!("nothing can be sent to the collector: {error}"))
        };
        let spans = SpanExporter::builder().with_http().with_endpoint(format!("{endpoint}/v1/traces")).build();
        let metrics = MetricExporter::builder().with_http().with_endpoint(format!("{endpoint}/v1/metrics")).build();
        let sent = Self {
            spans: SdkTracerProvider::builder()
                .with_batch_exporter(spans.map_err(failed)?)
                .with_resource(resource())
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_periodic_exporter(metrics.map_err(failed)?)
                .with_resource(resource())
                .build(),
        };
        global::set_meter_provider(sent.metrics.clone());
        let layer = layer(sent.spans.tracer("ormai"));
        Ok((sent, layer))
    }

    /// Sends what was not sent yet. What cannot be sent fails no command.
    pub(crate) fn end(self) {
        for ended in [self.spans.shutdown(), self.metrics.shutdown()] {
            if let Err(error) = ended {
                // Nobody is left to tell when the output is gone.
                drop(writeln!(io::stderr(), "ormai: the collector was not reached: {error}"));
            }
        }
    }
}

/// Drivers' words are for the log of this machine, whoever asked for them.
fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(tracer: Tracer) -> impl Layer<S> {
    let levels =
        Targets::new().with_target("ormai", LevelFilter::INFO).with_target(telemetry::DETAIL, LevelFilter::OFF);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(levels)
}

/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, or the name of this program.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let is_named = told
        .get(&Key::from_static_str("service.name"))
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { told } else { Resource::builder().with_service_name("ormai").build() }
}
