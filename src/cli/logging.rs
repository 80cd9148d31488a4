//! Diagnostics of the process itself, on standard error; accesses go to the audit log.
//!
//! Invariant: what other people's crates say beyond `info` is never written, whatever the filter: it could hold what requests carry.

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use super::paint::Paint;

const DEFAULT_FILTER: &str = "warn,yumen=info";
/// Where the filter is read from; the first that is set counts.
const VARIABLES: [&str; 2] = ["YUMEN_LOG", "RUST_LOG"];

#[derive(clap::Args)]
pub struct Logging {
    /// How diagnostics are written to standard error; YUMEN_LOG (or RUST_LOG) says how much, for example yumen=debug
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

impl Logging {
    pub fn begin(&self) -> anyhow::Result<()> {
        let set = VARIABLES.into_iter().find_map(|name| Some((name, std::env::var(name).ok().filter(|value| !value.is_empty())?)));
        let filter = match set {
            Some((name, value)) => EnvFilter::try_new(&value).with_context(|| format!("{name} is not a filter such as yumen=debug"))?,
            None => EnvFilter::new(DEFAULT_FILTER),
        };
        subscriber(self.log_format, filter, Paint::of_stderr(), std::io::stderr)
            .try_init()
            .map_err(|error| anyhow!("diagnostics cannot be written: {error}"))
    }

    /// Whether whatever is said on standard error must be JSON.
    pub fn is_json(&self) -> bool {
        self.log_format == LogFormat::Json
    }
}

fn subscriber<W>(format: LogFormat, filter: EnvFilter, paint: Paint, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => layer.with_target(false).with_ansi(paint.is_coloured()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    let ours = filter_fn(|event| event.target().starts_with("yumen") || *event.level() <= LevelFilter::INFO);
    tracing_subscriber::registry().with(layer.with_filter(filter).with_filter(ours))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, filter: &str, speak: impl FnOnce()) -> String {
        painted(Paint::Plain, format, filter, speak)
    }

    fn painted(paint: Paint, format: LogFormat, filter: &str, speak: impl FnOnce()) -> String {
        let page = Page::default();
        let pen = page.clone();
        let subscriber = subscriber(format, EnvFilter::new(filter), paint, move || pen.clone());
        tracing::subscriber::with_default(subscriber, speak);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn speak() {
        tracing::warn!(error = %"two\nlines \"quoted\"", "a 门 that sticks");
        tracing::debug!("only for those who ask");
        tracing::debug!(target: "h2::codec", "cookie: secret");
        tracing::info!(target: "h2::codec", "hello");
    }

    #[test]
    fn every_line_of_the_json_form_parses() {
        let text = written(LogFormat::Json, "trace", speak);
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3, "{text}");
        let first = &lines[0];
        assert_eq!((&first["level"], &first["message"]), (&"WARN".into(), &"a 门 that sticks".into()));
        assert_eq!(first["error"], "two\nlines \"quoted\"");
        assert!(first["target"].as_str().unwrap().starts_with("yumen::"));
        assert!(first["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn other_peoples_crates_say_no_more_than_info() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = written(format, "trace", speak);
            assert!(!text.contains("secret") && text.contains("hello") && text.contains("only for those who ask"), "{text}");
        }
    }

    #[test]
    fn only_a_terminal_is_sent_colours() {
        let sends_colours = |paint| painted(paint, LogFormat::Text, "trace", speak).contains('\u{1b}');
        assert!(sends_colours(Paint::Colour) && !sends_colours(Paint::Plain));
    }

    #[test]
    fn the_filter_says_how_much() {
        assert_eq!(written(LogFormat::Text, DEFAULT_FILTER, speak).lines().count(), 2, "the two lines of one warning");
        assert!(written(LogFormat::Text, "off", speak).is_empty());
    }
}
