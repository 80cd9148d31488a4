//! The config file: it is read, or all its mistakes are told with their lines.

use std::path::Path;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Err(problems) = yumen::config::parse(text, "yumen.toml", Path::new("/etc/yumen")) else { return };
    assert!(!problems.is_empty());
    let lines = text.lines().count() + 1;
    for problem in problems.iter() {
        let line = problems.line(problem).unwrap_or_else(|| panic!("no line: {}", problem.what));
        assert!((1..=lines).contains(&line), "line {line} of {lines}: {}", problem.what);
        assert!(!problem.what.is_empty());
    }
    assert!(problems.to_string().contains("error: "));
}
