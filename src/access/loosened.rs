//! Whether an app lets more through than it did: what a change of the config has to say about itself.
//!
//! Invariant: what cannot be shown to be as strict counts as looser. A list that somebody only put into another order may be told; a door that
//! was opened always is.

use std::time::Duration;

use super::{App, Binding, Demand, Effect, Rule};
use crate::model::{Factor, Label, Level};

impl App {
    /// In which parts it may let through what it did not before, as the config names them.
    pub fn looser_than(&self, before: &App) -> Vec<&'static str> {
        let tied = |app: &App| app.binding == Binding::Certificate;
        let parts = [
            ("label", gravity(self.label) < gravity(before.label)),
            ("idle", self.idle > before.idle),
            ("overall", self.overall > before.overall),
            ("factor", is_looser(self.demand, before.demand)),
            ("attestation", !accepts_within(self.makes.as_deref(), before.makes.as_deref())),
            ("phone_app", self.phone_app && !before.phone_app),
            ("binding", tied(before) && !tied(self)),
            ("paths", opens_readings(self, before)),
            ("origins", !is_subset(&self.origins, &before.origins)),
            ("allow_underscores", self.allow_underscores && !before.allow_underscores),
            ("redact", !is_subset(&before.redact, &self.redact)),
            ("log_query", !is_subset(&self.log_query, &before.log_query)),
            ("rules", rules_are_looser(self, before)),
        ];
        parts.into_iter().filter_map(|(name, looser)| looser.then_some(name)).collect()
    }
}

fn gravity(label: Label) -> usize {
    Label::ALL.iter().position(|known| *known == label).unwrap_or(usize::MAX)
}

fn is_subset<T: PartialEq>(some: &[T], all: &[T]) -> bool {
    some.iter().all(|one| all.contains(one))
}

/// Of lists in which nothing stands for anything.
fn is_part<T: PartialEq>(new: &[T], before: &[T]) -> bool {
    before.is_empty() || !new.is_empty() && is_subset(new, before)
}

fn accepts_within<T: PartialEq>(new: Option<&[T]>, before: Option<&[T]>) -> bool {
    match (new, before) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(before)) => is_subset(new, before),
    }
}

fn opens_readings(new: &App, before: &App) -> bool {
    let readings = |app: &App| {
        let paths = app.paths;
        [paths.encoded_slash, paths.backslash, paths.empty_segment, paths.semicolon, paths.not_utf8]
    };
    readings(new).into_iter().zip(readings(before)).any(|(new, before)| new && !before)
}

/// Whether something meets `new` that did not meet `before`.
fn is_looser(new: Demand, before: Demand) -> bool {
    let (asked, was) = (new.factor.unwrap_or_default(), before.factor.unwrap_or_default());
    let factor = Factor::ALL.iter().any(|factor| asked.is_met_by(*factor) && !was.is_met_by(*factor));
    factor || before.fresh.is_some_and(|before| new.fresh.unwrap_or(Duration::MAX) > before)
}

/// Rules are as strict if each that allows is a part of one that allowed, in the same order and behind all that refused before it; and
/// nothing that one of them lets go falls to a later one that asks for less.
fn rules_are_looser(new: &App, before: &App) -> bool {
    let mut from = 0;
    let mut places = Vec::new();
    for (at, rule) in new.rules.iter().enumerate().filter(|(_, rule)| rule.effect == Effect::Allow) {
        let refused: Vec<&Rule> = new.rules.iter().take(at).filter(|rule| rule.effect == Effect::Deny).collect();
        let stands_in = |(place, known): &(usize, &Rule)| {
            is_within(rule, new.demand, known, before.demand)
                && before
                    .rules
                    .iter()
                    .take(*place)
                    .filter(|rule| rule.effect == Effect::Deny)
                    .all(|deny| refused.iter().any(|kept| alike(kept, deny)))
        };
        let allowed = before.rules.iter().enumerate().filter(|(_, known)| known.effect == Effect::Allow);
        let Some((place, known)) = allowed.skip_while(|(place, _)| *place < from).find(stands_in) else { return true };
        places.push((place, covers_all_of(rule, known)));
        from = place;
    }
    let demands: Vec<(usize, Demand)> = before
        .rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| rule.effect == Effect::Allow)
        .map(|(at, rule)| (at, rule.demand.within(before.demand)))
        .collect();
    let is_whole = |at: usize| places.iter().any(|(place, whole)| *place == at && *whole);
    let falls = |(at, strict): &(usize, Demand)| {
        !is_whole(*at)
            && places
                .iter()
                .any(|(later, _)| later > at && demands.iter().any(|(place, demand)| place == later && is_looser(*demand, *strict)))
    };
    demands.iter().any(falls)
}

