//! What is closed in an emergency, and closing it: on a phone, at night, without a script.

use std::borrow::Cow;

use askama::Template;

use super::{Frame, Moment};
use crate::model::LockdownScope;

/// Something that can be closed, with what people call it.
#[derive(Clone, Debug)]
pub struct Closable {
    pub scope: LockdownScope,
    /// An app's in the reader's language, or a unit's; of everything it is empty.
    pub name: String,
}

impl Closable {
    fn words(&self, frame: &Frame) -> Cow<'static, str> {
        match self.scope {
            LockdownScope::All => frame.t("lockdown-all"),
            LockdownScope::App(_) => frame.t_name("lockdown-app", "name", &self.name),
            LockdownScope::Unit(_) => frame.t_name("lockdown-unit", "name", &self.name),
        }
    }

    /// As forms say it.
    fn value(&self) -> String {
        self.scope.to_string()
    }
}

/// Whoever closed something or wants it closed; `None`: the machine's owner.
#[derive(Clone, Debug)]
pub struct CloserName(pub Option<String>);

impl CloserName {
    fn words<'a>(&'a self, frame: &Frame) -> Cow<'a, str> {
        self.0.as_deref().map_or_else(|| frame.t("lockdown-machine"), Cow::Borrowed)
    }
}

#[derive(Clone, Debug)]
pub struct ClosedRow {
    pub what: Closable,
    pub until: Moment,
    pub minutes: u64,
    pub since: Moment,
    pub by: Vec<CloserName>,
    /// The two who made it longer.
    pub extended: Option<[CloserName; 2]>,
    pub reasons: Vec<String>,
    /// Somebody asked for more already.
    pub is_asked: bool,
}

/// An extension that waits for a second person.
#[derive(Clone, Debug)]
pub struct AskedRow {
    pub what: Closable,
    pub by: CloserName,
    /// Whoever looks asked for it herself, so somebody else has to confirm.
    pub own: bool,
    pub until: Moment,
}

/// The form as it was sent, shown again where something in it was wrong.
#[derive(Clone, Debug, Default)]
pub struct LockdownForm {
    pub scope: String,
    pub unit: String,
    pub minutes: String,
    pub reason: String,
    /// Whence she came.
    pub incident: Option<u64>,
}

impl LockdownForm {
    fn has(&self, closable: &Closable) -> bool {
        self.scope == closable.value()
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_lockdown.html")]
pub struct LockdownView {
    pub frame: Frame,
    pub asked: Vec<AskedRow>,
    pub closed: Vec<ClosedRow>,
    /// What she may not close alone, and could ask another one for.
    pub by_two: Option<Closable>,
    pub apps: Vec<Closable>,
    /// Those whose people are signed in.
    pub units: Vec<Closable>,
    pub everything: Closable,
    pub form: LockdownForm,
}

/// What is asked about once more before it is done.
#[derive(Clone, Debug)]
pub enum LockdownAct {
    Close { minutes: u64, reason: String },
    Lift,
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_lockdown_confirm.html")]
pub struct ConfirmLockdownView {
    pub frame: Frame,
    pub what: Closable,
    pub act: LockdownAct,
    /// Whence she came.
    pub incident: Option<u64>,
}

impl ConfirmLockdownView {
    fn title(&self) -> Cow<'static, str> {
        self.frame.t(match self.act {
            LockdownAct::Close { .. } => "confirm-lockdown-title",
            LockdownAct::Lift => "confirm-lift-title",
        })
    }

    fn consequences(&self) -> Vec<Cow<'static, str>> {
        let lines: &[&str] = match (&self.act, &self.what.scope) {
            (LockdownAct::Close { .. }, LockdownScope::Unit(_)) => {
                &["confirm-lockdown-unit", "confirm-lockdown-cut", "confirm-lockdown-alone"]
            }
            (LockdownAct::Close { .. }, _) => &["confirm-lockdown-everybody", "confirm-lockdown-cut", "confirm-lockdown-alone"],
            (LockdownAct::Lift, _) => &["confirm-lift-opens", "confirm-lift-alone"],
        };
        lines.iter().map(|line| self.frame.t(line)).collect()
    }

    fn verb(&self) -> Cow<'static, str> {
        self.frame.t(match self.act {
            LockdownAct::Close { .. } => "lockdown-close",
            LockdownAct::Lift => "lockdown-lift",
        })
    }

