//! Seeds as comma-separated values: `serial, seed, type, digits, period, hash`, as makers of tokens and privacyIDEA write them.
//!
//! What stands after the seed may be left out: HOTP, 6 digits, 30 seconds, SHA-1. A seed is hexadecimal, or else base32 (RFC 4648).

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};

use super::code::{Kind, Scheme};
use super::delivery::{Delivered, Lines, Problem, Reason, seed, serial};
use crate::crypto::Hash;

pub(super) fn read(text: &str) -> Vec<Result<Delivered, Problem>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let lines = Lines::of(text);
    let mut tokens = Vec::new();
    for record in reader.records() {
        // The reader is given text, so that nothing in it can be wrong but what a row says.
        let Ok(record) = record else { continue };
        let line = lines.at(beginning(text, &record));
        let row: Vec<&str> = record.iter().collect();
        if says_nothing(&row) {
            continue;
        }
        tokens.push(token(&row, line).map_err(|reason| Problem { line, reason }));
    }
    tokens
}

/// A heading or a comment.
fn says_nothing(row: &[&str]) -> bool {
    row.first().is_some_and(|first| first.eq_ignore_ascii_case("serial") || first.starts_with('#'))
}

/// Where the row's own first byte stands; the library's position is that of the line ends and empty lines before it.
fn beginning(text: &str, record: &csv::StringRecord) -> usize {
    let at = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0);
    let ends = text.get(at..).map_or(0, |rest| rest.len().saturating_sub(rest.trim_start_matches(['\r', '\n']).len()));
    at.saturating_add(ends)
}

fn token(row: &[&str], line: u64) -> Result<Delivered, Reason> {
    let (&[name, secret], rest) = row.split_first_chunk().ok_or(Reason::Columns { found: row.len() })?;
    if rest.len() > 4 {
        return Err(Reason::Columns { found: row.len() });
    }
    let cell = |at: usize| rest.get(at).copied().filter(|cell| !cell.is_empty());
    let number = |at: usize, element: &'static str, otherwise: u64| match cell(at) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| value(element, text, "a number")),
    };
    let digits = number(1, "digits", 6)?;
    let period = number(2, "period", 30)?;
    let kind = match cell(0).map(str::to_ascii_uppercase).as_deref() {
        None | Some("HOTP") => Kind::Hotp,
        Some("TOTP") => Kind::Totp { period: u32::try_from(period).unwrap_or(u32::MAX) },
        Some(other) => return Err(value("type", other, "HOTP or TOTP")),
    };
    let hash = match cell(3) {
        None => Hash::Sha1,
        Some(text) => hash(text).ok_or_else(|| value("hash", text, "SHA1, SHA256 or SHA512"))?,
    };
    let scheme = Scheme::new(kind, hash, digits)?;
    Ok(Delivered { serial: serial(name)?, scheme, seed: seed(decoded(secret)?)?, counter: 0, expires: None, line })
}

fn value(element: &'static str, found: &str, expected: &'static str) -> Reason {
    Reason::Value { element, found: found.chars().take(40).collect(), expected }
}

/// As PSKC and makers write it: `SHA256`, `HMAC-SHA256`, `sha-256`.
pub(super) fn hash(text: &str) -> Option<Hash> {
    let upper = text.trim().to_ascii_uppercase();
    match upper.strip_prefix("HMAC-").unwrap_or(&upper) {
        "SHA1" | "SHA-1" => Some(Hash::Sha1),
        "SHA256" | "SHA-256" => Some(Hash::Sha256),
        "SHA512" | "SHA-512" => Some(Hash::Sha512),
        _ => None,
    }
}

fn decoded(secret: &str) -> Result<Vec<u8>, Reason> {
    let packed: String = secret.chars().filter(|c| !c.is_whitespace()).collect();
    if let Ok(bytes) = HEXLOWER_PERMISSIVE.decode(packed.as_bytes()) {
        return Ok(bytes);
    }
    BASE32_NOPAD.decode(packed.trim_end_matches('=').to_ascii_uppercase().as_bytes()).map_err(|_| Reason::SeedText)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oath::read;

    const HEX: &str = "3132333435363738393031323334353637383930";

    #[test]
    fn each_row_is_a_token() {
        let file = format!(
            "\u{feff}Serial,Seed,Type,Digits,Period,Hash\r\n# of the first delivery\r\nA1,{HEX}\r\n\"A2\", {HEX} ,totp,8,60,sha256\r\nA3,GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,HOTP,,,\r\n"
        );
        let tokens = read(file.as_bytes(), None).unwrap();
        let shown: Vec<_> = tokens.iter().map(|token| (token.serial.as_str(), token.scheme, token.line)).collect();
        let hotp = Scheme::new(Kind::Hotp, Hash::Sha1, 6).unwrap();
        assert_eq!(shown, [("A1", hotp, 3), ("A2", Scheme::new(Kind::Totp { period: 60 }, Hash::Sha256, 8).unwrap(), 4), ("A3", hotp, 5)]);
        assert!(tokens.iter().all(|token| token.seed.bytes() == b"12345678901234567890" && token.counter == 0));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_line() {
        let file = format!(
            "A1\nA2,xyz!\nA3,{HEX},HTOP\nA4,{HEX},TOTP,9\nA5,{HEX},TOTP,6,45\nA6,{HEX},TOTP,six\nA7,3132\nA8,{HEX},HOTP,6,30,md5\n\"A 9\",{HEX}\nA0,{HEX}\nA0,{HEX}\nB1,{HEX},HOTP,6,30,sha1,more\n"
        );
        let problems = read(file.as_bytes(), None).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for (line, words) in [
            (1, "there are 1 columns"),
            (2, "neither hexadecimal nor base32"),
            (3, "<type> holds \"HTOP\", expected HOTP or TOTP"),
            (4, "6 to 8 digits, not 9"),
            (5, "every 30 or 60 seconds, not every 45"),
            (6, "<digits> holds \"six\""),
            (7, "the seed has 2 bytes"),
            (8, "<hash> holds \"md5\""),
            (9, "the serial number \"A 9\""),
            (11, "A0 stands in line 10 already"),
            (12, "there are 7 columns"),
        ] {
            assert!(
                said.iter().any(|said| said.starts_with(&format!("line {line}: ")) && said.contains(words)),
                "{line}: {words} in {said:#?}"
            );
        }
        assert_eq!(said.len(), 11);
    }

    #[test]
    fn a_file_without_tokens_is_an_error() {
        for file in ["", "\n\n", "serial,seed\n", "# nothing\n"] {
            assert_eq!(read(file.as_bytes(), None).unwrap_err()[0].reason, Reason::Empty, "{file:?}");
        }
        assert_eq!(read(&[0xff, 0xfe, b'A'], None).unwrap_err()[0].reason, Reason::NotText);
    }
}