/// The same but for its name.
fn alike(one: &Rule, other: &Rule) -> bool {
    Rule { name: other.name.clone(), ..one.clone() } == *other
}

fn covers_all_of(new: &Rule, known: &Rule) -> bool {
    alike(&Rule { demand: known.demand, ..new.clone() }, known)
}

/// Whether all that `new` lets in, `known` let in too, and asks for no less.
fn is_within(new: &Rule, app: Demand, known: &Rule, before: Demand) -> bool {
    let whom = is_part(&new.accounts, &known.accounts) && is_part(&new.units, &known.units) && is_part(&new.roles, &known.roles);
    let when = (known.when.is_none() || new.when == known.when)
        && Level::ALL.iter().map(Some).chain([None]).all(|level| !new.is_of(level.copied()) || known.is_of(level.copied()));
    let what = is_part(&new.methods, &known.methods) && is_part(&new.paths, &known.paths);
    let from = known.from.is_empty()
        || !new.from.is_empty() && new.from.iter().all(|network| known.from.iter().any(|wide| wide.contains(network)));
    whom && when && what && from && !is_looser(new.demand.within(app), known.demand.within(before))
}

#[cfg(test)]
mod tests {
    use super::super::app::sample::{app, pattern};
    use super::super::rule::sample::{for_unit, rule};
    use super::*;
    use crate::model::{FactorDemand, Host, UnitName};

    fn with(change: impl FnOnce(&mut App)) -> App {
        let mut app = app(vec![deny(), Rule { demand: fresh(5), ..for_unit("press", "Press") }, for_unit("all", "Office")]);
        change(&mut app);
        app
    }

    fn deny() -> Rule {
        Rule { paths: vec![pattern("/admin/**")], ..rule("no admin", Effect::Deny) }
    }

    fn fresh(minutes: u64) -> Demand {
        Demand { fresh: Some(Duration::from_mins(minutes)), ..Demand::default() }
    }

    fn office(change: impl FnOnce(&mut Rule)) -> impl FnOnce(&mut App) {
        move |app| change(&mut app.rules[2])
    }

    #[track_caller]
    fn looser(change: impl FnOnce(&mut App), parts: &[&str]) {
        assert_eq!(with(change).looser_than(&with(|_| {})), parts);
    }

    /// The way there is looser, the way back is not.
    #[track_caller]
    fn only_one_way(change: impl FnOnce(&mut App), part: &str) {
        let (before, after) = (with(|_| {}), with(change));
        assert_eq!(after.looser_than(&before), [part]);
        assert_eq!(before.looser_than(&after), [] as [&str; 0], "back again");
    }

    #[test]
    fn an_app_that_stays_or_is_called_otherwise_is_no_looser() {
        looser(|_| {}, &[]);
        looser(|app| app.host = Host::parse("other.example.cn").unwrap(), &[]);
        looser(|app| app.rules[2].name = "others".to_owned(), &[]);
    }