    /// Where she goes who does not do it.
    fn back(&self) -> String {
        match (&self.act, self.incident) {
            (LockdownAct::Close { .. }, Some(incident)) => format!("/console/incidents/{incident}"),
            (LockdownAct::Lift, Some(incident)) => format!("/console/lockdown/close?incident={incident}"),
            (_, None) => "/console/lockdown".to_owned(),
        }
    }

    fn action(&self) -> &'static str {
        match self.act {
            LockdownAct::Close { .. } => "/console/lockdown/close",
            LockdownAct::Lift => "/console/lockdown/lift",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{USUAL, pages};
    use super::super::{PortalView, Role};
    use super::*;
    use crate::lang::Language;

    fn page(wanted: &str) -> String {
        pages(Language::English, USUAL).into_iter().find(|(name, _)| *name == wanted).unwrap().1
    }

    #[test]
    fn whoever_may_close_is_led_there_and_nobody_else_is() {
        for role in Role::ALL {
            for closes in [true, false] {
                let frame = Frame::portal(Language::English, "/", String::new()).signed_in("alice", *role).closing(closes);
                let portal = PortalView { frame: frame.clone(), apps: vec![], has_apps: false, search: String::new() }.render().unwrap();
                let is_hers = closes && matches!(role, Role::Member | Role::SystemAdministrator);
                assert_eq!(portal.contains("id=\"to-console\" href=\"/console/lockdown\""), is_hers, "{role} {closes}");
                let what = Closable { scope: LockdownScope::All, name: String::new() };
                let form = LockdownForm::default();
                let (asked, closed, apps, units) = (vec![], vec![], vec![], vec![]);
                let page = LockdownView { frame, asked, closed, by_two: None, apps, units, everything: what, form }.render().unwrap();
                assert_eq!(page.contains("id=\"to-console-lockdown\""), closes, "{role}");
                assert_eq!(page.contains("id=\"to-console-accounts\""), *role == Role::SecurityAdministrator, "{role}");
                assert_eq!(page.contains("id=\"to-console-log\""), *role == Role::Auditor, "{role}");
            }
        }
    }

    #[test]
    fn whoever_comes_from_an_incident_finds_the_way_back_to_it_on_every_step() {
        let (list, confirm, none) = (page("console-lockdown"), page("console-confirm-lockdown"), page("console-lockdown-none"));
        let back = "id=\"back\" class=\"way no-print\" href=\"/console/incidents/7\"";
        assert!(list.contains(back) && !none.contains("id=\"back\""));
        assert!(confirm.contains("id=\"back\" class=\"button\" href=\"/console/incidents/7\""));
        let carried = "<input type=\"hidden\" name=\"incident\" value=\"7\">";
        let forms = |page: &str| page.matches("action=\"/console/lockdown").count();
        assert_eq!((list.matches(carried).count(), confirm.matches(carried).count(), none.matches(carried).count()), (forms(&list), 1, 0));
        assert!(list.contains("/console/lockdown/lift?scope=all&amp;incident=7\""), "{list}");
    }

    #[test]
    fn nobody_is_offered_to_confirm_what_she_asked_for_or_to_ask_twice_and_nothing_is_closed_or_opened_without_asking() {
        let (page, none) = (page("console-lockdown"), page("console-lockdown-none"));
        assert_eq!((page.matches("class=\"lockdown-confirm ").count(), page.matches("class=\"lockdown-own\"").count()), (1, 1));
        assert_eq!((page.matches("class=\"lockdown-extend\"").count(), page.matches(" lockdown-lift\"").count()), (1, 3));
        for page in [&page, &none] {
            assert!(!page.contains("method=\"post\" action=\"/console/lockdown/close\""));
            assert!(!page.contains("method=\"post\" action=\"/console/lockdown/lift\""));
        }
        assert!(
            none.contains("id=\"lockdown-none\"") && !none.contains("id=\"lockdown-closed\"") && !none.contains("<optgroup label=\"Units")
        );
    }
}
