//! What requests came to, counted where they end.
//!
//! Invariant: labels are the ids of apps in the config and words of closed lists, so that nobody outside can make the figures grow. On the
//! way of a request there are atomics and a map of its own worker, no lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use http::Response;
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};

use crate::clock::Stopwatch;
use crate::model::{Host, Inbound, Refusal};

use super::body::Body;
use super::house::Map;
use super::pipeline::Worker;

/// What stands for an app where there is none. No id of an app has a parenthesis.
pub const PORTAL: &str = "(portal)";
pub const NOWHERE: &str = "(nowhere)";

/// Until the head of the answer: from a page in memory to an upstream that thinks for a minute.
const SECONDS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Shared by all workers.
pub struct Metrics {
    requests: IntCounterVec,
    refusals: IntCounterVec,
    seconds: HistogramVec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    Refused,
    /// It was not the asker's fault: no record, no store, no upstream.
    Failed,
    /// The client went away before there was an answer.
    Left,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Refused, Self::Failed, Self::Left];

    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }

    fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NoRecord
            | Refusal::DoneUnrecorded
            | Refusal::Broken { .. }
            | Refusal::UpstreamUnreachable { .. }
            | Refusal::UpstreamTimeout => Self::Failed,
            _ => Self::Refused,
        }
    }
}

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        let seconds = HistogramOpts::new("yumen_request_seconds", "Time until the head of the answer was there.");
        Ok(Self {
            requests: IntCounterVec::new(Opts::new("yumen_requests_total", "Requests by what came of them."), &["app", "outcome"])?,
            refusals: IntCounterVec::new(
                Opts::new("yumen_refusals_total", "Requests that were refused or failed, by reason."),
                &["app", "reason"],
            )?,
            seconds: HistogramVec::new(seconds.buckets(SECONDS.to_vec()), &["app"])?,
        })
    }

    /// The series of every app that there is, also of one that nobody has asked for yet, so that its first request is an increase.
    pub fn collect(&self, map: &Map) -> Vec<MetricFamily> {
        let apps = map.sites.values().map(|site| site.app.id.as_str());
        for app in apps.chain([PORTAL, NOWHERE]) {
            for outcome in Outcome::ALL {
                let _ = self.requests.get_metric_with_label_values(&[app, outcome.word()]);
            }
            let _ = self.seconds.get_metric_with_label_values(&[app]);
        }
        [self.requests.collect(), self.refusals.collect(), self.seconds.collect()].concat()
    }

    /// A request that `edge` refused by itself: it never came to a host.
    pub fn malformed(&self) {
        let counters = [
            self.requests.get_metric_with_label_values(&[NOWHERE, Outcome::Refused.word()]),
            self.refusals.get_metric_with_label_values(&[NOWHERE, Refusal::Malformed("").word()]),
        ];
        counters.iter().flatten().for_each(IntCounter::inc);
    }
}

/// Put beside an answer that is not what was asked for; taken off before it leaves.
#[derive(Clone, Copy)]
pub struct Verdict {
    outcome: Outcome,
    reason: &'static str,
}

impl Verdict {
    pub fn of(refusal: &Refusal) -> Self {
        Self { outcome: Outcome::of(refusal), reason: refusal.word() }
    }
}

/// One worker's handles to the series of one app.
struct Meter {
    app: String,
    /// In the order of [`Outcome::ALL`].
    outcomes: [IntCounter; 4],
    seconds: Histogram,
    reasons: RefCell<HashMap<&'static str, IntCounter>>,
}

/// One worker's meters.
pub struct Meters {
    metrics: Arc<Metrics>,
    by_app: RefCell<HashMap<String, Rc<Meter>>>,
}

impl Meters {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, by_app: RefCell::default() }
    }

    /// Only for what is in the config, or one of the two words that stand for no app.
    fn of(&self, app: &str) -> Option<Rc<Meter>> {
        if let Some(meter) = self.by_app.borrow().get(app) {
            return Some(meter.clone());
        }
        let meter = Rc::new(Meter::new(&self.metrics, app).ok()?);
        self.by_app.borrow_mut().insert(app.to_owned(), meter.clone());
        Some(meter)
    }

    fn of_host(&self, map: &Map, host: &Host) -> Option<Rc<Meter>> {
        match map.sites.get(host) {
            Some(site) => self.of(site.app.id.as_str()),
            None if *host == map.portal.host => self.of(PORTAL),
            None => self.of(NOWHERE),
        }
    }
}

