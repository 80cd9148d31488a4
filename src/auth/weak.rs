//! What makes a password one of the first that somebody would try.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::model::AccountName;

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().filter(|line| !line.starts_with("# ") && !line.is_empty()).collect());

/// Rows of a keyboard, the alphabet and the digits: whoever walks along them chooses nothing.
const WALKS: &[&str] = &[
    "`1234567890-=",
    "~!@#$%^&*()_+",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmik,ol.p;/",
    "!qaz@wsx#edc$rfv%tgb^yhn&ujm*ik<(ol>)p:?",
];

pub(super) fn is_weak(password: &str, account: &AccountName) -> bool {
    let folded = password.to_lowercase();
    let compact: String = folded.chars().filter(|c| !c.is_whitespace()).collect();
    let name: String = account.as_str().chars().filter(|c| !c.is_whitespace()).collect();
    [folded.as_str(), compact.as_str()].into_iter().any(|text| is_common(text) || is_periodic(text) || walks(text))
        || is_made_from(&compact, &name)
}

/// On the list, as it is or without the digits and signs around it.
fn is_common(text: &str) -> bool {
    let base = text.trim_matches(|c: char| !c.is_alphabetic());
    COMMON.contains(text) || COMMON.contains(base) || base.is_empty() && is_short_of_kinds(text)
}

/// Digits and signs alone, of at most four kinds.
fn is_short_of_kinds(text: &str) -> bool {
    text.chars().collect::<HashSet<_>>().len() <= 4
}

/// One piece over and over (the last time perhaps cut short), so often that the piece is all there is to guess.
fn is_periodic(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let longest = characters.len().checked_div(2).unwrap_or(0).min(11);
    (1..=longest).any(|period| characters.iter().zip(characters.iter().skip(period)).all(|(one, next)| one == next))
}

/// Made of long steps along the walks, forwards or backwards: at most one piece for every four characters.
fn walks(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let mut rest = characters.as_slice();
    let mut pieces: usize = 0;
    while !rest.is_empty() {
        let step = longest_step(rest).max(1);
        rest = rest.get(step..).unwrap_or_default();
        pieces = pieces.saturating_add(1);
    }
    pieces.saturating_mul(4) <= characters.len()
}

fn longest_step(rest: &[char]) -> usize {
    (1..=rest.len().min(48)).rev().find(|length| rest.get(..*length).is_some_and(is_on_a_walk)).unwrap_or(0)
}

fn is_on_a_walk(piece: &[char]) -> bool {
    let forwards: String = piece.iter().collect();
    let backwards: String = piece.iter().rev().collect();
    let one_key = piece.iter().zip(piece.iter().skip(1)).all(|(one, next)| one == next);
    one_key || WALKS.iter().any(|walk| walk.contains(&forwards) || walk.contains(&backwards))
}

/// The account's name, once or twice, with at most six other characters around it.
fn is_made_from(text: &str, name: &str) -> bool {
    let without = text.replace(name, "");
    without.len() < text.len() && without.chars().count() <= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(password: &str) -> bool {
        is_weak(password, &AccountName::parse("Wang Li").unwrap())
    }

    #[test]
    fn the_list_has_hundreds_of_entries_and_each_of_them_is_refused_in_any_case() {
        let long = COMMON.iter().filter(|entry| entry.chars().count() >= 12).count();
        assert!(long >= 300, "{long}");
        for entry in COMMON.iter() {
            assert!(weak(entry) && weak(&entry.to_uppercase()), "{entry}");
            assert_eq!(entry.to_lowercase(), **entry);
        }
    }

    #[test]
    fn a_common_base_with_trimmings_is_refused() {
        for password in
            ["Password12345", "P@ssw0rd2026!", "administrator1", "!!Woaini13141314", "zhongguoren888", "Summer2026!!!", "2026letmeinnow"]
        {
            assert!(weak(password), "{password}");
        }
    }

    #[test]
    fn patterns_are_refused() {
        for password in [
            "aaaaaaaaaaaa",
            "abababababab",
            "xyz7xyz7xyz7",
            "correct!correct!",
            "123456789012",
            "987654321098",
            "qwertyuiop12",
            "asdfghjklzxcvbnm",
            "1qaz2wsx3edc",
            "abcdefghijkl",
            "qwer1234asdf",
            "111122223333",
            "0000000000001",
            "112112112211",
            "q w e r t y u i o p a s d",
            "密码密码密码密码密码密码",
        ] {
            assert!(weak(password), "{password}");
        }
    }

    #[test]
    fn the_accounts_own_name_is_refused() {
        for password in ["wangliwangli", "WangLi202611", "wang li wang li", "!!wang li!!!!"] {
            assert!(weak(password), "{password}");
        }
    }

    #[test]
    fn what_somebody_thought_of_is_not_refused() {
        for password in
            ["six quiet camels", "cabbages and kings", "tRq8-vLm2-xPz5", "骆驼慢慢走过安静的沙漠呀", "wang li rides a blue camel"]
        {
            assert!(!weak(password), "{password}");
        }
    }
}
