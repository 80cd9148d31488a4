//! Tokens that open nothing any more and accounts that nobody used, when they are used all the same.

use super::*;

#[test]
fn a_copied_key_and_a_revoked_certificate_are_told_at_once() {
    let shown = |why: &str| Event::failed(Action::UsbKeyShown).from(ip("203.0.113.7")).with("why", why).with("name", "wang");
    let counter = Event::done(Action::KeyCounterWentBack).with("name", "li");
    finds(&Kind::TokenMisused, &log().at(0, counter).at(1, shown("revoked")), &[("account:li", 0), ("account:wang", 1)]);
    let elsewhere = shown("revoked").from(ip("198.51.100.1"));
    finds(
        &Kind::TokenMisused,
        &log().at(0, shown("revoked")).at(1, shown("revoked")).at(2, elsewhere),
        &[("account:wang", 0), ("account:wang", 2)],
    );
    finds(&Kind::TokenMisused, &log().at(0, Event::done(Action::KeyAnswersMadeUp).with("name", "li")), &[("account:li", 0)]);
    finds(&Kind::TokenMisused, &log().at(0, shown("expired")).at(1, signed_in("wang", "10.0.0.1")), &[]);
}

#[test]
fn a_withdrawn_token_that_is_used_is_told_at_once_and_a_wrong_or_old_one_is_not() {
    let with = |action, why: &str| Event::failed(action).from(ip("203.0.113.7")).with("why", why);
    for action in [Action::SignIn, Action::RecoveryProof] {
        finds(&Kind::TokenMisused, &log().at(0, with(action, "revoked").with("name", "wang")), &[("account:wang", 0)]);
    }
    for action in [Action::StepUp, Action::KeyProof] {
        finds(&Kind::TokenMisused, &log().at(0, with(action, "revoked").by(who("wang", Role::Member))), &[("account:wang", 0)]);
    }
    for why in ["wrong-code", "unknown-key", "expired", "must-wait", "wrong-password"] {
        finds(&Kind::TokenMisused, &log().at(0, with(Action::SignIn, why).with("name", "wang")), &[]);
    }
    finds(&Kind::TokenMisused, &log().at(0, with(Action::AccountSuspended, "revoked").with("name", "wang")), &[]);
    let done = Event { outcome: Outcome::Done, ..with(Action::SignIn, "revoked") }.by(who("wang", Role::Member));
    finds(&Kind::TokenMisused, &log().at(0, done), &[]);
}

#[test]
fn an_account_that_lay_unused_is_told_when_it_comes_back() {
    let kind = Kind::Dormant { after: Duration::from_hours(24 * 60) };
    finds(&kind, &log().at(0, signed_in("wang", "10.0.0.1")).at(60 * DAY, signed_in("wang", "10.0.0.1")), &[("account:wang", 60 * DAY)]);
    finds(&kind, &log().at(0, signed_in("wang", "10.0.0.1")).at(59 * DAY, signed_in("wang", "10.0.0.1")), &[]);
    finds(&kind, &log().at(60 * DAY, signed_in("wang", "10.0.0.1")), &[]);
}

#[test]
fn an_account_that_never_signed_in_lies_unused_from_the_day_it_was_made() {
    let kind = Kind::Dormant { after: Duration::from_hours(24 * 60) };
    let invited = || log().at(0, Event::done(Action::AccountInvited).with("name", "wang").with("unit", "Press"));
    let enrolled = |outcome| Event { outcome, ..Event::done(Action::AccountEnrolled) }.with("name", "wang");
    let signs_in = |log: Log, day: i64| log.at(day * DAY, signed_in("wang", "10.0.0.1"));
    finds(&kind, &signs_in(invited(), 60), &[("account:wang", 60 * DAY)]);
    finds(&kind, &signs_in(invited(), 59), &[]);
    finds(&kind, &signs_in(log().at(0, enrolled(Outcome::Done)), 60), &[("account:wang", 60 * DAY)]);
    finds(&kind, &signs_in(invited().at(10 * DAY, enrolled(Outcome::Done)), 69), &[]);
    finds(&kind, &signs_in(invited().at(10 * DAY, enrolled(Outcome::Failed)), 69), &[("account:wang", 69 * DAY)]);
    let another = invited().at(60 * DAY, signed_in("li", "10.0.0.1"));
    finds(&kind, &another, &[]);
    finds(&kind, &signs_in(signs_in(invited(), 1), 60), &[]);
    // Whoever begins anew was away all the same.
    let anew = signs_in(log(), 0).at(60 * DAY, enrolled(Outcome::Done));
    finds(&kind, &signs_in(anew, 60), &[("account:wang", 60 * DAY)]);
}
