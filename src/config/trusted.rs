//! Checks the files of the authorities whose USB-KEYs are believed: their certificates and their lists of revoked ones.
//!
//! Invariant: what a slip of the pen can cause is an error; what only time can cause is a warning, for a gateway must be able to start again in
//! the hour after a list ran out. The gateway's own authority is no slip of the pen: nobody writes its paths.

use super::problem::Problem;
use super::read::Span;
use crate::clock::Time;
use crate::pki::{AuthoritySource, ClientTrust, Contradiction, Crls, Keeper, Part, Timing, Trouble};

/// An authority, with the places where the config names its files.
#[derive(Clone, Debug)]
pub struct Trusted {
    pub source: AuthoritySource,
    /// For the gateway's own authority, where it is called so.
    pub certificates: Span,
    /// As many as it has files.
    pub lists: Vec<Span>,
}

/// What keeps the config from being taken. `line_of` gives the line of a place.
pub fn errors(trusted: &[Trusted], line_of: impl Fn(&Span) -> usize) -> Vec<Problem> {
    let trust = load(trusted);
    let lasting = trust.troubles(Time::from_millis(0)).into_iter().filter(|trouble| !is_warning(trouble));
    let mut errors: Vec<Problem> = lasting.map(|trouble| told(trusted, trouble, |what| what)).collect();
    errors.extend(trust.contradictions().into_iter().filter_map(|found| contradiction(trusted, &found, &line_of)));
    errors
}

pub fn warnings(trusted: &[Trusted], now: Time) -> Vec<Problem> {
    let warnings = load(trusted).troubles(now).into_iter().filter(is_warning);
    warnings
        .map(|trouble| {
            let authority = trouble.authority.clone();
            told(trusted, trouble, |what| format!("usb_keys, authority \"{authority}\": {what}"))
        })
        .collect()
}

fn load(trusted: &[Trusted]) -> ClientTrust {
    let sources: Vec<AuthoritySource> = trusted.iter().map(|authority| authority.source.clone()).collect();
    ClientTrust::load(&sources)
}

fn is_warning(trouble: &Trouble) -> bool {
    trouble.fault.timing == Timing::Passing || trouble.keeper == Keeper::Gateway
}

fn told(trusted: &[Trusted], trouble: Trouble, words: impl FnOnce(String) -> String) -> Problem {
    let of = trusted.iter().find(|authority| authority.source.name == trouble.authority);
    let place = of.and_then(|authority| match (trouble.fault.part, &authority.source.crls) {
        (Part::List, Crls::Files(paths)) => {
            paths.iter().zip(&authority.lists).find(|(path, _)| **path == trouble.fault.file).map(|(_, span)| span.clone())
        }
        _ => Some(authority.certificates.clone()),
    });
    Problem { span: place, what: words(trouble.fault.what), found: String::new(), help: trouble.fault.help }
}

fn contradiction(trusted: &[Trusted], found: &Contradiction, line_of: &impl Fn(&Span) -> usize) -> Option<Problem> {
    let (first, second) = (trusted.get(found.first)?, trusted.get(found.second)?);
    let keys: Vec<String> = found.keys.iter().map(|key| format!("`{key}`")).collect();
    Some(Problem {
        span: Some(second.certificates.clone()),
        what: format!(
            "the authorities \"{}\" (line {}) and \"{}\" (line {}) trust one certificate, \"{}\", for different things: {}",
            first.source.name,
            line_of(&first.certificates),
            second.source.name,
            line_of(&second.certificates),
            found.subject,
            keys.join(", ")
        ),
        found: String::new(),
        help: "keep one of the two: which of them counts must not depend on their order".to_owned(),
    })
}

#[cfg(test)]
mod tests;
