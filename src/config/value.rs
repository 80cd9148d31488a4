//! Durations and sizes as people write them, and which word somebody may have meant.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::model::Level;

const DURATION_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// `"30s"`, `"15m"`, `"12h"`, `"500ms"`, `"2d"`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    quantity(text, &DURATION_UNITS).map(Duration::from_millis)
}

/// `"16MiB"`, `"512KiB"`, `"2GiB"`, `"100B"`.
pub fn parse_size(text: &str) -> Option<u64> {
    quantity(text, &SIZE_UNITS)
}

pub fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATION_UNITS)
}

pub fn show_size(size: u64) -> String {
    show(size, &SIZE_UNITS)
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// An address with its port; the error reads on after the key's name.
pub fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    let port =
        text.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().map_err(|_| match port {
        _ if text.parse::<IpAddr>().is_ok() => "has no port",
        Some(port) if port.parse::<u16>().is_err() => "has a port beyond 65535",
        _ => "is not an address with a port",
    })
}

/// In the largest unit that leaves no remainder.
fn show(quantity: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| quantity != 0 && quantity.is_multiple_of(*factor);
    let (name, factor) = units.iter().rev().find(fits).or(units.get(1)).copied().unwrap_or(("", 1));
    format!("{}{name}", quantity.checked_div(factor).unwrap_or(0))
}

/// The known word that `word` is most like, if it is like one at all, or that it shortens.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    let known: Vec<&str> = known.into_iter().collect();
    // Levels are like each other and mean opposite things: none is guessed from a slip.
    let (levels, known): (Vec<&str>, Vec<&str>) = known.into_iter().partition(|name| Level::parse(name).is_some());
    let numeral = numeral(&word);
    if let Some(level) = levels.into_iter().find(|level| plain(level) == word || Some(*level) == numeral) {
        return Some(level);
    }
    let distances = known.iter().map(|name| (distance(&word, &plain(name)), *name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    let longest = word.chars().count().max(name.chars().count());
    if distance <= longest.div_ceil(3) {
        return Some(name);
    }
    known.into_iter().find(|name| shortens(&word, &plain(name)))
}

/// The level that a number stands for.
fn numeral(word: &str) -> Option<&'static str> {
    Some(match word {
        "1" => "I",
        "2" => "II",
        "3" => "III",
        "4" => "IV",
        _ => return None,
    })
}

/// Whether each part of `short` begins the part of `long` at its place: `cert_age` for `certificate_age`.
fn shortens(short: &str, long: &str) -> bool {
    let (short, long): (Vec<&str>, Vec<&str>) = (short.split('_').collect(), long.split('_').collect());
    let mut pairs = short.iter().zip(&long);
    short.len() == long.len() && pairs.all(|(short, long)| short.len() >= 3 && long.starts_with(short))
}

/// How many characters must be put in, taken out or changed (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, a) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(right.chars()) {
            let changed = diagonal.saturating_add(usize::from(a != b));
            diagonal = *cell;
            *cell = changed.min(diagonal.saturating_add(1)).min(before.saturating_add(1));
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_with_their_units_and_never_without() {
        for (text, millis) in [("30s", 30_000), ("15m", 900_000), ("12h", 43_200_000), ("250ms", 250), ("2d", 172_800_000)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(show_duration(Duration::from_millis(millis)), text);
        }
        for (text, size) in [("16MiB", 16 << 20), ("1KiB", 1024), ("2GiB", 2 << 30), ("100B", 100)] {
            assert_eq!(parse_size(text), Some(size), "{text}");
            assert_eq!(show_size(size), text);
        }
        for bad in ["", "30", "s", "30 s", "-1s", "+1s", "1.5h", "30S", "1h30m", "99999999999999999999s", "18446744073709551615d", "٣s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        for bad in ["", "16", "16MB", "16mib", "16 MiB", "20000000TiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_with_a_port_says_what_it_lacks() {
        assert_eq!(parse_address("[::]:443"), Ok("[::]:443".parse().unwrap()));
        for (text, why) in [
            ("127.0.0.1:70000", "has a port beyond 65535"),
            ("[::1]:99999999999", "has a port beyond 65535"),
            ("127.0.0.1", "has no port"),
            ("::1", "has no port"),
            ("localhost:443", "is not an address with a port"),
            (":443", "is not an address with a port"),
            ("127.0.0.1:", "is not an address with a port"),
            ("", "is not an address with a port"),
        ] {
            assert_eq!(parse_address(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_understood_and_anything_else_is_not() {
        let known = ["upstreams", "upstream_host", "host", "label", "idle", "certificate_age"];
        for (word, meant) in [
            ("upstream", Some("upstreams")),
            ("upstream-host", Some("upstream_host")),
            ("Host", Some("host")),
            ("lable", Some("label")),
            ("idel", Some("idle")),
            ("iddle", Some("idle")),
            ("cert_age", Some("certificate_age")),
            ("ups", Some("upstreams")),
            ("up", None),
            ("age", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(word, known), meant, "{word}");
        }
    }

    #[test]
    fn a_level_is_guessed_from_its_number_and_from_nothing_else() {
        let levels = Level::ALL.iter().map(|level| level.word()).chain(["normal"]);
        for (word, meant) in [
            ("1", Some("I")),
            ("2", Some("II")),
            ("3", Some("III")),
            ("4", Some("IV")),
            ("iii", Some("III")),
            ("5", None),
            ("IIII", None),
            ("VI", None),
            ("V", None),
            ("l", None),
            ("normall", Some("normal")),
        ] {
            assert_eq!(did_you_mean(word, levels.clone()), meant, "{word}");
        }
    }
}
