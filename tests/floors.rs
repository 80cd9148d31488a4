//! Holds the code to the floors of the house and to the house rules that a reader of sources can check.
//!
//! Invariant: a module imports only from strictly lower floors, so modules of one floor never know each other and no
//! cycle can be. `floors/reader.rs` finds what a file names, `floors/rules.rs` judges it, `floors/catches.rs` proves that
//! every rule catches what it is there for.

#[path = "floors/catches.rs"]
mod catches;
#[path = "floors/promises.rs"]
mod promises;
#[path = "floors/reader.rs"]
mod reader;
#[path = "floors/rules.rs"]
mod rules;
#[path = "floors/tokens.rs"]
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use rules::Finding;

/// The table of the house: every top-level module and the floor that it stands on.
pub const FLOORS: &[(&str, u8)] = &[
    ("main", 11),
    ("cli", 10),
    ("gateway", 9),
    ("config", 8),
    ("edge", 7),
    ("web", 7),
    ("proxy", 6),
    ("tunnel", 6),
    ("admin", 6),
    ("outbound", 6),
    ("access", 5),
    ("auth", 4),
    ("audit", 3),
    ("limit", 3),
    ("incident", 3),
    ("oath", 2),
    ("store", 2),
    ("pki", 2),
    ("model", 1),
    ("lang", 1),
    ("tlog", 1),
    ("crypto", 0),
    ("clock", 0),
    ("files", 0),
];

/// Crates that have one home; nobody else names them.
pub const HOMES: &[(&str, &[&str])] = &[("ring", &["crypto"]), ("sqlx", &["store"]), ("anyhow", &["main", "cli"])];

/// Where tokio's `Instant::now` may stand: timers of connections and bodies, which a test moves with tokio's own clock.
pub const TIMERS: &[&str] = &["edge", "proxy", "limit"];

pub const LONGEST_FILE: usize = 400;

/// Files that may be longer, each with a reason in the commit that adds it.
const LONG_FILES: &[&str] = &[];

pub fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

#[test]
fn every_module_imports_only_from_lower_floors_and_keeps_the_house_rules() {
    let findings = sources("src").iter().flat_map(|(path, text)| rules::judge(path, text)).collect::<Vec<_>>();
    assert!(findings.is_empty(), "{}", listed(&findings));
}

#[test]
fn every_top_level_module_stands_in_the_table() {
    let strangers = top_level_names().into_iter().filter(|name| name != "lib" && floor(name).is_none()).collect::<Vec<_>>();
    assert!(strangers.is_empty(), "not in the table of tests/floors.rs: {strangers:?}");
}

#[test]
fn no_file_of_code_is_longer_than_a_reader_can_hold() {
    let long = [sources("src"), sources("tests")]
        .concat()
        .into_iter()
        .filter(|(path, _)| !LONG_FILES.contains(&path.as_str()))
        .filter_map(|(path, text)| rules::too_long(&path, &text))
        .collect::<Vec<_>>();
    assert!(long.is_empty(), "{}", listed(&long));
}

#[test]
fn sql_files_stand_below_the_store() {
    let strays = files("src", "sql").into_iter().filter(|path| !path.starts_with("src/store/")).collect::<Vec<_>>();
    assert!(strays.is_empty(), "SQL outside src/store: {strays:?}");
}

#[test]
fn templates_name_only_what_stands_below_the_pages() {
    let strays = files("src", "html").iter().flat_map(|path| rules::judge_template(path, &text(path))).collect::<Vec<_>>();
    assert!(strays.is_empty(), "{}", listed(&strays));
}

fn listed(findings: &[Finding]) -> String {
    findings.iter().fold(String::from("\n"), |all, finding| format!("{all}{finding}\n"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of `src/x.rs` and `src/x/` that hold code.
fn top_level_names() -> Vec<String> {
    let mut names = files("src", "rs")
        .iter()
        .map(|path| {
            let rest = path.trim_start_matches("src/");
            rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs").to_owned()
        })
        .collect::<Vec<_>>();
    names.sort();
    names.dedup();
    names
}

fn sources(folder: &str) -> Vec<(String, String)> {
    files(folder, "rs").into_iter().map(|path| (path.clone(), text(&path))).collect()
}

/// Every file below `folder` whose name ends in `.extension`, as a path from the root of the package.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
