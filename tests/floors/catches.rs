//! Proves that each rule catches what it is there for, and lets pass what it must.

use super::rules::{judge, judge_template, too_long};

#[track_caller]
fn caught(path: &str, source: &str, what: &str) {
    let found = judge(path, source);
    assert!(found.iter().any(|finding| finding.what.contains(what)), "{source}\nshould be caught with “{what}”, found: {found:?}");
}

#[track_caller]
fn passes(path: &str, source: &str) {
    assert_eq!(judge(path, source), [], "{source}");
}

const UPWARD: &str = "is not on a lower floor";

#[test]
fn an_import_from_a_lower_floor_passes_in_every_form() {
    passes("src/auth/mod.rs", "use crate::store::Store; use crate::{model::{Who, Host as H}, clock};");
    passes("src/auth/mod.rs", "fn f(time: crate::clock::Time) -> crate::model::Who { crate::model::Who::of(time) }");
    passes("src/auth/keys.rs", "use super::Visitor; use self::inner::X; use super::super::store::Store;");
    passes("src/main.rs", "use yumen::cli; fn main() { yumen::cli::run() }");
    passes("src/auth/mod.rs", "/// See [`crate::web`], which calls this.\nfn f() {}");
}

#[test]
fn an_import_from_a_higher_floor_is_caught_in_every_form() {
    for source in [
        "use crate::web::Page;",
        "use crate::web;",
        "use crate::{clock::Time, web::Page};",
        "use crate::{web as pages};",
        "use crate::web::*;",
        "use {crate::web::Page};",
        "use yumen::web::Page;",
        "fn f() { crate::web::page(); }",
        "fn f(page: crate::web::Page) {}",
        "fn f(page: &dyn crate::web::Render) {}",
        "fn f(x: u8) { if let crate::web::Page::Home = x {} }",
        "impl crate::web::Render for X {}",
        "fn f() { <X as crate::web::Render>::render(); }",
        "mod inner { fn f() { crate::web::page(); } }",
        "#[cfg(test)] mod tests { use crate::web::Page; }",
        "fn f() { use crate::web::Page; }",
        "#[derive(crate::web::Render)] struct X;",
        "#[serde(with = \"crate::web::form\")] struct X;",
    ] {
        caught("src/auth/mod.rs", source, UPWARD);
    }
}

#[test]
fn modules_of_one_floor_do_not_know_each_other() {
    caught("src/edge/mod.rs", "use crate::web::Page;", UPWARD);
    caught("src/audit/mod.rs", "use crate::limit::Pass;", UPWARD);
    caught("src/crypto.rs", "use crate::clock::Time;", UPWARD);
    passes("src/web/mod.rs", "use crate::web::Page; use crate::auth::Visitor;");
}

#[test]
fn a_chain_of_super_that_leaves_its_top_module_is_followed() {
    caught("src/auth/mod.rs", "use super::web::Page;", UPWARD);
    caught("src/auth/keys.rs", "use super::super::web::Page;", UPWARD);
    caught("src/auth/keys.rs", "mod tests { use super::super::super::web::Page; }", UPWARD);
    caught("src/auth/keys.rs", "use self::super::super::web::Page;", UPWARD);
    caught("src/auth/keys.rs", "fn f() { super::super::web::page(); }", UPWARD);
    passes("src/auth/keys.rs", "mod tests { use super::super::Visitor; use super::*; }");
}

#[test]
fn paths_inside_the_tokens_of_a_macro_are_read() {
    for source in [
        "fn f() { println!(\"{}\", crate::web::page()); }",
        "macro_rules! m { () => { $crate::web::page() }; }",
        "m! { use crate::{clock, web::Page}; }",
        "m! { use crate::{clock, self}; }",
        "proptest! { fn f(x in super::web::pages()) {} }",
        "m! { mod tests { use super::super::web::Page; } }",
        "m! { yumen::web::page() }",
    ] {
        assert_ne!(judge("src/auth/mod.rs", source), [], "{source}");
    }
    passes("src/auth/keys.rs", "m! { pub(crate) struct X; pub(super) fn f(y: crate::model::Who) { self.g(super::h()) } }");
    passes("src/auth/mod.rs", "m! { mod tests { use super::Visitor; } } n! { use crate::{model::{self, Who}, clock::*}; }");
    caught("src/auth/mod.rs", "macro_rules! m { ($x:ident) => { $crate::$x::f() }; }", "out of pieces");
}

#[test]
fn a_local_name_for_a_module_hides_nothing() {
    caught("src/auth/mod.rs", "use crate::web as w; fn f() { w::page() }", UPWARD);
    caught("src/cli/mod.rs", "use crate::auth as a; pub use a::Visitor;", "re-exports");
}

#[test]
fn the_root_cannot_be_imported_whole() {
    for source in ["use crate as house;", "use crate::*;", "use crate::{self as house};", "use super::*;"] {
        caught("src/auth/mod.rs", source, "root of the house");
    }
    passes("src/auth/mod.rs", "pub(crate) fn f() {} pub(in crate::auth) fn g() {}");
}

