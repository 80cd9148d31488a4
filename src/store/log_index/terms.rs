//! By what terms a record is found.
//!
//! Invariant: a record has a bounded number of terms of a bounded length, whatever its address was.

use std::borrow::Cow;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use crate::model::{Closed, Decision, Event, LogApp, LogDecision, LogKind, Opened, Outcome, Who};

/// Under what a word counts. The numbers stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    /// An access, or which action an event is.
    What = 1,
    Account = 2,
    /// The id of an account: nobody searches for a part of it.
    AccountId = 3,
    Unit = 4,
    App = 5,
    Address = 6,
    Decision = 7,
    Rule = 8,
    Status = 9,
    Session = 10,
    Path = 11,
    Detail = 12,
}

impl Kind {
    pub(super) const fn number(self) -> i64 {
        self as i64
    }

    pub(super) fn is_text_number(number: i64) -> bool {
        const TEXTS: [Kind; 6] = [Kind::Account, Kind::Unit, Kind::App, Kind::Rule, Kind::Path, Kind::Detail];
        TEXTS.iter().any(|kind| kind.number() == number)
    }

    /// Whether parts of it are searched for.
    pub(super) fn is_text(self) -> bool {
        Self::is_text_number(self.number())
    }
}

/// What a record is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Word {
    pub kind: Kind,
    pub value: String,
}

pub(super) fn word(kind: Kind, value: impl Into<String>) -> Word {
    Word { kind, value: value.into() }
}

pub(super) fn of_opened(opened: &Opened) -> Vec<Word> {
    let decision = match opened.decision {
        Decision::Allowed => LogDecision::Allowed,
        Decision::Refused => LogDecision::Refused,
    };
    let mut words = vec![
        word(Kind::What, LogKind::Access.word()),
        word(Kind::App, LogApp::of(opened.app.as_ref()).word()),
        address(opened.address),
        word(Kind::Decision, decision.word()),
        word(Kind::Rule, opened.rule.as_str()),
        word(Kind::Path, target(opened)),
    ];
    words.extend(opened.who.as_deref().into_iter().flat_map(of_who));
    distinct(words)
}

fn target(opened: &Opened) -> String {
    match &opened.query {
        Some(query) => format!("{}?{}", readable(&opened.path), readable(&query.replace('+', " "))),
        None => readable(&opened.path),
    }
}

/// So much of an address is found; the record has all that the log keeps.
const MOST_OF_PATH: usize = 512;

/// As people would type it: records hold what servers are sent, where all but ASCII is encoded. What is no text stays as it is.
fn readable(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8().unwrap_or(Cow::Borrowed(path));
    decoded.chars().take(MOST_OF_PATH).collect()
}

pub(super) fn of_closed(closed: &Closed) -> Word {
    word(Kind::Status, closed.status.to_string())
}

pub(super) fn of_event(event: &Event) -> Vec<Word> {
    let mut words = vec![word(Kind::What, LogKind::Event(event.action).word())];
    if event.outcome == Outcome::Failed {
        words.push(word(Kind::Decision, LogDecision::Failed.word()));
    }
    words.extend(event.address.map(address));
    words.extend(event.who.as_deref().into_iter().flat_map(of_who));
    for (name, value) in &event.details {
        words.extend(of_detail(name, value));
    }
    distinct(words)
}

/// What a detail says of accounts, units and the like is found as what an access says of them.
fn of_detail(name: &str, value: &str) -> Vec<Word> {
    let kind = match name {
        "account" if value.parse::<uuid::Uuid>().is_ok() => Kind::AccountId,
        "account" | "name" => Kind::Account,
        "unit" => Kind::Unit,
        "app" => Kind::App,
        "path" if !value.is_empty() => return vec![word(Kind::Path, readable(value))],
        "why" => Kind::Rule,
        "session" => Kind::Session,
        // Of strangers who were counted together.
        "network" => match value.split('/').next().and_then(|first| first.parse().ok()) {
            Some(first) => return vec![address(first), word(Kind::Detail, value)],
            None => Kind::Detail,
        },
        _ => Kind::Detail,
    };
    if value.is_empty() { Vec::new() } else { vec![word(kind, value)] }
}

