//! Which certificates of a config are not valid now.
//!
//! Invariant: this warns and never refuses. A gateway whose certificate has ended must still take a stricter rule.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::files::Files;
use super::problem::Problem;
use super::read::Span;
use crate::clock::Time;
use crate::pki;

/// Renewing takes people some days.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// One warning a file; files that cannot be read are not this module's business.
pub fn warnings(files: &Files, now: Time) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let served = files.pairs.iter().map(|pair| (&pair.files.chain, &pair.chain_span, pair.serves));
    let asked = files.authorities.iter().map(|(path, span)| (path, span, false));
    served.chain(asked).filter(|(path, _, _)| seen.insert(*path)).filter_map(|(path, span, serves)| of(path, span, serves, now)).collect()
}

fn of(path: &Path, span: &Span, serves: bool, now: Time) -> Option<Problem> {
    let text = std::fs::read(path).ok()?;
    let (mut begins, mut ends) = (None::<Time>, None::<Time>);
    for certificate in CertificateDer::pem_slice_iter(&text).filter_map(Result::ok) {
        let (from, to) = pki::validity(&certificate).ok()?;
        // Of a chain, the latest beginning and the earliest end.
        begins = begins.max(Some(from));
        ends = Some(ends.map_or(to, |other| other.min(to)));
    }
    let (begins, ends, shown) = (begins?, ends?, path.display());
    let day = |time: Time| time.timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let who = if serves { "browsers refuse it" } else { "no connection that needs it is made" };
    let (what, help) = if now < begins {
        (
            format!("a certificate in {shown} is valid only from {} on: {who} till then", day(begins)),
            "look at this machine's clock, or get another",
        )
    } else if now > ends {
        (format!("a certificate in {shown} ended on {}: {who}", day(ends)), "renew it; `yumen reload` takes the new one")
    } else if ends.since(now) < SOON {
        (format!("a certificate in {shown} ends on {}, in less than a week", day(ends)), "renew it; `yumen reload` takes the new one")
    } else {
        return None;
    };
    Some(Problem { span: Some(span.clone()), what, found: String::new(), help: help.to_owned() })
}
