//! The table, line by line: what it says is what every function of the desk does.

use super::drawer::Office;
use super::*;
use crate::model::Factor;

/// Somebody acts in each capacity, and one who has none.
fn everybody(office: &Office) -> Vec<(Option<Capacity>, Actor)> {
    let manager = Identity::sample("manager", "Press", Role::Member, NOW);
    office.desk.permissions.set_managers([manager.account()].into());
    let duty = Identity::sample("duty", "Press", Role::Member, NOW);
    office.desk.set_duty_list([duty.who().name.clone()].into());
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    vec![
        (None, staff(Role::Member)),
        (Some(Capacity::UnitManager), Actor::Staff { identity: manager, address: here }),
        (Some(Capacity::SystemAdministrator), staff(Role::SystemAdministrator)),
        (Some(Capacity::SecurityAdministrator), staff(Role::SecurityAdministrator)),
        (Some(Capacity::Auditor), staff(Role::Auditor)),
        (Some(Capacity::DutyOfficer), Actor::Staff { identity: duty, address: here }),
        (Some(Capacity::Owner), MACHINE),
    ]
}

/// A unit manager invites into her own unit; that is the only thing in which the acts differ.
async fn ask(office: &Office, actor: &Actor, capacity: Option<Capacity>, change: Change) -> Result<(), AdminError> {
    if (capacity, change) == (Some(Capacity::UnitManager), Change::Invite) {
        let new = NewAccount { name: AccountName::parse("new").unwrap(), unit: UnitName::parse("Press").unwrap(), ..wang() };
        return office.desk.invite(actor, new, NOW).await.map(drop);
    }
    // Whoever invites without being allowed to is told so; the owner has a line of his own for it.
    if (capacity, change) == (Some(Capacity::Owner), Change::Invite) {
        return office.desk.permit(actor, change);
    }
    office.ask(actor, change).await
}

#[tokio::test]
async fn every_line_of_the_table_holds_for_everybody_both_ways_and_a_refusal_leaves_no_trace() {
    for number in 0..Capacity::ALL.len() + 1 {
        let office = Office::open().await;
        let (capacity, actor) = everybody(&office).remove(number);
        let before = office.states().await;
        // What undoes something comes after it.
        let order = Change::ALL.iter().filter(|change| **change != Change::ResumeToken).chain(&[Change::ResumeToken]);
        let mut done = 0;
        for change in order {
            let allowed = capacity.is_some_and(|capacity| change.allows(capacity));
            match ask(&office, &actor, capacity, *change).await {
                Ok(()) => {
                    assert!(allowed, "{capacity:?} {change:?}");
                    done += 1;
                }
                Err(AdminError::NotAllowed) => assert!(!allowed, "{capacity:?} {change:?}"),
                Err(error) => panic!("{capacity:?} {change:?}: {error}"),
            }
        }
        assert_eq!(done, Change::ALL.iter().filter(|change| capacity.is_some_and(|capacity| change.allows(capacity))).count());
        if done == 0 {
            assert_eq!(office.states().await, before, "{capacity:?}");
            assert_eq!((office.sessions_of(office.li), office.sessions_of(office.wang)), (2, 1));
            assert_eq!(events(office.directory.path()), [], "{capacity:?}");
        }
    }
}

#[tokio::test]
async fn what_is_true_at_the_console_is_true_at_a_terminal() {
    let office = Office::open().await;
    for (capacity, actor) in everybody(&office) {
        let Actor::Staff { identity, address } = actor else { continue };
        let terminal = Actor::Terminal { identity, address, uid: 7 };
        for change in Change::ALL {
            let allowed = capacity.is_some_and(|capacity| change.allows(capacity));
            assert_eq!(office.desk.scope(&terminal, *change).is_ok(), allowed, "{capacity:?} {change:?}");
        }
    }
}

#[tokio::test]
async fn nobody_acts_without_a_session_a_token_that_nobody_can_be_talked_out_of_and_a_listed_address() {
    let office = Office::open().await;
    let may_anything = |actor: &Actor| Change::ALL.iter().any(|change| office.desk.scope(actor, *change).is_ok());
    for (capacity, actor) in everybody(&office) {
        assert_eq!(may_anything(&actor), capacity.is_some(), "{capacity:?}");
        let Actor::Staff { identity, .. } = &actor else { continue };
        identity.revoke_sample();
        assert!(!may_anything(&actor), "{capacity:?}");
    }
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    // A unit's manager, by each factor: codes can be read out, and a certificate's key may be a file.
    for factor in Factor::ALL.iter().copied() {
        let manager = Identity::sample_with(factor, "li", "Press", NOW);
        office.desk.permissions.set_managers([manager.account()].into());
        let suits = [Factor::SecurityKey, Factor::PasswordAndSecurityKey, Factor::UsbKey].contains(&factor);
        assert_eq!(may_anything(&Actor::Staff { identity: manager, address: here }), suits, "{factor}");
    }
    let admin = staff(Role::SecurityAdministrator);
    for (addresses, allowed) in
        [(vec![], true), (vec!["127.0.0.0/8"], true), (vec!["10.0.0.0/8"], false), (vec!["10.0.0.1/32", "127.0.0.1/32"], true)]
    {
        office.desk.set_staff_addresses(addresses.iter().map(|network| network.parse().unwrap()).collect());
        let asked = office.desk.permit(&admin, Change::ReadAccounts);
        assert_eq!(asked.is_ok(), allowed, "{addresses:?}");
        assert!(allowed || matches!(asked, Err(AdminError::NotFromHere)));
    }
    assert!(office.desk.permit(&MACHINE, Change::Reload).is_ok());
}

