//! Nothing is told twice, after an acknowledgement, or without end; and nothing that was due is lost.

mod closures;
mod lasting;

use std::collections::{BTreeMap, BTreeSet};
use std::slice::from_ref;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::super::plan::{Colour, LevelTerms, Operator, Shift, Texts, Thresholds};
use super::super::policy::Once;
use super::*;
use crate::model::Hours;

const MINUTE: Duration = Duration::from_mins(1);
/// 2026-11-23, a Monday, 08:00 in UTC.
const MORNING: Time = Time::from_millis(1_795_420_800_000);

fn shift(duty: Duty, account: &str, hours: Option<(&str, &str)>) -> Shift {
    let days =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
    Shift {
        duty,
        account: AccountName::parse(account).unwrap(),
        name: format!("{account} 工"),
        phone: "+86 996 000 0001".to_owned(),
        email: Some(format!("{account}@city.example")),
        hours: hours.map(|(from, to)| Hours::new(&days, from, to, TimeZone::UTC).unwrap()),
    }
}

fn mail(to: &[To], from_level: Level) -> Channel {
    let mail = Mail {
        host: "localhost".to_owned(),
        port: 25,
        tls: MailTls::Clear,
        from: "y@city.example".to_owned(),
        login: Some(Login { user: "u".to_owned(), password_file: "hunter2".into() }),
        ca: None,
    };
    Channel { name: "mail".to_owned(), way: Way::Mail(mail), to: to.to_vec(), from_level }
}

fn hook(from_level: Level) -> Channel {
    let webhook = Webhook { url: "https://desk.example/hidden".to_owned(), secret_file: "k".into(), ca: None };
    Channel { name: "desk".to_owned(), way: Way::Webhook(webhook), to: Vec::new(), from_level }
}

fn plan(channels: Vec<Channel>) -> Plan {
    let names = |zh: &str, en: &str| Texts { zh: zh.to_owned(), en: en.to_owned() };
    let level = |(level, zh, en)| LevelTerms {
        level,
        names: names(zh, en),
        colour: Colour::of(level),
        thresholds: Thresholds::default(),
        checklist: Vec::new(),
        policy: None,
        once: Once::default(),
    };
    Plan {
        names: names("应急预案", "Plan"),
        operator: Operator::Ordinary,
        zone: TimeZone::get("Asia/Shanghai").unwrap(),
        levels: [(Level::III, "较大", "Considerable"), (Level::IV, "一般", "General")].map(level).to_vec(),
        shifts: vec![
            shift(Duty::Handler, "qian", Some(("06:00", "18:00"))),
            shift(Duty::Handler, "sun", Some(("18:00", "06:00"))),
            shift(Duty::Commander, "zhao", None),
            shift(Duty::Liaison, "zhou", Some(("09:00", "10:00"))),
        ],
        triggers: Vec::new(),
        reports: Vec::new(),
        pages: Vec::new(),
        channels,
        escalation: Some(Escalation {
            within: Level::ALL.iter().map(|level| (*level, if *level == Level::I { MINUTE * 5 } else { MINUTE * 15 })).collect(),
            then: vec![Duty::Commander, Duty::Liaison],
            repeat: MINUTE * 10,
            at_most: 3,
        }),
    }
}

fn fact(number: u64, level: Level) -> Facts {
    Facts {
        number,
        proposed: level,
        confirmed: None,
        lasting: None,
        stage: "open".to_owned(),
        trigger: Some("password-spraying".to_owned()),
        category: Category::Attack,
        subjects: 3,
        opened: MORNING,
        changed: MORNING,
        again: 0,
        acknowledged: None,
        closed: None,
        reports: Vec::new(),
        drill: false,
    }
}

fn take(book: &mut Book, facts: &[Facts], plan: &Plan, minute: u64) -> Vec<Letter> {
    book.take(facts, &Around { plan, portal: "https://gate.city.example", now: MORNING.plus(MINUTE * u32::try_from(minute).unwrap()) })
}

fn handlers() -> Vec<To> {
    vec![To::Duty(Duty::Handler), To::Address("list@city.example".to_owned())]
}