    #[test]
    fn each_part_that_opens_something_is_named_and_closing_it_is_not() {
        only_one_way(|app| app.label = Label::Public, "label");
        only_one_way(|app| app.idle *= 2, "idle");
        only_one_way(|app| app.overall *= 2, "overall");
        only_one_way(|app| app.phone_app = true, "phone_app");
        only_one_way(|app| app.paths.backslash = true, "paths");
        only_one_way(|app| app.origins.push("https://x.test".to_owned()), "origins");
        only_one_way(|app| app.allow_underscores = true, "allow_underscores");
        only_one_way(|app| app.log_query.push("q".to_owned()), "log_query");
        let bound = with(|app| app.binding = Binding::Certificate);
        assert_eq!((with(|_| {}).looser_than(&bound), bound.looser_than(&with(|_| {}))), (vec!["binding"], vec![]));
        let redacts = with(|app| app.redact.push(pattern("/x/**")));
        assert_eq!((with(|_| {}).looser_than(&redacts), redacts.looser_than(&with(|_| {}))), (vec!["redact"], vec![]));
        let makes = with(|app| app.makes = Some(vec!["blue".into()].into()));
        assert_eq!((with(|_| {}).looser_than(&makes), makes.looser_than(&with(|_| {}))), (vec!["attestation"], vec![]));
        looser(|app| app.demand.factor = Some(FactorDemand::Any), &["factor", "rules"]);
        looser(|app| app.demand.factor = Some(FactorDemand::UsbKey), &[]);
    }

    #[test]
    fn a_rule_that_lets_more_in_or_asks_for_less_is_looser() {
        only_one_way(|app| app.rules.push(for_unit("new", "Archive")), "rules");
        only_one_way(office(|rule| rule.units.push(UnitName::parse("Archive").unwrap())), "rules");
        only_one_way(|app| app.rules[1].demand = fresh(10), "rules");
        looser(office(|rule| rule.units.clear()), &["rules"]);
        looser(office(|rule| rule.paths.push(pattern("/a/**"))), &[]);
        looser(office(|rule| rule.from.push("10.0.0.0/8".parse().unwrap())), &[]);
        looser(|app| drop(app.rules.remove(2)), &[]);
        let from = |network: &str| with(office(|rule| rule.from = vec![network.parse().unwrap()]));
        assert_eq!(from("10.1.0.0/16").looser_than(&from("10.0.0.0/8")), [] as [&str; 0]);
        assert_eq!(from("10.0.0.0/8").looser_than(&from("10.1.0.0/16")), ["rules"]);
    }

    #[test]
    fn a_rule_that_holds_at_more_levels_is_looser() {
        let of = |level, below| with(office(|rule| (rule.level, rule.below) = (level, below)));
        let (always, grave, calm) = (of(None, None), of(Some(Level::II), None), of(None, Some(Level::III)));
        for (new, before, parts) in [
            (&grave, &always, &[][..]),
            (&always, &grave, &["rules"]),
            (&calm, &always, &[]),
            (&always, &calm, &["rules"]),
            (&grave, &calm, &["rules"]),
            (&of(Some(Level::III), None), &grave, &["rules"]),
            (&grave, &of(Some(Level::III), None), &[]),
            (&of(None, Some(Level::II)), &calm, &["rules"]),
        ] {
            assert_eq!(new.looser_than(before), parts);
        }
        let denied = |level| with(|app| app.rules[0].level = level);
        assert_eq!(denied(Some(Level::III)).looser_than(&denied(None)), ["rules"], "a refusal that holds at few levels alone");
    }

    #[test]
    fn a_refusal_that_goes_or_comes_too_late_is_looser() {
        looser(|app| drop(app.rules.remove(0)), &["rules"]);
        looser(|app| app.rules.swap(0, 1), &["rules"]);
        looser(|app| app.rules.insert(0, Rule { paths: vec![pattern("/b/**")], ..rule("more", Effect::Deny) }), &[]);
    }

    #[test]
    fn what_a_strict_rule_lets_go_may_fall_to_a_later_one_that_asks_for_less() {
        looser(|app| drop(app.rules.remove(1)), &["rules"]);
        looser(|app| app.rules[1].paths.push(pattern("/a/**")), &["rules"]);
        looser(|app| app.rules.swap(1, 2), &["rules"]);
    }
}
