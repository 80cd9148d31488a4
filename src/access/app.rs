//! A back office as policy sees it: what it is called, where it lives, who may do what there.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use url::form_urlencoded;

use super::{Demand, Emergency, Lockdown, PathPattern, Rule};
use crate::auth::Identity;
use crate::model::{AppId, CanonicalPath, Host, Label, PathAllowance, Proof, TokenKind};

/// What people read, in each language that the pages speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub zh: String,
    pub ug: String,
    pub en: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct App {
    pub id: AppId,
    pub names: Names,
    pub host: Host,
    pub label: Label,
    /// In the order in which they are tried; the first that matches decides.
    pub rules: Vec<Rule>,
    pub paths: PathAllowance,
    /// Where a path matches one of these, the log keeps only what stands before the first wildcard.
    pub redact: Vec<PathPattern>,
    /// Parameters of the query whose values the log keeps.
    pub log_query: Vec<String>,
    /// Other origins whose unsafe requests and WebSockets are let in. Its own always is.
    pub origins: Vec<String>,
    /// Its own, as browsers write it: `https://host` or `https://host:port`.
    pub origin: String,
    pub allow_underscores: bool,
    /// Signed in again after so long without activity (in this app, where it is less than the session's own limit), and so long after the
    /// sign-in in any case.
    pub idle: Duration,
    pub overall: Duration,
    pub demand: Demand,
    /// A security key must be of one of these makes; `None`: of any.
    pub makes: Option<Arc<[Arc<str>]>>,
    /// Whether an app on a phone is enough where any factor is.
    pub phone_app: bool,
    pub binding: Binding,
    /// What is closed for now; one for all apps of a gateway.
    pub lockdown: Arc<Lockdown>,
    /// The emergency level in force; one for all apps of a gateway.
    pub emergency: Arc<Emergency>,
}

/// What each connection to an app must have of its own, beside the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    #[default]
    Nothing,
    /// The checked certificate of a USB-KEY that has a proof in the session.
    Certificate,
}

impl App {
    /// Whether a proof counts here at all: what its label asks of the token itself.
    pub(super) fn counts(&self, identity: &Identity, proof: &Proof) -> bool {
        match proof.factor.token() {
            TokenKind::WebAuthn => self.makes.as_ref().is_none_or(|makes| identity.has_key_of(proof.token, makes)),
            kind => self.admits(kind),
        }
    }

    /// Whether a token of this kind may count here; of security keys `makes` says more.
    pub fn admits(&self, kind: TokenKind) -> bool {
        match kind {
            TokenKind::PhoneApp => self.phone_app,
            TokenKind::WebAuthn | TokenKind::UsbKey | TokenKind::Oath => true,
        }
    }

    /// What the log keeps of a path that was not read as this app's, if the app would hide some of it. What cannot be read cannot be matched
    /// either, and may carry what should be hidden.
    pub fn hides(&self, raw: &str) -> Option<String> {
        if self.redact.is_empty() {
            return None;
        }
        match CanonicalPath::parse(raw, self.paths) {
            Ok(path) => self.redact.iter().find(|pattern| pattern.may_match(&path)).map(|pattern| format!("{}…", pattern.fixed_part())),
            Err(_) => Some("…".to_owned()),
        }
    }

    /// Path and query as the log may keep them: some carry secrets (links that reset a password). Where the path does, the query is not kept.
    pub fn logged(&self, path: &CanonicalPath, query: Option<&str>) -> (String, Option<String>) {
        match self.redact.iter().find(|pattern| pattern.may_match(path)) {
            Some(pattern) => (format!("{}…", pattern.fixed_part()), None),
            None => (without_parameters(path.as_str()), query.and_then(|query| redacted_query(query, &self.log_query))),
        }
    }
}

/// A path as the log may keep it where no app's rules were asked: without parameters, and only up to a question mark that was escaped. To whoever
/// wrote that, a query begins there, and no server may ever have read it as part of a path.
pub fn hidden(path: &str) -> String {
    match position(path, '?', "3F").and_then(|at| path.get(..at)) {
        Some(before) => format!("{}?…", without_parameters(before)),
        None => without_parameters(path),
    }
}

/// What follows a semicolon in a segment of a path is its parameter (RFC 3986, section 3.3): some servers put sessions there. Of those the log says
/// that they were there.
fn without_parameters(path: &str) -> String {
    let bare = |segment: &str| match position(segment, ';', "3B").and_then(|at| segment.get(..at)) {
        Some(bare) => format!("{bare};…"),
        None => segment.to_owned(),
    };
    path.split('/').map(bare).collect::<Vec<_>>().join("/")
}