fn told(letters: &[Letter]) -> Vec<String> {
    letters.iter().map(|letter| format!("{} {} {}", letter.channel, letter.what.word(), letter.whom())).collect()
}

#[test]
fn an_incident_is_told_once_over_each_channel_that_tells_its_level_and_again_when_it_is_raised() {
    let plan = plan(vec![mail(&handlers(), Level::IV), hook(Level::III)]);
    let mut book = Book::default();
    let mut one = fact(7, Level::IV);
    assert_eq!(told(&take(&mut book, from_ref(&one), &plan, 0)), ["mail opened handler:qian", "mail opened list@city.example"]);
    assert!(take(&mut book, from_ref(&one), &plan, 1).is_empty());
    one.confirmed = Some(Level::III);
    let raised = take(&mut book, from_ref(&one), &plan, 2);
    assert_eq!(told(&raised), ["mail raised handler:qian", "mail raised list@city.example", "desk opened "]);
    assert_eq!(raised[0].what, What::Raised(Level::III));
    one.confirmed = Some(Level::IV);
    assert!(take(&mut book, from_ref(&one), &plan, 3).is_empty(), "less grave is nobody's hurry");
    one.again = 1;
    one.acknowledged = Some((MORNING, AccountName::parse("qian").unwrap()));
    let again = take(&mut book, from_ref(&one), &plan, 3);
    assert_eq!(told(&again), ["mail again handler:qian", "mail again list@city.example"], "also to whoever has acknowledged it");
    assert!(take(&mut book, from_ref(&one), &plan, 4).is_empty());
    one.closed = Some(MORNING);
    let closed = take(&mut book, from_ref(&one), &plan, 4);
    assert_eq!(told(&closed), ["mail closed handler:qian", "mail closed list@city.example", "desk closed "]);
    assert!(take(&mut book, &[one], &plan, 500).is_empty());
}

#[test]
fn whoever_is_on_duty_at_that_hour_is_told_and_where_nobody_is_all_who_ever_are() {
    let plan = plan(vec![mail(&[To::Duty(Duty::Handler), To::Duty(Duty::Liaison)], Level::IV)]);
    let whom = |minute| told(&take(&mut Book::default(), &[fact(1, Level::IV)], &plan, minute));
    assert_eq!(whom(0), ["mail opened handler:qian", "mail opened liaison:zhou"]);
    assert_eq!(whom(11 * 60), ["mail opened handler:sun", "mail opened liaison:zhou"]);
}