impl Meter {
    fn new(metrics: &Metrics, app: &str) -> Result<Self, prometheus::Error> {
        let outcome = |outcome: Outcome| metrics.requests.get_metric_with_label_values(&[app, outcome.word()]);
        let [allowed, refused, failed, left] = Outcome::ALL;
        Ok(Self {
            app: app.to_owned(),
            outcomes: [outcome(allowed)?, outcome(refused)?, outcome(failed)?, outcome(left)?],
            seconds: metrics.seconds.get_metric_with_label_values(&[app])?,
            reasons: RefCell::default(),
        })
    }

    fn count(&self, outcome: Outcome) {
        let pairs = Outcome::ALL.into_iter().zip(&self.outcomes);
        pairs.filter(|(each, _)| *each == outcome).for_each(|(_, counter)| counter.inc());
    }

    fn refused(&self, metrics: &Metrics, reason: &'static str) {
        let mut reasons = self.reasons.borrow_mut();
        if let Some(counter) = reasons.get(reason) {
            return counter.inc();
        }
        if let Ok(counter) = metrics.refusals.get_metric_with_label_values(&[self.app.as_str(), reason]) {
            counter.inc();
            reasons.insert(reason, counter);
        }
    }
}

/// A request that is being answered. Dropped before that, its client has left.
struct Measured {
    meter: Option<Rc<Meter>>,
    watch: Stopwatch,
}

impl Measured {
    fn answered(mut self, metrics: &Metrics, response: &mut Response<Body>) {
        let verdict = response.extensions_mut().remove::<Verdict>();
        let Some(meter) = self.meter.take() else { return };
        meter.seconds.observe(self.watch.elapsed().as_secs_f64());
        match verdict {
            None => meter.count(Outcome::Allowed),
            Some(Verdict { outcome, reason }) => {
                meter.count(outcome);
                meter.refused(metrics, reason);
            }
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        if let Some(meter) = self.meter.take() {
            meter.count(Outcome::Left);
        }
    }
}

impl Worker {
    /// [`Worker::serve`], counted and timed.
    pub async fn serve_measured(self: Rc<Self>, inbound: Box<Inbound>) -> Response<Body> {
        let meter = self.meters.of_host(&self.house.map.load(), &inbound.host);
        let measured = Measured { meter, watch: self.house.clock.stopwatch() };
        let mut response = self.clone().serve(inbound).await;
        measured.answered(&self.meters.metrics, &mut response);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(metrics: &Metrics, app: &str, outcome: Outcome) -> u64 {
        metrics.requests.get_metric_with_label_values(&[app, outcome.word()]).unwrap().get()
    }

    fn measured(meters: &Meters) -> Measured {
        Measured { meter: meters.of("sites"), watch: crate::clock::Clock::machine().stopwatch() }
    }

    #[test]
    fn every_request_is_counted_once_under_what_came_of_it() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let meters = Meters::new(metrics.clone());
        let answer = || Response::new(Body::whole("", None));
        measured(&meters).answered(&metrics, &mut answer());
        for refusal in [Refusal::NotFound, Refusal::SignInNeeded, Refusal::UpstreamTimeout, Refusal::NoRecord] {
            let mut response = answer();
            response.extensions_mut().insert(Verdict::of(&refusal));
            measured(&meters).answered(&metrics, &mut response);
            assert!(response.extensions().get::<Verdict>().is_none(), "it stays inside");
        }
        drop(measured(&meters));
        assert_eq!(Outcome::ALL.map(|outcome| value(&metrics, "sites", outcome)), [1, 2, 2, 1]);
        let reason = |reason: &str| metrics.refusals.get_metric_with_label_values(&["sites", reason]).unwrap().get();
        assert_eq!((reason("not-found"), reason("upstream-timeout"), reason("malformed")), (1, 1, 0));
        assert_eq!(metrics.seconds.get_metric_with_label_values(&["sites"]).unwrap().get_sample_count(), 5);
    }
}