/// Where this character stands first, as it is or escaped, however many times over (RFC 3986, section 2.1: `%253B` is an escaped `%3B`).
fn position(text: &str, character: char, digits: &str) -> Option<usize> {
    let stands_at = |at: usize| {
        let mut escaped = text.get(at..)?.strip_prefix('%')?;
        while let Some(deeper) = escaped.strip_prefix("25") {
            escaped = deeper;
        }
        escaped.get(..2).filter(|found| found.eq_ignore_ascii_case(digits))
    };
    text.char_indices().find(|(at, found)| *found == character || stands_at(*at).is_some()).map(|(at, _)| at)
}

/// The parameters that are named, and `*` for others, however many stand there. Some servers part them by semicolons, so what follows one is
/// a parameter of its own.
fn redacted_query(query: &str, kept: &[String]) -> Option<String> {
    if kept.is_empty() || query.is_empty() {
        return None;
    }
    let mut shown: Vec<Cow<'_, str>> = Vec::new();
    for parameter in query.split(['&', ';']) {
        let is_kept = form_urlencoded::parse(parameter.as_bytes()).next().is_some_and(|(name, _)| kept.iter().any(|kept| *kept == name));
        if is_kept {
            shown.push(Cow::Borrowed(parameter));
        } else if shown.last().is_none_or(|last| last != "*") {
            shown.push(Cow::Borrowed("*"));
        }
    }
    Some(shown.join("&"))
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// An app of which tests change what they are about.
    pub fn app(rules: Vec<Rule>) -> App {
        let name = "政务网站群系统".to_owned();
        App {
            id: AppId::parse("sites").unwrap(),
            names: Names { zh: name.clone(), ug: name.clone(), en: name },
            host: Host::parse("sites.example.cn").unwrap(),
            label: Label::Internal,
            rules,
            paths: PathAllowance::default(),
            redact: Vec::new(),
            log_query: Vec::new(),
            origins: Vec::new(),
            origin: "https://sites.example.cn".to_owned(),
            allow_underscores: false,
            idle: Duration::from_secs(15 * 60),
            overall: Duration::from_secs(12 * 3600),
            demand: Demand::default(),
            makes: None,
            phone_app: false,
            binding: Binding::Nothing,
            lockdown: Arc::default(),
            emergency: Arc::default(),
        }
    }

    pub fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text, PathAllowance::default()).unwrap()
    }

    pub fn path(raw: &str) -> CanonicalPath {
        let all = PathAllowance { encoded_slash: true, backslash: true, empty_segment: true, semicolon: true, not_utf8: true };
        CanonicalPath::parse(raw, all).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{app, path, pattern};

    #[test]
    fn a_label_that_names_makes_lets_in_a_key_of_those_and_no_other() {
        use super::*;
        use crate::model::{Factor, Role};
        let now = crate::clock::Time::from_millis(1_800_000_000_000);
        let named = |makes: &[&str]| App { makes: Some(makes.iter().map(|make| Arc::from(*make)).collect()), ..app(Vec::new()) };
        let keyed = Identity::sample("wang li", "Press", Role::Member, now);
        let counts = |app: &App| app.counts(&keyed, &keyed.proofs()[0]);
        assert!(counts(&app(Vec::new())), "any key");
        assert!(!counts(&named(&["blue"])), "nobody vouches for it");
        keyed.vouch_for_sample(&["green", "blue"]);
        assert!(counts(&named(&["blue"])));
        assert!(!counts(&named(&["red"])));
        let coded = Identity::sample_with(Factor::PasswordAndOath, "li", "Press", now);
        assert!(named(&["red"]).counts(&coded, &coded.proofs()[0]), "it is about keys");
    }

    #[test]
    fn an_app_on_a_phone_counts_only_where_the_label_says_so() {
        use super::*;
        use crate::model::{Factor, FactorDemand};
        let now = crate::clock::Time::from_millis(1_800_000_000_000);
        let phone = Identity::sample_with(Factor::PasswordAndPhoneApp, "li", "Press", now);
        let with = |factor, phone_app| {
            let app = App { phone_app, ..app(Vec::new()) };
            Demand { factor: Some(factor), fresh: None }.check(&phone, &app, now).is_ok()
        };
        assert!(with(FactorDemand::Any, true));
        assert!(!with(FactorDemand::Any, false));
        assert!(!app(Vec::new()).admits(TokenKind::PhoneApp) && App { phone_app: true, ..app(Vec::new()) }.admits(TokenKind::PhoneApp));
        assert!([TokenKind::WebAuthn, TokenKind::UsbKey, TokenKind::Oath].iter().all(|kind| app(Vec::new()).admits(*kind)));
        for (_, factor) in FactorDemand::WORDS.iter().filter(|(_, factor)| *factor != FactorDemand::Any) {
            assert!(!with(*factor, true), "{factor:?}");
        }
    }

    #[test]
    fn the_log_keeps_of_a_secret_path_only_what_stands_before_the_wildcard() {
        let mut app = app(Vec::new());
        app.redact = vec![pattern("/accounts/reset/**"), pattern("/重置/t-*/done")];
        for (raw, logged) in [
            ("/accounts/reset/MQ/abc-def/", "/accounts/reset/…"),
            ("/accounts//reset/MQ", "/accounts/reset/…"),
            ("/accounts/re%73et/MQ", "/accounts/reset/…"),
            ("/重置/t-123/done", "/%E9%87%8D%E7%BD%AE/t-…"),
            ("/accounts/login/", "/accounts/login/"),
            ("/重置/t-123/", "/%E9%87%8D%E7%BD%AE/t-123/"),
            ("/list;jsessionid=4F2A/x", "/list;…/x"),
            ("/list%3Bjsessionid=4F2A", "/list;…"),
        ] {
            assert_eq!(app.logged(&path(raw), None), (logged.to_owned(), None), "{raw}");
        }
    }

    #[test]
    fn a_path_that_no_app_read_is_kept_without_parameters_and_without_what_looks_like_a_query() {
        for (raw, kept) in [
            ("/list/a", "/list/a"),
            ("/list;s=4F2A/x;t=1", "/list;…/x;…"),
            ("/list%3bs=4F2A/x", "/list;…/x"),
            ("/list%25253Bs=4F2A/x", "/list;…/x"),
            ("/reset%3Ftoken=s3cret/x", "/reset?…"),
            ("/reset%3ftoken=s3cret", "/reset?…"),
            ("/reset%252525253Ftoken=s3cret", "/reset?…"),
            ("/a;b/reset?token=s3cret", "/a;…/reset?…"),
            ("/100%25/%25/3F%2", "/100%25/%25/3F%2"),
            ("/新%", "/新%"),
        ] {
            assert_eq!(super::hidden(raw), kept, "{raw}");
            assert_eq!(super::hidden(kept), kept, "{kept}");
        }
    }

    #[test]
    fn an_app_hides_its_secret_paths_wherever_they_come_and_those_that_it_cannot_read() {
        let mut app = app(Vec::new());
        assert_eq!(app.hides("/accounts/reset/MQ"), None);
        assert_eq!(app.hides("/accounts/%zz"), None);
        app.redact = vec![pattern("/accounts/reset/**")];
        assert_eq!(app.hides("/accounts/re%73et/MQ").as_deref(), Some("/accounts/reset/…"));
        assert_eq!(app.hides("/accounts//reset/MQ").as_deref(), Some("…"));
        assert_eq!(app.hides("/accounts/login"), None);
    }

    #[test]
    fn the_log_keeps_of_a_query_the_parameters_that_are_named_and_that_there_were_others() {
        let mut app = app(Vec::new());
        let logged = |app: &super::App, query: &str| app.logged(&path("/list"), Some(query)).1;
        assert_eq!(logged(&app, "page=2"), None, "nothing is named");
        app.log_query = vec!["page".to_owned(), "栏目".to_owned()];
        for (query, kept) in [
            ("page=2", "page=2"),
            ("p%61ge=2&token=s3cret", "p%61ge=2&*"),
            ("token=s3cret&name=x&page=2&page=3", "*&page=2&page=3"),
            ("page=2;token=s3cret", "page=2&*"),
            ("%E6%A0%8F%E7%9B%AE=%E6%96%B0", "%E6%A0%8F%E7%9B%AE=%E6%96%B0"),
            ("s3cret", "*"),
            ("page", "page"),
            ("Page=s3cret", "*"),
            ("page[]=s3cret&page.x=s3cret", "*"),
            ("*=s3cret", "*"),
        ] {
            assert_eq!(logged(&app, query).as_deref(), Some(kept), "{query}");
        }
        assert_eq!(logged(&app, ""), None);
        assert_eq!(app.logged(&path("/list"), None).1, None);
        app.redact = vec![pattern("/accounts/reset/**")];
        assert_eq!(app.logged(&path("/accounts/reset/MQ"), Some("page=2")).1, None, "where the path carries a secret, the query may too");
    }
}