#[tokio::test]
async fn whoever_is_on_the_duty_list_has_it_besides_what_she_has_and_only_while_she_is_on_it() {
    let office = Office::open().await;
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let may = |actor: &Actor, change| office.desk.permit(actor, change).is_ok();
    let duty_lines: Vec<Change> = Change::ALL.iter().copied().filter(|change| change.allows(Capacity::DutyOfficer)).collect();
    assert_eq!(duty_lines, [Change::ReadIncidents, Change::RunDrill, Change::HandleIncident, Change::LockDown, Change::OpenTerminal]);
    for role in Role::ALL {
        let actor = staff(*role);
        let before: Vec<Change> = Change::ALL.iter().copied().filter(|change| may(&actor, *change)).collect();
        office.desk.set_duty_list([AccountName::parse("staff").unwrap(), AccountName::parse("other").unwrap()].into());
        for change in Change::ALL {
            assert_eq!(may(&actor, *change), before.contains(change) || duty_lines.contains(change), "{role} {change:?}");
        }
        office.desk.set_duty_list([AccountName::parse("other").unwrap()].into());
        let after: Vec<Change> = Change::ALL.iter().copied().filter(|change| may(&actor, *change)).collect();
        assert_eq!(after, before, "{role}");
    }
    // Who manages her unit does so still, in her unit only.
    let manager = Identity::sample("manager", "Press", Role::Member, NOW);
    office.desk.permissions.set_managers([manager.account()].into());
    office.desk.set_duty_list([manager.who().name.clone()].into());
    let actor = Actor::Staff { identity: manager, address: here };
    assert!(may(&actor, Change::LockDown) && !may(&actor, Change::Invite));
    assert!(office.desk.scope(&actor, Change::Invite).is_ok());
    for factor in Factor::ALL.iter().copied() {
        let identity = Identity::sample_with(factor, "manager", "Press", NOW);
        let actor = Actor::Staff { identity, address: here };
        assert_eq!(may(&actor, Change::LockDown), factor.suits_staff(), "{factor}");
    }
}

#[tokio::test]
async fn staff_on_duty_act_from_listed_addresses_and_members_on_duty_from_wherever_they_are_called() {
    let office = Office::open().await;
    office.desk.set_duty_list([AccountName::parse("staff").unwrap()].into());
    office.desk.set_staff_addresses(vec!["10.0.0.0/8".parse().unwrap()]);
    for role in Role::ALL {
        let asked = office.desk.permit(&staff(*role), Change::LockDown);
        match role {
            Role::Member => assert!(asked.is_ok(), "{asked:?}"),
            _ => assert!(matches!(asked, Err(AdminError::NotFromHere)), "{role}: {asked:?}"),
        }
    }
}

