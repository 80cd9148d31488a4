//! The mark and the icons, drawn within the pages: no request, no font, and the colour of the words beside them.
//!
//! Invariant: every drawing is hidden from screen readers; the words beside it say what it shows.

/// The mark: a disc of jade, through which a gate leads.
pub const MARK: &str = r#"<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill-rule="evenodd" d="M16 1a15 15 0 0 1 5.9 28.8L19.3 20a6 6 0 1 0-6.6 0l-2.6 9.8A15 15 0 0 1 16 1z"/></svg>"#;

/// The drawing of that name; nothing where there is none.
pub fn icon(name: &str) -> String {
    let (turns, lines) = match name {
        "apps" => (
            false,
            r#"<rect x="4" y="4" width="6.5" height="6.5" rx="1.5"/><rect x="13.5" y="4" width="6.5" height="6.5" rx="1.5"/><rect x="4" y="13.5" width="6.5" height="6.5" rx="1.5"/><rect x="13.5" y="13.5" width="6.5" height="6.5" rx="1.5"/>"#,
        ),
        "key" => (true, r#"<circle cx="8" cy="12" r="4"/><path d="M12 12h9M17.5 12v3.5M21 12v2.5"/>"#),
        "device" => (false, r#"<rect x="4" y="3" width="16" height="12" rx="2"/><path d="M12 15v5M8 20h8"/>"#),
        "people" => (
            true,
            r#"<circle cx="9" cy="8" r="3.5"/><path d="M3 20c0-3.6 2.5-6 6-6s6 2.4 6 6M15.5 4.8a3.5 3.5 0 0 1 0 6.4M17.5 14.4c2.2.7 3.5 2.8 3.5 5.6"/>"#,
        ),
        "unit" => (false, r#"<path d="M5 21V4.5h9V21M14 10h5v11M3 21h18M8 8.5h3M8 12.5h3M8 16.5h3"/>"#),
        "console" => (true, r#"<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>"#),
        "leave" => (true, r#"<path d="M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10 12h10M16.5 8.5L20 12l-3.5 3.5"/>"#),
        "search" => (true, r#"<circle cx="10.5" cy="10.5" r="6"/><path d="M15 15l5 5"/>"#),
        "clock" => (false, r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>"#),
        "go" => (true, r#"<path d="M5 12h14M13 6l6 6-6 6"/>"#),
        "back" => (true, r#"<path d="M19 12H5M11 6l-6 6 6 6"/>"#),
        "done" => (false, r#"<path d="M4.5 12.5l5 5 10-11"/>"#),
        "warning" => (false, r#"<path d="M12 3.5L22 20.5H2zM12 10v4.5M12 17.6v.1"/>"#),
        "stop" => (false, r#"<circle cx="12" cy="12" r="9"/><path d="M5.8 18.2L18.2 5.8"/>"#),
        "copy" => (
            true,
            r#"<rect x="8.5" y="8.5" width="11.5" height="11.5" rx="2"/><path d="M15.5 8.5V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v7.5a2 2 0 0 0 2 2h2.5"/>"#,
        ),
        "print" => (
            false,
            r#"<path d="M7 9V4h10v5M7 17H4.5A1.5 1.5 0 0 1 3 15.5v-5A1.5 1.5 0 0 1 4.5 9h15a1.5 1.5 0 0 1 1.5 1.5v5a1.5 1.5 0 0 1-1.5 1.5H17"/><path d="M7 14h10v6H7z"/>"#,
        ),
        "record" => (true, r#"<path d="M6 3.5h8.5L19 8v12.5H6zM14 3.5V8.5h5M9 13h7M9 16.5h5"/>"#),
        "chart" => (true, r#"<path d="M4 4v16h16M8.5 16v-5M13 16V7M17.5 16v-3"/>"#),
        "plus" => (false, r#"<path d="M12 5v14M5 12h14"/>"#),
        _ => return String::new(),
    };
    let class = if turns { "icon along" } else { "icon" };
    format!(r#"<svg class="{class}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{lines}</svg>"#)
}
