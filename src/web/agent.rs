//! What a browser is called, from its User-Agent field, for people who look for their own among their sessions.
//!
//! Invariant: a help to the eye only; nothing is decided by it.

/// The browser's name and version and its system, such as "Firefox 140 · Windows"; what is unknown, as it came.
pub fn browser_name(user_agent: &str) -> String {
    // The order matters: every one of these also says that it is what stands after it.
    let browsers = [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Version/", "Safari")];
    let systems = [
        ("Android", "Android"),
        ("HarmonyOS", "HarmonyOS"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let browser = browsers.iter().find_map(|(sign, name)| {
        let version: String = user_agent.split_once(sign)?.1.chars().take_while(char::is_ascii_digit).take(4).collect();
        Some(format!("{name} {version}").trim_end().to_owned())
    });
    let system = systems.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(browser), None) => browser,
        (None, _) => user_agent.chars().take(80).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_browsers_have_their_names() {
        for (user_agent, name) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 · Windows"),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36", "Chrome 156 · Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.1",
                "Edge 156 · Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
                "Safari 26 · macOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
                "Chrome 156 · Android",
            ),
        ] {
            assert_eq!(browser_name(user_agent), name);
        }
    }

    #[test]
    fn what_is_unknown_is_shown_as_it_came_but_not_without_end() {
        assert_eq!(browser_name("curl/8.14"), "curl/8.14");
        assert_eq!(browser_name(""), "");
        assert_eq!(browser_name("Firefox/"), "Firefox");
        assert_eq!(browser_name(&"字".repeat(500)).chars().count(), 80);
    }
}
