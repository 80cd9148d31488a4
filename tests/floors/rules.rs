//! The rules of the house over what a file names. Pure: a path and a text in, findings out.

use std::fmt;

use super::reader::{Facts, Name, Seen, read};
use super::{HOMES, LONGEST_FILE, TIMERS, floor};

/// A breach of a rule, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Every breach in one file below `src/`, in the order of its lines.
pub fn judge(path: &str, source: &str) -> Vec<Finding> {
    let module = module_of(path);
    let facts = match read(&module, source) {
        Ok(facts) => facts,
        Err(error) => return vec![Finding { path: path.to_owned(), line: 0, what: format!("cannot be read: {error}") }],
    };
    let top = module.first().map_or("lib", String::as_str);
    let mut found = breaches(top, &facts);
    found.sort();
    found.dedup();
    found.into_iter().map(|(line, what)| Finding { path: path.to_owned(), line, what }).collect()
}

/// Every `crate::` path in a template, which the pages compile into themselves.
pub fn judge_template(path: &str, text: &str) -> Vec<Finding> {
    let top = path.split('/').nth(1).unwrap_or_default();
    let named = |(index, line): (usize, &str)| {
        let line = line.to_owned();
        let names = line.split("crate::").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            Name { segments: vec!["crate".to_owned(), rest[..end].to_owned()], line: index + 1, seen: Seen::Inside }
        });
        names.collect::<Vec<_>>()
    };
    let judged = text.lines().enumerate().flat_map(named).filter_map(|name| floors(top, &name).map(|what| (name.line, what)));
    judged.map(|(line, what)| Finding { path: path.to_owned(), line, what }).collect()
}

pub fn too_long(path: &str, source: &str) -> Option<Finding> {
    let lines = source.lines().count();
    let what = format!("{lines} lines; at most {LONGEST_FILE}: split it by noun");
    (lines > LONGEST_FILE).then(|| Finding { path: path.to_owned(), line: lines, what })
}

/// `src/web/pages/mod.rs` -> `["web", "pages"]`; the root of the library is empty.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    if inner == "lib" { Vec::new() } else { inner.split('/').map(str::to_owned).collect() }
}

fn breaches(top: &str, facts: &Facts) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    if floor(top).is_none() && top != "lib" {
        found.push((1, format!("`{top}` is on no floor: put it into the table of tests/floors.rs, or elsewhere")));
    }
    for name in &facts.names {
        let judged = [floors(top, name), homes(top, name), now(top, name)];
        found.extend(judged.into_iter().flatten().map(|what| (name.line, what)));
    }
    for (text, line) in &facts.literals {
        if top != "store" && is_sql(text) {
            found.push((*line, "SQL stands only in `store`".to_owned()));
        }
    }
    found.extend(facts.oddities.iter().map(|(what, line)| (*line, what.clone())));
    found
}

fn floors(top: &str, name: &Name) -> Option<String> {
    let [root, rest @ ..] = name.segments.as_slice() else { return None };
    if root != "crate" {
        return None;
    }
    let Some(other) = rest.first() else {
        return Some("names the root of the house, and through it every floor: name the module".to_owned());
    };
    if other == top {
        return None;
    }
    let Some(theirs) = floor(other) else {
        return Some(format!("`{other}` is on no floor: put it into the table of tests/floors.rs, or elsewhere"));
    };
    if floor(top).is_none_or(|ours| theirs >= ours) {
        return Some(format!("`{top}` may not import `{other}`: it is not on a lower floor"));
    }
    (name.seen == Seen::Outside).then(|| format!("re-exports `{}`: a name has one home, import it from there", name.segments.join("::")))
}

fn homes(top: &str, name: &Name) -> Option<String> {
    if name.segments.len() < 2 {
        return None;
    }
    let first = if name.segments.starts_with(&["rustls".into(), "crypto".into(), "ring".into()]) { "ring" } else { &name.segments[0] };
    let (krate, homes) = HOMES.iter().find(|(krate, _)| *krate == first)?;
    (!homes.contains(&top)).then(|| format!("`{krate}` is named only in {}", homes.join(", ")))
}

/// Types of std, jiff and chrono that ask the machine for the time.
const CLOCKS: &[&str] = &["SystemTime", "Instant", "Timestamp", "Zoned", "Utc", "Local", "OffsetDateTime"];

fn now(top: &str, name: &Name) -> Option<String> {
    let [.., kind, asks] = name.segments.as_slice() else { return None };
    if !["now", "now_utc", "now_local"].contains(&asks.as_str()) || !CLOCKS.contains(&kind.as_str()) || top == "clock" {
        return None;
    }
    let of_tokio = name.segments.first().is_some_and(|first| first == "tokio");
    if of_tokio && TIMERS.contains(&top) {
        return None;
    }
    Some(format!("`{kind}::{asks}`: only `clock` asks for the time; take it as an argument"))
}

/// Whether a literal is a statement of SQL, which is written in capitals.
fn is_sql(text: &str) -> bool {
    let words = text.split_whitespace().collect::<Vec<_>>();
    let has = |word: &str| words.contains(&word);
    match words.first().copied() {
        Some("SELECT" | "DELETE") => has("FROM"),
        Some("INSERT") => has("INTO"),
        Some("UPDATE") => has("SET"),
        Some("CREATE" | "ALTER" | "DROP") => has("TABLE") || has("INDEX"),
        Some("PRAGMA" | "BEGIN" | "COMMIT" | "ROLLBACK" | "VACUUM") => true,
        _ => false,
    }
}