#[test]
fn nobody_acknowledges_so_one_more_is_told_each_time_until_it_was_said_often_enough() {
    let plan = plan(vec![mail(&handlers(), Level::IV)]);
    let (mut book, one) = (Book::default(), fact(7, Level::II));
    let said: BTreeMap<u64, Vec<String>> = (0..600)
        .map(|minute| (minute, told(&take(&mut book, from_ref(&one), &plan, minute))))
        .filter(|(_, said)| !said.is_empty())
        .collect();
    assert_eq!(said.keys().copied().collect::<Vec<_>>(), [0, 15, 25, 35]);
    assert_eq!(
        said[&15],
        ["mail unacknowledged handler:qian", "mail unacknowledged commander:zhao", "mail unacknowledged list@city.example"]
    );
    assert_eq!(said[&25].len(), 4, "{:?}", said[&25]);
    let raised = take(&mut book, &[Facts { confirmed: Some(Level::I), ..one.clone() }], &plan, 600);
    assert_eq!(raised[0].what, What::Raised(Level::I));
    let again = take(&mut book, &[Facts { confirmed: Some(Level::I), ..one }], &plan, 605);
    assert_eq!(again[0].what, What::Unacknowledged(Level::I, 1), "a graver level begins anew");
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_from_being_reminded() {
    let plan = plan(vec![hook(Level::IV)]);
    let (mut book, one) = (Book::default(), fact(7, Level::IV));
    take(&mut book, from_ref(&one), &plan, 1_000);
    assert!(take(&mut book, from_ref(&one), &plan, 10).is_empty());
    assert_eq!(told(&take(&mut book, &[one], &plan, 25)), ["desk unacknowledged commander:zhao"]);
}

#[test]
fn a_report_is_told_of_an_hour_before_and_when_it_was_missed_until_it_is_made() {
    let plan = plan(vec![hook(Level::IV)]);
    let to = |zh: &str, en: &str| Texts { zh: zh.to_owned(), en: en.to_owned() };
    let report = |minute: u32, made| DueReport {
        report: Report::First,
        due: MORNING.plus(MINUTE * minute),
        made,
        to: to("市网信办", "The city's cyberspace office"),
    };
    let police = |made| DueReport { to: to("公安机关", "The police"), ..report(240, made) };
    let of = |reports: Vec<DueReport>| Facts {
        reports,
        acknowledged: Some((MORNING, AccountName::parse("qian").unwrap())),
        ..fact(7, Level::III)
    };
    let mut book = Book::default();
    take(&mut book, &[of(vec![report(240, false)])], &plan, 0);
    assert!(take(&mut book, &[of(vec![report(240, false)])], &plan, 179).is_empty());
    assert_eq!(told(&take(&mut book, &[of(vec![report(240, false)])], &plan, 180)), ["desk report-due liaison:zhou"]);
    assert!(take(&mut book, &[of(vec![report(240, false)])], &plan, 239).is_empty());
    assert_eq!(told(&take(&mut book, &[of(vec![report(240, false)])], &plan, 240)), ["desk report-missed commander:zhao liaison:zhou"]);
    assert!(take(&mut book, &[of(vec![report(240, false)])], &plan, 900).is_empty());
    let mut book = Book::default();
    assert_eq!(take(&mut book, &[of(vec![report(240, true)])], &plan, 300).len(), 1, "only that there is an incident");
    let late = take(&mut Book::default(), &[of(vec![report(240, false)])], &plan, 300);
    assert_eq!(late.iter().map(|letter| letter.what.word()).collect::<Vec<_>>(), ["opened", "report-missed"]);
    let two = take(&mut Book::default(), &[of(vec![report(240, false), police(false)])], &plan, 200).remove(1);
    assert!(
        two.text.contains("报送：市网信办、公安机关") && two.text.contains("to The city's cyberspace office, The police"),
        "{}",
        two.text
    );
    let other = take(&mut Book::default(), &[of(vec![report(240, true), police(false)])], &plan, 200).remove(1);
    assert!(other.text.contains("报送：公安机关\n") && !other.is_pointless(&[of(vec![police(false)])]), "{}", other.text);
    assert!(!late[1].is_pointless(&[of(vec![report(240, false)])]) && late[1].is_pointless(&[of(vec![report(240, true)])]));
}

#[test]
fn what_ended_before_anybody_was_told_is_not_told_and_a_new_channel_tells_what_is_open() {
    let (old, new) = (plan(vec![hook(Level::IV)]), plan(vec![hook(Level::IV), mail(&handlers(), Level::IV)]));
    let mut book = Book::default();
    let over = Facts { closed: Some(MORNING), ..fact(6, Level::I) };
    assert_eq!(told(&take(&mut book, &[over.clone(), fact(7, Level::IV)], &old, 0)), ["desk opened "]);
    let taken = Facts { acknowledged: Some((MORNING, AccountName::parse("qian").unwrap())), ..fact(7, Level::IV) };
    let mut later = book.clone();
    assert_eq!(take(&mut book, &[over.clone(), fact(7, Level::IV)], &new, 1).len(), 2, "by mail, to two");
    assert!(take(&mut later, &[over.clone(), taken.clone()], &new, 1).is_empty(), "somebody has it already");
    let raised = Facts { confirmed: Some(Level::II), ..taken };
    assert_eq!(take(&mut later, &[over, raised], &new, 2).len(), 3, "what is graver than anybody was told");
}

#[test]
fn what_is_taken_up_again_is_told_to_those_who_think_that_it_is_over_and_so_is_its_second_end() {
    let plan = plan(vec![hook(Level::IV)]);
    let mut book = Book::default();
    let (open, over) = (fact(7, Level::IV), |minute| Facts { closed: Some(MORNING.plus(MINUTE * minute)), ..fact(7, Level::IV) });
    let first = take(&mut book, from_ref(&open), &plan, 0);
    let mut all: Vec<Letter> = first;
    for (minute, facts, said) in
        [(1, over(1), "closed"), (2, open.clone(), "reopened"), (3, over(3), "closed"), (4, open, "reopened"), (5, over(5), "closed")]
    {
        let letters = take(&mut book, from_ref(&facts), &plan, minute);
        assert_eq!(told(&letters), [format!("desk {said} ")], "{minute}");
        all.extend(letters);
    }
    let ids: std::collections::BTreeSet<&String> = all.iter().map(|letter| &letter.id).collect();
    assert_eq!(ids.len(), 6, "no receiver takes one for another");
}

#[test]
fn a_reminder_that_still_waits_is_pointless_once_somebody_has_it() {
    let plan = plan(vec![hook(Level::IV)]);
    let (mut book, one) = (Book::default(), fact(7, Level::IV));
    let opened = take(&mut book, from_ref(&one), &plan, 0).remove(0);
    let reminder = take(&mut book, from_ref(&one), &plan, 15).remove(0);
    let acknowledged = Facts { acknowledged: Some((MORNING, AccountName::parse("qian").unwrap())), ..one.clone() };
    assert!(!reminder.is_pointless(&[one]) && reminder.is_pointless(from_ref(&acknowledged)) && !opened.is_pointless(&[acknowledged]));
}

#[test]
fn a_notice_says_what_it_has_to_in_both_languages() {
    let plan = plan(vec![mail(&handlers(), Level::IV)]);
    let letter = take(&mut Book::default(), &[fact(12, Level::III)], &plan, 0).remove(0);
    assert_eq!(letter.subject, "玉门 Yumen: 事件 12，III 级（较大），新事件 / incident 12, level III (Considerable): new");
    assert_eq!(
        letter.text,
        "事件 12：新事件\n级别：III 级（较大），待确认\n事由：触发条件 password-spraying，网络攻击事件，涉及 3 个对象\n发现时间：2026-11-23 16:00 +08:00\n\
         值班：处置 qian 工、指挥 zhao 工\n查看：https://gate.city.example/console/incidents/12\n预案：应急预案\n\n\
         Incident 12: new\nLevel: III (Considerable), proposed, to be confirmed\nWhat: trigger password-spraying, attack, 3 concerned\n\
         Since: 2026-11-23 16:00 +08:00\nOn duty: handler qian 工, commander zhao 工\nLook at: https://gate.city.example/console/incidents/12\nPlan: Plan\n"
    );
    assert_eq!(letter.data["level"], "III");
    assert_eq!(letter.data["look"], "https://gate.city.example/console/incidents/12");
    let again = take(&mut Book::default(), &[fact(12, Level::III)], &plan, 3).remove(0);
    assert_eq!(letter.id, again.id, "a receiver knows it when it was forgotten that it was sent");
}

#[test]
fn a_drill_says_so_first() {
    let plan = plan(vec![hook(Level::IV)]);
    let drill = Facts { drill: true, ..fact(12, Level::III) };
    let letter = take(&mut Book::default(), &[drill], &plan, 0).remove(0);
    assert!(letter.drill && letter.subject.starts_with("演练 DRILL ") && letter.text.starts_with("演练："), "{letter:?}");
    assert!(letter.text.contains("\n\nDRILL: ") && letter.data["drill"] == true, "{letter:?}");
}

#[test]
fn what_a_stranger_may_have_typed_and_what_is_secret_is_in_no_notice() {
    let plan = plan(vec![mail(&handlers(), Level::IV), hook(Level::IV)]);
    let typed = "<b>wang\r\nBcc: x@y</b>".to_owned();
    let strange = Facts { trigger: Some(typed.clone()), stage: typed, ..fact(12, Level::III) };
    for letter in take(&mut Book::default(), &[strange], &plan, 0) {
        let whole = serde_json::to_string(&letter).unwrap();
        for never in ["wang", "Bcc", "hunter2", "hidden", "+86"] {
            assert!(!whole.contains(never), "{never}: {whole}");
        }
        assert!(letter.text.contains("entered by a person") && !letter.subject.contains(['\r', '\n']));
    }
}

/// What may become of an incident in a minute.
#[derive(Clone, Debug)]
enum Turn {
    Nothing,
    Raise(usize, Level),
    Acknowledge(usize),
    Close(usize),
    /// The process is stopped and started.
    Restart,
    Wait(u64),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let level = prop::sample::select(Level::ALL.to_vec());
    let turn = prop_oneof![
        4 => Just(Turn::Nothing),
        2 => (0_usize..3, level).prop_map(|(at, level)| Turn::Raise(at, level)),
        1 => (0_usize..3).prop_map(Turn::Acknowledge),
        1 => (0_usize..3).prop_map(Turn::Close),
        1 => Just(Turn::Restart),
        3 => (1_u64..40).prop_map(Turn::Wait),
    ];
    prop::collection::vec(turn, 1..60)
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_told_twice_or_to_nobody_s_use_and_reminders_end_and_reach_ever_more(turns in turns()) {
        let plan = plan(vec![mail(&handlers(), Level::IV), hook(Level::III)]);
        let mut facts = [fact(1, Level::IV), fact(2, Level::III), fact(3, Level::I)];
        let (mut book, mut minute) = (Book::default(), 0);
        let mut seen: BTreeSet<(Option<u64>, String, What, String)> = BTreeSet::new();
        let mut ids = BTreeSet::new();
        let mut reached: BTreeMap<(Option<u64>, String), (Level, u32, usize)> = BTreeMap::new();
        for turn in turns {
            minute += 1;
            match turn {
                Turn::Nothing => {}
                Turn::Raise(at, level) => facts[at].confirmed = Some(level),
                Turn::Acknowledge(at) => facts[at].acknowledged = Some((MORNING, AccountName::parse("qian").unwrap())),
                Turn::Close(at) => facts[at].closed = Some(MORNING),
                Turn::Restart => book = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap(),
                Turn::Wait(minutes) => minute += minutes,
            }
            let letters = take(&mut book, &facts, &plan, minute);
            let mut now: BTreeMap<(Option<u64>, String, Level, u32), usize> = BTreeMap::new();
            for letter in &letters {
                prop_assert!(seen.insert((letter.incident, letter.channel.clone(), letter.what, letter.whom())), "twice: {letter:?}");
                prop_assert!(ids.insert(letter.id.clone()), "one id, two letters: {letter:?}");
                prop_assert!(!letter.is_pointless(&facts), "{letter:?}");
                if let What::Unacknowledged(level, number) = letter.what {
                    let one = &facts[usize::try_from(letter.incident.unwrap() - 1).unwrap()];
                    prop_assert!(one.acknowledged.is_none() && one.closed.is_none() && (1..=3).contains(&number));
                    *now.entry((letter.incident, letter.channel.clone(), level, number)).or_default() += letter.to.len();
                }
            }
            for ((incident, channel, level, number), whom) in now {
                // The liaison is one of those only at some hours, and is told at all others.
                if let Some((before_level, before, least)) = reached.insert((incident, channel), (level, number, whom)) {
                    // A channel that does not tell the level of now leaves some out.
                    prop_assert!(level > before_level || level == before_level && number > before && whom >= least);
                }
            }
            prop_assert!(take(&mut book, &facts, &plan, minute).is_empty(), "all is told at once");
        }
        // Nothing was lost: whoever is open was told over each channel that tells its level.
        for one in facts.iter().filter(|one| one.closed.is_none()) {
            for (channel, from) in [("mail", Level::IV), ("desk", Level::III)] {
                let was_told = seen.iter().any(|(number, name, what, _)| {
                    *number == Some(one.number) && name == channel && matches!(what, What::Opened | What::Raised(_))
                });
                prop_assert!(was_told || one.level() < from);
            }
        }
    }
}
