//! What a browser calls itself (RFC 9110, section 10.1.5), in words that a person knows her machine by.
//!
//! Invariant: only names of the tables below are shown; what a browser says is believed for nothing else.

use crate::lang::{self, Language, Value};

/// In the order in which they are looked for: many browsers also name those that they descend from.
const BROWSERS: &[(&str, &str)] = &[
    ("MicroMessenger/", "WeChat"),
    ("QQBrowser/", "QQ Browser"),
    ("Qaxbrowser", "Qianxin Browser"),
    ("360SE", "360 Browser"),
    ("360EE", "360 Browser"),
    ("MetaSr", "Sogou Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

/// For example "Firefox on Linux".
pub fn in_words(language: Language, user_agent: &str) -> String {
    let find = |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name);
    let browser = find(BROWSERS).map_or_else(|| lang::text(language, "session-browser-unknown"), Into::into);
    match find(SYSTEMS) {
        Some(system) => {
            let names = [("browser", Value::Name(&browser)), ("system", Value::Name(system))];
            lang::text_with(language, "session-browser-on", &names).into_owned()
        }
        None => browser.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_what_its_user_calls_it() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(), "Firefox on Linux"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/142.0.0.0 Safari/537.36"), "Chrome on Linux"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Ubuntu Chromium/80.0 Chrome/80.0 Safari/537.36"), "Chromium on Linux"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/142.0.0.0 Safari/537.36 Edg/142.0"), "Edge on Windows"),
            (format!("Mozilla/5.0 (Windows NT 10.0; WOW64) {webkit} Chrome/123.0 Safari/537.36 QQBrowser/19.4"), "QQ Browser on Windows"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15".to_owned(), "Safari on macOS"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/18.6 Mobile/15E148 Safari/604.1".to_owned(), "Safari on iOS"),
            (format!("Mozilla/5.0 (Linux; Android 15; Pixel 9) {webkit} Chrome/142.0 Mobile Safari/537.36"), "Chrome on Android"),
        ] {
            assert_eq!(in_words(Language::English, &agent), words, "{agent}");
        }
    }

    #[test]
    fn what_is_not_known_is_called_unknown_in_every_language_and_never_repeated() {
        assert_eq!(in_words(Language::English, ""), "Unknown browser");
        assert_eq!(in_words(Language::English, "curl/8.5 on Linux"), "Unknown browser on Linux");
        for language in Language::ALL {
            let [unknown, known] = ["<script>evil", "Firefox/140.0 (Linux) <script>evil"].map(|agent| in_words(*language, agent));
            assert!(!unknown.is_empty() && !unknown.starts_with("session-") && !unknown.contains("evil"), "{unknown}");
            assert!(known.contains("Firefox") && known.contains("Linux") && !known.contains("evil"), "{known}");
        }
    }
}