#[tokio::test]
async fn a_unit_manager_reaches_plain_members_of_her_unit_and_nobody_else() {
    let office = Office::open().await;
    let manager = Identity::sample("manager", "Press", Role::Member, NOW);
    office.desk.permissions.set_managers([manager.account(), office.li].into());
    let actor = Actor::Staff { identity: manager, address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    let press = UnitName::parse("Press").unwrap();
    let invite = async |name: &str, unit: &str, role| {
        let new = NewAccount { name: AccountName::parse(name).unwrap(), unit: UnitName::parse(unit).unwrap(), role, email: None };
        office.desk.invite(&actor, new, NOW).await
    };
    assert!(matches!(invite("a", "Archive", Role::Member).await, Err(AdminError::NotAllowed)));
    for role in [Role::Auditor, Role::SystemAdministrator, Role::SecurityAdministrator] {
        assert!(matches!(invite("a", "Press", role).await, Err(AdminError::NotAllowed)), "{role}");
    }
    for (name, unit, role) in [("b", "Press", Role::Auditor), ("c", "Archive", Role::Member)] {
        let new = NewAccount { name: AccountName::parse(name).unwrap(), unit: UnitName::parse(unit).unwrap(), role, email: None };
        let id = office.desk.invite(&OFFICE, new, NOW).await.unwrap().account.id;
        assert!(matches!(invite(name, "Press", Role::Member).await, Err(AdminError::NameTaken)), "{name}");
        assert!(matches!(office.desk.disable(&actor, id).await, Err(AdminError::NoSuchAccount)), "{name}");
        assert!(matches!(office.desk.account(&actor, id).await, Err(AdminError::NoSuchAccount)), "{name}");
    }
    assert!(matches!(office.desk.disable(&actor, office.li).await, Err(AdminError::NoSuchAccount)), "another manager");
    office.desk.disable(&actor, office.wang).await.unwrap();
    let seen = office.desk.accounts(&actor, &AccountFilter::default()).await.unwrap();
    assert!(seen.len() == 2 && seen.iter().all(|account| account.unit == press && account.role == Role::Member), "{seen:?}");
}

#[tokio::test]
async fn a_unit_manager_makes_no_link_for_a_member_who_begins_anew() {
    let office = Office::open().await;
    let manager = Identity::sample("manager", "x", Role::Member, NOW);
    office.desk.permissions.set_managers([manager.account()].into());
    let actor = Actor::Staff { identity: manager, address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    let (rui, _) = super::town::person(&office.desk.store, "rui", Role::Member, 9).await;
    let again = super::town::new("rui", Role::Member);
    office.desk.store.reopen_account(rui, crate::crypto::TokenHash([9; 32]), NOW, NOW).await.unwrap().unwrap();
    assert!(matches!(office.desk.invite(&actor, again, NOW).await, Err(AdminError::BeginsAnew)));
    let newcomer = super::town::new("newcomer", Role::Member);
    for _ in 0..2 {
        office.desk.invite(&actor, newcomer.clone(), NOW).await.unwrap();
    }
}

/// Every function of the desk that is for somebody names its line of the table first; the others are few, and known.
#[test]
fn no_function_of_the_desk_is_without_its_line() {
    const FOR_NOBODY: &[&str] = &[
        "new",
        "issuing_from",
        "freezing",
        "publish_revocations",
        "publish_now",
        "revocations",
        "set_staff_addresses",
        "set_duty_list",
        "guard_names",
        "set_named",
        "has_security_administrator",
        "load_managers",
        "restore_lockdowns",
        "keep_lockdowns",
        "closed_now",
        "closing",
        "incidents",
        "manages_unit",
        "ask_for_terminal",
        "terminal_state",
        "at_terminal",
        "close_terminal",
        "with_letters",
        "letter_settings",
        "may_settle_alone",
        "confirmers",
        "may_look_at_confirming",
        "waiting",
        "count_waiting",
        "declare_trust",
        "trust_has_changed",
        "ask_trust_again",
        "reading",
        "packing",
        "note_log_export",
    ];
    // Each asks in another function of the desk, before it does anything.
    const BY_ANOTHER: &[(&str, &str)] = &[
        ("invite", "self.may_invite(actor"),
        ("open_terminal", "self.terminal_request(actor"),
        ("may_have_packs", "self.packs_for(actor)"),
        ("make_pack", "self.packs_for(actor)"),
    ];
    let mut named = 0;
    for entry in std::fs::read_dir("src/admin").unwrap() {
        let path = entry.unwrap().path();
        let Ok(source) = std::fs::read_to_string(&path) else { continue };
        for desk in source.split("\nimpl Desk {").skip(1) {
            let desk = desk.split("\n}\n").next().unwrap();
            for function in desk.split("\n    pub ").skip(1) {
                let Some((_, rest)) = function.split_once("fn ") else { continue };
                let (name, body) = (rest.split(['(', '<']).next().unwrap(), rest.split("\n    }\n").next().unwrap());
                // By which the others ask.
                if name == "permit" {
                    continue;
                }
                let first = BY_ANOTHER.iter().find(|(known, _)| *known == name).map(|(_, first)| *first);
                let asks = ["self.permit(actor, Change::", "self.scope(actor, Change::"].iter().any(|asks| body.contains(asks));
                let asks = asks || first.is_some_and(|first| body.contains(first));
                assert_eq!(asks, !FOR_NOBODY.contains(&name), "{name} in {}", path.display());
                assert_eq!(asks, body.contains("actor: &Actor"), "{name} in {}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 25, "{named}");
}

#[test]
fn the_documentation_shows_the_table_as_it_is() {
    let security = include_str!("../../../SECURITY.md");
    assert!(security.contains(&Change::table()), "SECURITY.md lacks this table:\n{}", Change::table());
}

#[test]
fn no_two_roles_share_a_line_but_for_allowing_terminals_and_seeing_incidents() {
    use Capacity::{Auditor, SecurityAdministrator, SystemAdministrator};
    for change in Change::ALL {
        let roles = [SystemAdministrator, SecurityAdministrator, Auditor].iter().filter(|role| change.allows(**role)).count();
        assert!(roles <= 1 || [Change::OpenTerminal, Change::ReadIncidents].contains(change), "{change:?}");
    }
}