#[test]
fn a_module_is_not_reached_through_another() {
    for source in ["pub use crate::auth;", "pub use crate::auth::*;", "pub(crate) use crate::auth::Visitor;", "pub use crate::{auth::X};"] {
        caught("src/web/mod.rs", source, "re-exports");
    }
    caught("src/web/mod.rs", "pub(super) use crate::auth::Visitor;", "re-exports");
    passes("src/web/pages.rs", "pub(super) use crate::auth::Visitor;");
    passes("src/web/mod.rs", "mod pages; pub use pages::Page; pub use self::pages::Other;");
}

#[test]
fn what_stands_on_no_floor_is_caught() {
    caught("src/helpers.rs", "fn f() {}", "on no floor");
    caught("src/web/mod.rs", "use crate::helpers::f;", "on no floor");
    caught("src/lib.rs", "pub mod web; pub use web::Page;", "only `mod name;`");
    caught("src/lib.rs", "pub mod web { pub mod inner; }", "only `mod name;`");
    passes("src/lib.rs", "//! Doc.\n#![deny(unsafe_code)]\npub mod web;\nmod auth;");
}

#[test]
fn what_would_lead_the_reader_astray_is_caught() {
    caught("src/web/mod.rs", "#[path = \"../auth/mod.rs\"] mod auth;", "hide where names come from");
    caught("src/web/mod.rs", "extern crate yumen as house;", "second name");
    caught("src/web/mod.rs", "include!(\"../auth/mod.rs\");", "hides which module");
    caught("src/main.rs", "mod cli;", "no modules of its own");
    caught("src/web/mod.rs", "fn f( {", "cannot be read");
}

#[test]
fn only_the_clock_asks_for_the_time() {
    let asks = "only `clock` asks";
    caught("src/auth/mod.rs", "fn f() { std::time::SystemTime::now(); }", asks);
    caught("src/auth/mod.rs", "use std::time::Instant; fn f() { Instant::now(); }", asks);
    caught("src/auth/mod.rs", "fn f() { jiff::Timestamp::now(); }", asks);
    caught("src/auth/mod.rs", "use std::time; fn f() { assert!(time::Instant::now() > x); }", asks);
    caught("src/auth/mod.rs", "use std::time::Instant as Tick; fn f() { x.map(Tick::now); }", asks);
    caught("src/auth/mod.rs", "fn f() { tokio::time::Instant::now(); }", asks);
    caught("src/edge/mod.rs", "use std::time::Instant; fn f() { Instant::now(); }", asks);
    passes("src/edge/mod.rs", "use tokio::time::{Instant, timeout}; fn f() { Instant::now(); }");
    passes("src/edge/mod.rs", "use tokio::time; fn f() { m!(time::Instant::now()); }");
    passes("src/clock.rs", "use std::time::Instant; fn f() { Instant::now(); }");
    passes("src/auth/mod.rs", "fn f(clock: &Clock) { clock.now(); }");
}

#[test]
fn sql_and_ring_have_one_home_each() {
    caught("src/auth/mod.rs", "fn f() { query(\"SELECT name FROM accounts\"); }", "SQL stands only");
    caught("src/auth/mod.rs", "fn f() { sqlx::query(x); }", "`sqlx` is named only in store");
    caught("src/auth/mod.rs", "fn f() { m!(\"DELETE FROM sessions\"); }", "SQL stands only");
    caught("src/auth/mod.rs", "use ring::digest;", "`ring` is named only in crypto");
    caught("src/edge/mod.rs", "fn f() { rustls::crypto::ring::default_provider(); }", "`ring` is named only in crypto");
    caught("src/edge/mod.rs", "use rustls::crypto::ring as provider;", "`ring` is named only in crypto");
    caught("src/auth/mod.rs", "fn f() -> anyhow::Result<()> {}", "`anyhow` is named only in main, cli");
    passes("src/store/mod.rs", "fn f() { sqlx::query(\"SELECT name FROM accounts\"); }");
    passes("src/crypto.rs", "use ring::digest; fn f() { digest::digest(); }");
    passes("src/auth/mod.rs", "fn f() { error(\"Select a key from the list, or DELETE it\"); }");
}

#[test]
fn a_file_of_four_hundred_lines_passes_and_a_longer_one_does_not() {
    assert_eq!(too_long("src/x.rs", &"\n".repeat(400)), None);
    assert!(too_long("src/x.rs", &"\n".repeat(401)).is_some());
}

#[test]
fn a_template_is_on_the_floor_of_its_module() {
    assert_eq!(judge_template("src/web/templates/x.html", "{% for l in crate::lang::Language::ALL %}"), []);
    let found = judge_template("src/web/templates/x.html", "<p>\n{{ crate::gateway::x() }}");
    assert_eq!(found.first().map(|finding| finding.line), Some(2), "{found:?}");
}
