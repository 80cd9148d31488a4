//! An error in the words of a terminal.

/// An error with its causes in one sentence: the machine's owner may know. What a message says already is not said again.
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    without_numbers(&text)
}

/// The numbers that the system gives its errors say nothing beside their words: "(os error 2)".
pub(super) fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |said, part| match part.split_once(')') {
        Some((number, rest)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => said + rest,
        _ => said + " (os error " + part,
    })
}
