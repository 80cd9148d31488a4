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

/// What a certificate is for.
#[derive(Clone, Copy)]
enum Use {
    Hosts,
    Upstreams,
    Keys,
}

/// One warning a file; files that cannot be read are not this module's business.
pub fn warnings(files: &Files, now: Time) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let served = files.pairs.iter().map(|pair| {
        let shown_to = if pair.serves { Use::Hosts } else { Use::Upstreams };
        (&pair.files.chain, &pair.chain_span, shown_to)
    });
    let asked = files.authorities.iter().map(|(path, span)| (path, span, Use::Upstreams));
    let makers = files.makers.iter().map(|(path, span)| (path, span, Use::Keys));
    let all = served.chain(asked).chain(makers).filter(|(path, _, _)| seen.insert(*path));
    all.filter_map(|(path, span, used)| of(path, span, used, now)).collect()
}

fn of(path: &Path, span: &Span, used: Use, now: Time) -> Option<Problem> {
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
    let who = match used {
        Use::Hosts => "browsers refuse it",
        Use::Upstreams => "no connection that needs it is made",
        Use::Keys => "security keys that are registered then are not known to be of this make",
    };
    let renew = match used {
        Use::Hosts | Use::Upstreams => "renew it; `yumen reload` takes the new one",
        Use::Keys => "get the maker's new one; keys that were registered before keep their make",
    };
    let (what, help) = if now < begins {
        (
            format!("a certificate in {shown} is valid only from {} on: {who} till then", day(begins)),
            "look at this machine's clock, or get another",
        )
    } else if now > ends {
        (format!("a certificate in {shown} ended on {}: {who}", day(ends)), renew)
    } else if ends.since(now) < SOON {
        (format!("a certificate in {shown} ends on {}, in less than a week", day(ends)), renew)
    } else {
        return None;
    };
    Some(Problem { span: Some(span.clone()), what, found: String::new(), help: help.to_owned() })
}