fn of_who(who: &Who) -> Vec<Word> {
    let mut words =
        vec![word(Kind::AccountId, who.account.to_string()), word(Kind::Account, who.name.as_str()), word(Kind::Unit, who.unit.as_str())];
    words.extend(who.session.as_deref().map(|session| word(Kind::Session, session)));
    words
}

fn distinct(words: Vec<Word>) -> Vec<Word> {
    let mut kept: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        if !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}

/// In hexadecimal, so that texts sort as addresses do.
pub(super) fn address(address: IpAddr) -> Word {
    word(Kind::Address, hexadecimal(address))
}

/// The first and the last of a network.
pub(super) fn bounds(network: &IpNet) -> (String, String) {
    (hexadecimal(network.network()), hexadecimal(network.broadcast()))
}

/// The families stand apart, so that no network of IPv6 has addresses of IPv4.
fn hexadecimal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("4{}", HEXLOWER.encode(&v4.octets())),
        IpAddr::V6(v6) => format!("6{}", HEXLOWER.encode(&v6.octets())),
    }
}

/// What is the same in any case and width, and without control characters.
pub(super) fn folded(text: &str) -> String {
    let blank = |c: char| if c.is_whitespace() || c.is_control() { '\u{2423}' } else { c };
    text.nfkc().flat_map(char::to_lowercase).map(blank).collect()
}

/// The pairs of characters that stand beside each other, with a space between the pairs; empty for less than two characters.
pub(super) fn pairs(folded: &str) -> String {
    let mut out = String::with_capacity(folded.len().saturating_mul(3));
    for (first, second) in folded.chars().zip(folded.chars().skip(1)) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push(first);
        out.push(second);
    }
    out
}

/// Numbers of terms as they lie in an entry: seven bits a byte, the last without the eighth.
pub(super) fn packed(terms: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(terms.len().saturating_mul(3));
    for term in terms {
        let mut left = term.unsigned_abs();
        while left >= 0x80 {
            out.push(u8::try_from(left & 0x7f).unwrap_or_default() | 0x80);
            left >>= 7;
        }
        out.push(u8::try_from(left).unwrap_or_default());
    }
    out
}

pub(super) fn unpacked(bytes: &[u8]) -> Vec<i64> {
    let (mut terms, mut term, mut shift) = (Vec::new(), 0_i64, 0_u32);
    for byte in bytes {
        term |= i64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift = shift.saturating_add(7);
        if byte & 0x80 == 0 {
            terms.push(term);
            (term, shift) = (0, 0);
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_terms_read_back() {
        let terms = [1, 127, 128, 300, 16_384, i64::from(u32::MAX), 1 << 40];
        assert_eq!(unpacked(&packed(&terms)), terms);
        assert_eq!(unpacked(&[]), [0_i64; 0]);
    }

    #[test]
    fn addresses_sort_within_their_networks_and_apart_from_the_other_family() {
        let of = |text: &str| address(text.parse().unwrap()).value;
        assert!(of("9.0.0.1") < of("10.0.0.0") && of("10.255.0.0") < of("2001:db8::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        let (first, last) = bounds(&"::/0".parse().unwrap());
        assert!(of("192.0.2.7") < first && of("2001:db8::1") < last);
    }

    #[test]
    fn pairs_hold_every_part_of_a_text_in_any_script() {
        assert_eq!(pairs(&folded("/Ab c")), "/a ab b\u{2423} \u{2423}c");
        assert_eq!(pairs(&folded("信息公开")), "信息 息公 公开");
        assert_eq!(pairs(&folded("ＡＢ")), "ab");
        assert_eq!(pairs("x"), "");
    }
}
