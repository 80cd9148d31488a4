//! What an auditor narrows the log by, as she typed it and as it is understood.
//!
//! Invariant: what is not understood is told beside its field and kept there; with one such field nothing is searched.

use jiff::civil::{Date, DateTime};

use crate::clock::Time;
use crate::model::{LogAccount, LogApp, LogDecision, LogKind, LogQuery, Reference, UnitName, parse_network};

use super::call::{Asked, Fields};
use super::view::{LogField, LogForm};

/// The names of the fields, in addresses too.
pub(super) const FILTERS: [&str; 11] =
    ["account", "unit", "app", "address", "decision", "kind", "reason", "reference", "text", "from", "to"];
/// So long a text may be; what is sought is in the index by pieces that are shorter.
const LONGEST_TEXT: usize = 256;

/// The form, and the query if all of it is understood.
pub(super) fn read(asked: &Asked) -> (LogForm, Option<LogQuery>) {
    read_in(&asked.query, &asked.portal.zone)
}

fn read_in(fields: &Fields, zone: &jiff::tz::TimeZone) -> (LogForm, Option<LogQuery>) {
    let mut form = LogForm::default();
    let time = |end: End| move |typed: &str| time_of(typed, zone, end);
    let query = LogQuery {
        account: field(fields, "account", &mut form, LogAccount::parse),
        unit: field(fields, "unit", &mut form, |typed| UnitName::parse(typed).ok()),
        app: field(fields, "app", &mut form, LogApp::parse),
        address: field(fields, "address", &mut form, parse_network),
        decision: field(fields, "decision", &mut form, LogDecision::parse),
        kind: field(fields, "kind", &mut form, LogKind::parse),
        rule: field(fields, "reason", &mut form, |typed| (typed.len() <= LONGEST_TEXT).then(|| typed.to_owned())),
        reference: field(fields, "reference", &mut form, Reference::parse),
        text: field(fields, "text", &mut form, text_of),
        from: field(fields, "from", &mut form, time(End::First)),
        to: field(fields, "to", &mut form, time(End::Last)),
        before: fields.text("before").parse().ok(),
        ..LogQuery::default()
    };
    if let (Some(from), Some(to)) = (query.from, query.to)
        && to <= from
    {
        form.mark("to");
    }
    let understood = !form.is_wrong();
    (form, understood.then_some(query))
}

fn field<T>(fields: &Fields, name: &'static str, form: &mut LogForm, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let typed = fields.text(name).trim();
    let parsed = if typed.is_empty() { None } else { parse(typed) };
    form.fields.push(LogField { name, typed: typed.to_owned(), is_wrong: parsed.is_none() && !typed.is_empty() });
    parsed
}

fn text_of(typed: &str) -> Option<String> {
    (typed.chars().count() >= 2 && typed.len() <= LONGEST_TEXT).then(|| typed.to_owned())
}

/// Which end of a span a time is; a whole day is in the span from its first instant to its last.
#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

/// As browsers send it (HTML, section 2.3.5), or with a blank; a date alone is that day.
fn time_of(typed: &str, zone: &jiff::tz::TimeZone, end: End) -> Option<Time> {
    let civil = match typed.parse::<Date>().ok().filter(|_| typed.len() <= 10) {
        Some(day) => match end {
            End::First => day.at(0, 0, 0, 0),
            End::Last => day.tomorrow().ok()?.at(0, 0, 0, 0),
        },
        None => typed.replacen(' ', "T", 1).parse::<DateTime>().ok()?,
    };
    let instant = civil.to_zoned(zone.clone()).ok()?.timestamp();
    Some(Time::from_millis(instant.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai() -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::fixed(jiff::tz::offset(8))
    }

    fn read_of(query: &str) -> (LogForm, Option<LogQuery>) {
        read_in(&Fields::parse(query.as_bytes()), &shanghai())
    }

    #[test]
    fn every_filter_is_understood_in_the_zone_of_the_page() {
        let query = "account=Wang&unit=%E4%BF%A1%E6%81%AF%E4%B8%AD%E5%BF%83&app=portal&address=192.0.2.0%2F24&decision=refused&kind=sign-in\
            &reason=not-found&reference=aaaaaaaaaaaaaaaa&text=ab&from=2026-11-22T08:00&to=2026-11-22&before=9";
        let (form, query) = read_of(query);
        let query = query.unwrap();
        assert!(!form.is_wrong() && form.narrows());
        assert_eq!(query.account.unwrap().as_str(), "wang");
        assert_eq!(query.app, Some(LogApp::Portal));
        assert_eq!(query.address.unwrap().to_string(), "192.0.2.0/24");
        assert_eq!(query.decision, Some(LogDecision::Refused));
        assert_eq!(query.kind.map(LogKind::word).as_deref(), Some("sign-in"));
        assert_eq!((query.rule.as_deref(), query.text.as_deref(), query.before), (Some("not-found"), Some("ab"), Some(9)));
        assert_eq!(query.from.unwrap().to_string(), "2026-11-22T00:00:00.000Z");
        assert_eq!(query.to.unwrap().to_string(), "2026-11-22T16:00:00.000Z");
        assert_eq!(query.reference.unwrap().as_str(), "AAAAAAAAAAAAAAAA");
    }

    #[test]
    fn what_is_not_understood_is_marked_and_kept_and_nothing_is_searched() {
        let wrong = [
            ("address", "192.0.2"),
            ("reference", "AAAA"),
            ("text", "x"),
            ("from", "yesterday"),
            ("to", "2026-13-01"),
            ("kind", "nothing"),
            ("decision", "maybe"),
            ("app", "A b"),
        ];
        for (name, typed) in wrong {
            let encoded: String =
                url::form_urlencoded::Serializer::new(String::new()).append_pair(name, typed).append_pair("account", "wang").finish();
            let (form, query) = read_of(&encoded);
            assert!(query.is_none(), "{name}");
            let marked: Vec<_> =
                form.fields.iter().filter(|field| field.is_wrong).map(|field| (field.name, field.typed.as_str())).collect();
            assert_eq!(marked, [(name, typed)]);
            assert_eq!(form.typed("account"), "wang");
        }
        let (form, query) = read_of("from=2026-11-22T08:00&to=2026-11-22T07:00");
        assert!(query.is_none() && form.field("to").is_some_and(|field| field.is_wrong));
    }

    #[test]
    fn nothing_typed_narrows_nothing() {
        let (form, query) = read_of("account=&from=+&page=2");
        assert!(!form.is_wrong() && !form.narrows());
        assert_eq!(query, Some(LogQuery::default()));
        assert_eq!(form.fields.len(), FILTERS.len());
    }
}
