//! Holds SECURITY.md to the code: every test that it names is there, and every line names one or says that there is none yet.

use super::{files, text};

/// The lines of the table, as number and tests.
fn promises() -> Vec<(usize, String)> {
    let security = text("SECURITY.md");
    let rows = security.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
        Some((cells.first()?.parse().ok()?, (*cells.get(2)?).to_owned()))
    });
    rows.collect()
}

/// What stands in backticks and looks like the name of a test.
fn named(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.contains('_') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).collect()
}

/// Every function that stands right below an attribute of a test, and those of pytest.
fn tests() -> Vec<String> {
    let name = |line: &str, before: &str| Some(line.trim().strip_prefix(before)?.split('(').next()?.to_owned());
    let mut found = Vec::new();
    for path in [files("src", "rs"), files("tests", "rs")].concat() {
        let text = text(&path);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if ["#[test]", "#[tokio::test"].iter().any(|attribute| line.trim().starts_with(attribute)) {
                let function = lines.find(|line| !line.trim().starts_with("#["));
                found.extend(function.and_then(|line| name(line, "fn ").or_else(|| name(line, "async fn "))));
            }
        }
    }
    for path in files("tests/e2e", "py") {
        found.extend(text(&path).lines().filter_map(|line| name(line, "def ").filter(|name| name.starts_with("test_"))));
    }
    found
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let (promises, tests) = (promises(), tests());
    assert_eq!(promises.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=39).collect::<Vec<_>>());
    let all: Vec<&str> = promises.iter().flat_map(|(_, cell)| named(cell)).collect();
    assert!(all.len() > 60, "only {} tests are named", all.len());
    let missing: Vec<&&str> = all.iter().filter(|name| !tests.iter().any(|test| test == **name)).collect();
    assert!(missing.is_empty(), "named in SECURITY.md and not there: {missing:?}");
    let empty: Vec<&(usize, String)> = promises
        .iter()
        .filter(|(_, cell)| named(cell).is_empty() && !cell.contains("*Not yet*") && !cell.contains("tests/run lint"))
        .collect();
    assert!(empty.is_empty(), "these name neither a test nor that there is none yet: {empty:?}");
}
