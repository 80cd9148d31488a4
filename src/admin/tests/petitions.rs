//! Changes that need two: what needs them, who may take part, and when it is over.

use futures_util::future::join_all;

use super::super::petitions::Authority;
use super::super::{Carried, Lacks, Petition, Proposing, TokenEnd};
use super::town::{Town, What, at, later, new, serial};
use super::*;
use crate::auth::PetitionStep;
use crate::model::{Event, PetitionState, TokenState};

/// What gives power, each with the action that its end is on record as.
const POWER: [(What, Action); 12] = [
    (What::Invite("new", Role::Auditor), Action::AccountInvited),
    (What::Invite("new", Role::SecurityAdministrator), Action::AccountInvited),
    (What::Enable("sun"), Action::AccountEnabled),
    (What::Issue("F1", "tan"), Action::TokenIssued),
    (What::Resume("F2"), Action::TokenResumed),
    (What::Certify("U1", "tan"), Action::CertificateIssued),
    (What::Renew("U2"), Action::CertificateRenewed),
    (What::Lacks("mia", Lacks::Token), Action::RecoveryOpened),
    (What::Lacks("tan", Lacks::Token), Action::RecoveryOpened),
    (What::Lacks("mia", Lacks::Both), Action::AccountInvited),
    (What::Lacks("tan", Lacks::Both), Action::AccountInvited),
    (What::Trust, Action::AuthorityTrusted),
];

#[tokio::test]
async fn whatever_gives_power_is_done_by_two_and_both_are_on_record() {
    for (what, action) in POWER {
        let town = Town::of(&["ada", "bea"]).await;
        let id = town.draft("ada", what).await;
        let before = town.everything().await;
        assert_eq!(town.desk.waiting(NOW), 0, "{what:?}: nobody sees a draft");
        assert!(matches!(town.desk.petition(&town.actor("bea"), id).await, Err(AdminError::NoSuchPetition)), "{what:?}");
        let Ok(Proposing::Waits(proposed)) = town.propose("ada", id, NOW).await else { panic!("{what:?}") };
        assert_eq!((proposed.state, proposed.confirmers.len()), (PetitionState::Open, 1), "{what:?}");
        assert_eq!((town.desk.waiting(NOW), town.everything().await), (1, before.clone()), "{what:?}: nothing is done yet");
        let carried = town.confirm("bea", id, NOW).await.unwrap();
        assert_ne!(town.everything().await, before, "{what:?}");
        assert_eq!((town.state(id).await, town.desk.waiting(NOW)), (PetitionState::Done, 0));
        let halved = match carried {
            Carried::Done => false,
            Carried::Invited(invitation) => invitation.halved,
            Carried::Recovery(link) => link.halved,
        };
        assert_eq!(proposed.half.is_some(), halved, "{what:?}");
        let made = town.recorded(action, Outcome::Done).await.pop().unwrap();
        assert_eq!(made.who.unwrap().name.as_str(), "bea", "{what:?}");
        assert_eq!((made.details["proposed-by"].as_str(), &made.details["petition"]), ("ada", &id.to_string()), "{what:?}");
        let proposed = town.recorded(Action::ChangeProposed, Outcome::Done).await;
        let confirmed = town.recorded(Action::ChangeConfirmed, Outcome::Done).await;
        assert_eq!((proposed.len(), confirmed.len()), (1, 1), "{what:?}");
        assert_eq!(proposed[0].who.as_ref().unwrap().name.as_str(), "ada", "{what:?}");
    }
}

#[tokio::test]
async fn while_there_is_one_alone_she_does_it_and_the_record_says_so() {
    for (what, action) in POWER {
        let town = Town::of(&["ada"]).await;
        let before = town.everything().await;
        match town.ask("ada", what).await {
            Ok(()) => {}
            Err(AdminError::Proposed(draft)) => {
                assert!(matches!(town.propose("ada", draft.id, NOW).await, Ok(Proposing::Done(_))), "{what:?}");
            }
            Err(error) => panic!("{what:?}: {error}"),
        }
        assert_ne!(town.everything().await, before, "{what:?}");
        let made = town.recorded(action, Outcome::Done).await.pop().unwrap();
        assert_eq!(made.details["alone"], "yes", "{what:?}");
    }
}

#[tokio::test]
async fn what_is_about_members_takes_one_also_where_there_are_two() {
    let certificates = [What::Certify("U1", "mia"), What::Renew("U3")];
    let others = [What::Invite("new", Role::Member), What::Issue("F1", "mia"), What::Enable("mia"), What::Resume("F3")];
    for what in others.into_iter().chain(certificates) {
        let town = Town::of(&["ada", "bea"]).await;
        if matches!(what, What::Enable(_)) {
            town.desk.disable(&OFFICE, town.id("mia").await).await.unwrap();
        }
        if matches!(what, What::Resume(_)) {
            town.desk.stop_token(&OFFICE, &serial("F3"), TokenEnd::ForNow, at(NOW)).await.unwrap();
        }
        town.ask("ada", what).await.unwrap_or_else(|error| panic!("{what:?}: {error}"));
    }
    // Her own hardware token says that it is she; her code token does not.
    let town = Town::of(&["ada", "bea"]).await;
    let by_key = town.draft("ada", What::Lacks("mia", Lacks::Password)).await;
    assert!(matches!(town.propose("ada", by_key, NOW).await, Ok(Proposing::Done(Carried::Recovery(_)))));
    let key = town.desk.store.keys(town.id("mia").await).await.unwrap().remove(0).serial;
    town.desk.stop_token(&OFFICE, &key, TokenEnd::Lost, at(NOW)).await.unwrap();
    let by_code = town.draft("ada", What::Lacks("mia", Lacks::Password)).await;
    assert!(matches!(town.propose("ada", by_code, NOW).await, Ok(Proposing::Waits(_))));
    town.desk.stop_token(&OFFICE, &serial("F3"), TokenEnd::Lost, at(NOW)).await.unwrap();
    let by_nothing = town.ask("ada", What::Lacks("mia", Lacks::Password)).await;
    assert!(matches!(by_nothing, Err(AdminError::NothingToProveBy)), "{by_nothing:?}");
}

#[tokio::test]
async fn what_takes_away_never_needs_two() {
    let town = Town::of(&["ada", "bea"]).await;
    let ada = town.actor("ada");
    let key = town.serial_of("bea").await;
    town.desk.stop_token(&ada, &key, TokenEnd::ForNow, at(NOW)).await.unwrap();
    town.desk.end_sessions_of(&ada, town.id("bea").await).await.unwrap();
    town.desk.stop_token(&ada, &key, TokenEnd::Lost, at(NOW)).await.unwrap();
    town.desk.disable(&ada, town.id("bea").await).await.unwrap();
    town.desk.disable(&ada, town.id("tan").await).await.unwrap();
}

#[tokio::test]
async fn whoever_switches_the_others_off_is_not_alone_for_three_days() {
    let town = Town::of(&["ada", "bea", "cyd"]).await;
    town.desk.store.note_wardens(NOW).await.unwrap();
    let (ada, bea) = (town.actor("ada"), town.id("bea").await);
    town.desk.disable(&ada, bea).await.unwrap();
    let key = town.serial_of("cyd").await;
    town.desk.stop_token(&ada, &key, TokenEnd::Lost, at(NOW)).await.unwrap();
    let before = town.everything().await;
    let wishes = [What::Invite("eve", Role::SecurityAdministrator), What::Enable("bea"), What::Lacks("cyd", Lacks::Both), What::Trust];
    for what in wishes {
        assert!(matches!(town.ask("ada", what).await, Err(AdminError::NobodyToConfirm)), "{what:?}");
    }
    assert_eq!(town.everything().await, before);
    let eve = new("eve", Role::SecurityAdministrator);
    let almost = later(72 * 3_600 - 1);
    assert!(matches!(town.desk.invite(&ada, eve.clone(), almost).await, Err(AdminError::NobodyToConfirm)));
    town.desk.invite(&ada, eve, later(72 * 3_600)).await.unwrap();
}

#[tokio::test]
async fn one_of_two_does_not_begin_the_other_one_anew_alone() {
    let town = Town::of(&["ada", "bea"]).await;
    assert!(matches!(town.ask("ada", What::Lacks("bea", Lacks::Both)).await, Err(AdminError::NobodyToConfirm)));
    // Behind these links she shows what she still has.
    town.draft("ada", What::Lacks("bea", Lacks::Token)).await;
}

#[tokio::test]
async fn a_way_round_by_another_name_for_it_meets_the_same_two() {
    let town = Town::of(&["ada", "bea"]).await;
    // Making somebody staff by renewing a member's invitation, or taking over the one of somebody who is to be staff.
    town.ask("ada", What::Invite("zoe", Role::Member)).await.unwrap();
    town.draft("ada", What::Invite("ZOE", Role::SecurityAdministrator)).await;
    town.desk.invite_by(&OFFICE, new("max", Role::Auditor), (&Authority::Own, None), NOW).await.unwrap();
    town.draft("ada", What::Invite("max", Role::Auditor)).await;
    town.draft("ada", What::Invite("max", Role::Member)).await;
    // An account that was somebody's is not invited again by one alone.
    let id = town.proposed("ada", What::Lacks("mia", Lacks::Both)).await;
    town.confirm("bea", id, NOW).await.unwrap();
    town.draft("bea", What::Invite("mia", Role::Member)).await;
    // Nor is a name that is taken.
    assert!(matches!(town.ask("ada", What::Invite("tan", Role::SecurityAdministrator)).await, Err(AdminError::NameTaken)));
}

#[tokio::test]
async fn neither_the_proposer_nor_the_person_whom_it_is_about_confirms() {
    let town = Town::of(&["ada", "bea", "cyd"]).await;
    let id = town.proposed("ada", What::Issue("F1", "bea")).await;
    assert!(matches!(town.confirm("ada", id, NOW).await, Err(AdminError::OwnPetition)));
    assert!(matches!(town.confirm("bea", id, NOW).await, Err(AdminError::ConcernsYou)));
    assert_eq!(town.state(id).await, PetitionState::Open);
    assert_eq!(town.recorded(Action::ChangeConfirmed, Outcome::Failed).await.len(), 2);
    town.confirm("cyd", id, NOW).await.unwrap();
    let own = town.ask("ada", What::Issue("F1", "ada")).await;
    assert!(matches!(own, Err(AdminError::ConcernsYou)), "{own:?}");
    let town = Town::of(&["ada", "bea"]).await;
    let nobody_left = town.ask("ada", What::Issue("F1", "bea")).await;
    assert!(matches!(nobody_left, Err(AdminError::NobodyToConfirm)), "{nobody_left:?}");
    // She who has lost hers cannot speak for herself: the only other one opens her way back, on record as alone.
    let id = town.draft("ada", What::Lacks("bea", Lacks::Token)).await;
    assert!(matches!(town.propose("ada", id, NOW).await, Ok(Proposing::Done(_))));
}

#[tokio::test]
async fn a_proof_pays_for_its_own_petition_step_and_session_and_nothing_else() {
    let town = Town::of(&["ada", "bea"]).await;
    let (one, other) = (town.draft("ada", What::Enable("sun")).await, town.draft("ada", What::Resume("F2")).await);
    let foreign = [
        town.proof("ada", other, PetitionStep::Propose),
        town.proof("ada", one, PetitionStep::Confirm),
        town.proof("bea", one, PetitionStep::Propose),
    ];
    for proof in foreign {
        assert!(matches!(town.desk.propose(&town.actor("ada"), one, proof, at(NOW)).await, Err(AdminError::NoFreshProof)));
    }
    assert!(matches!(town.propose("bea", one, NOW).await, Err(AdminError::NoSuchPetition)), "it is ada's");
    town.propose("ada", one, NOW).await.unwrap();
    let foreign = [
        town.proof("bea", other, PetitionStep::Confirm),
        town.proof("bea", one, PetitionStep::Propose),
        town.proof("ada", one, PetitionStep::Confirm),
    ];
    for proof in foreign {
        assert!(matches!(town.desk.confirm(&town.actor("bea"), one, proof, at(NOW)).await, Err(AdminError::NoFreshProof)));
    }
    town.confirm("bea", one, NOW).await.unwrap();
    let again = town.confirm("bea", one, NOW).await;
    assert!(matches!(again, Err(AdminError::PetitionClosed(PetitionState::Done))), "{again:?}");
}

#[tokio::test]
async fn of_many_confirmations_at_once_one_alone_carries_it_out() {
    let names = ["ada", "bea", "cyd", "dan", "eva"];
    let town = Town::of(&names).await;
    let id = town.proposed("ada", What::Issue("F1", "tan")).await;
    let others = names[1..].iter().cycle().take(20).map(|name| town.confirm(name, id, NOW));
    let confirmed = join_all(others).await;
    assert_eq!(confirmed.iter().filter(|confirmed| confirmed.is_ok()).count(), 1);
    assert_eq!(town.recorded(Action::TokenIssued, Outcome::Done).await.len(), 1);
}

#[tokio::test]
async fn it_waits_for_its_time_and_no_longer() {
    for (what, lives) in [(What::Enable("sun"), 24 * 60 * 60), (What::Trust, 24 * 60 * 60), (What::Lacks("mia", Lacks::Token), 15 * 60)] {
        for (after, is_done) in [(lives - 1, true), (lives, false)] {
            let town = Town::of(&["ada", "bea"]).await;
            let id = town.proposed("ada", what).await;
            let confirmed = town.confirm("bea", id, later(after)).await;
            assert_eq!(confirmed.is_ok(), is_done, "{what:?} after {after} s: {confirmed:?}");
            assert_eq!(town.desk.waiting(later(after)), 0);
        }
    }
    let town = Town::of(&["ada", "bea"]).await;
    let id = town.draft("ada", What::Enable("sun")).await;
    assert!(matches!(town.propose("ada", id, later(300)).await, Err(AdminError::PetitionClosed(_))), "a draft lives five minutes");
}

#[tokio::test]
async fn a_proposal_falls_with_its_proposer_or_the_token_that_she_made_it_with() {
    for falls in 0..3 {
        let town = Town::of(&["ada", "bea", "cyd"]).await;
        let id = town.proposed("ada", What::Invite("new", Role::SecurityAdministrator)).await;
        let before = town.everything().await;
        match falls {
            0 => drop(town.desk.disable(&OFFICE, town.id("ada").await).await.unwrap()),
            1 => drop(town.desk.stop_token(&OFFICE, &town.serial_of("ada").await, TokenEnd::Lost, at(NOW)).await.unwrap()),
            _ => drop(town.desk.stop_token(&OFFICE, &town.serial_of("ada").await, TokenEnd::ForNow, at(NOW)).await.unwrap()),
        }
        assert!(matches!(town.confirm("bea", id, NOW).await, Err(AdminError::ProposerGone)));
        assert_eq!(town.state(id).await, PetitionState::Failed);
        assert!(matches!(town.confirm("cyd", id, NOW).await, Err(AdminError::PetitionClosed(_))));
        assert!(!town.everything().await.contains("\"new\""), "{before}");
    }
}

#[tokio::test]
async fn whoever_has_lost_her_own_token_meanwhile_confirms_nothing() {
    let town = Town::of(&["ada", "bea", "cyd"]).await;
    let id = town.proposed("ada", What::Enable("sun")).await;
    let (bea, proof) = (town.actor("bea"), town.proof("bea", id, PetitionStep::Confirm));
    town.desk.stop_token(&OFFICE, &town.serial_of("bea").await, TokenEnd::ForNow, at(NOW)).await.unwrap();
    assert!(matches!(town.desk.confirm(&bea, id, proof, at(NOW)).await, Err(AdminError::NotAllowed)));
    town.confirm("cyd", id, NOW).await.unwrap();
}

#[tokio::test]
async fn a_withdrawn_or_rejected_change_is_over_and_only_its_proposer_withdraws_it() {
    let town = Town::of(&["ada", "bea", "cyd"]).await;
    let (ada, bea) = (town.actor("ada"), town.actor("bea"));
    let before = town.everything().await;
    let id = town.proposed("ada", What::Enable("sun")).await;
    assert!(matches!(town.desk.withdraw(&bea, id, NOW).await, Err(AdminError::PetitionClosed(_))));
    town.desk.withdraw(&ada, id, NOW).await.unwrap();
    assert!(matches!(town.confirm("bea", id, NOW).await, Err(AdminError::PetitionClosed(PetitionState::Withdrawn))));
    let id = town.proposed("ada", What::Enable("sun")).await;
    town.desk.reject(&bea, id, NOW).await.unwrap();
    assert!(matches!(town.confirm("cyd", id, NOW).await, Err(AdminError::PetitionClosed(PetitionState::Rejected))));
    assert!(matches!(town.desk.reject(&bea, id, NOW).await, Err(AdminError::PetitionClosed(_))));
    assert_eq!(town.everything().await, before);
    let by = |events: Vec<Event>| events.iter().map(|event| event.who.as_ref().unwrap().name.to_string()).collect::<Vec<_>>();
    assert_eq!(by(town.recorded(Action::ChangeWithdrawn, Outcome::Done).await).last().unwrap(), "ada");
    assert_eq!(by(town.recorded(Action::ChangeRejected, Outcome::Done).await)[0], "bea");
    let (open, closed) = town.desk.petitions(&ada, NOW).await.unwrap();
    assert_eq!((open.len(), closed.len()), (0, 2));
}

#[tokio::test]
async fn what_has_changed_since_it_was_shown_is_not_carried_out() {
    let certificates = [What::Certify("U1", "tan"), What::Renew("U2")];
    let others = [What::Invite("new", Role::Auditor), What::Enable("sun"), What::Issue("F1", "tan"), What::Lacks("tan", Lacks::Token)];
    for what in others.into_iter().chain(certificates) {
        let town = Town::of(&["ada", "bea"]).await;
        let id = town.proposed("ada", what).await;
        match what {
            What::Invite(..) => drop(town.desk.invite(&OFFICE, new("new", Role::Member), NOW).await.unwrap()),
            What::Enable(name) => town.desk.enable_by(&OFFICE, town.id(name).await, &Authority::Own).await.unwrap(),
            What::Issue(token, _) => town.desk.issue_token(&OFFICE, &serial(token), &new("mia", Role::Member).name, NOW).await.unwrap(),
            What::Certify(..) => town.ask("bea", What::Certify("U1", "mia")).await.unwrap(),
            What::Renew(token) => drop(town.desk.revoke_certificate(&OFFICE, &serial(token), at(NOW)).await.unwrap()),
            _ => town.desk.resume_token_by(&OFFICE, &serial("F2"), &Authority::Own, NOW).await.unwrap(),
        }
        // What came meanwhile is a token that opens something, or something else; what was shown is what counts.
        let before = town.everything().await;
        let confirmed = town.confirm("bea", id, NOW).await;
        if matches!(what, What::Lacks(..)) {
            assert!(confirmed.is_ok(), "the same tokens end: {confirmed:?}");
            continue;
        }
        assert!(matches!(confirmed, Err(AdminError::ChangedMeanwhile)), "{what:?}: {confirmed:?}");
        assert_eq!((town.state(id).await, town.everything().await), (PetitionState::Failed, before), "{what:?}");
        let why = town.recorded(Action::ChangeConfirmed, Outcome::Failed).await.pop().unwrap();
        assert!(why.details["why"].contains("has changed"), "{why:?}");
    }
}

#[tokio::test]
async fn a_new_token_ends_the_old_ones_and_their_sessions_when_it_is_confirmed() {
    let town = Town::of(&["ada", "bea", "cyd"]).await;
    let gone = town.identity("cyd");
    let id = town.proposed("ada", What::Lacks("cyd", Lacks::Token)).await;
    assert!(!gone.is_revoked());
    town.confirm("bea", id, NOW).await.unwrap();
    assert!(gone.is_revoked());
    let tokens = town.desk.store.tokens_of(gone.account()).await.unwrap();
    assert!(tokens.iter().all(|token| token.state == TokenState::Lost));
    assert_eq!(town.recorded(Action::TokenLost, Outcome::Done).await.len(), 1);
}

#[tokio::test]
async fn an_authority_counts_at_once_while_nobody_could_be_asked_and_waits_for_two_later() {
    let (old, new) = (("city CA".to_owned(), [1; 32]), ("new CA".to_owned(), [2; 32]));
    let town = Town::of(&[]).await;
    assert_eq!(town.desk.declare_trust(vec![old.clone()], NOW).await.unwrap(), Vec::<[u8; 32]>::new());
    assert_eq!(town.recorded(Action::AuthorityTrusted, Outcome::Done).await.len(), 1);
    let town = Town::of(&["ada", "bea"]).await;
    town.desk.store.confirm_trust(&old.1, &old.0, NOW).await.unwrap();
    assert_eq!(town.desk.declare_trust(vec![old.clone(), new.clone()], NOW).await.unwrap(), vec![[2; 32]]);
    let waits = town.desk.untrusted(&town.actor("ada")).await.unwrap();
    assert_eq!(waits.iter().map(|waits| waits.what.as_str()).collect::<Vec<_>>(), ["new CA"]);
    let asked = town.desk.ask_for_trust(&town.actor("ada"), &waits[0].digest, NOW).await.unwrap();
    town.propose("ada", asked.id, NOW).await.unwrap();
    town.confirm("bea", asked.id, NOW).await.unwrap();
    assert!(town.desk.trust_has_changed() && !town.desk.trust_has_changed());
    assert_eq!(town.desk.declare_trust(vec![old, new], NOW).await.unwrap(), Vec::<[u8; 32]>::new());
    let unknown = town.desk.ask_for_trust(&town.actor("ada"), &"03".repeat(32), NOW).await;
    assert!(matches!(unknown, Err(AdminError::NoSuchAuthority)));
}

#[tokio::test]
async fn the_list_shows_what_waits_in_full() {
    let town = Town::of(&["ada", "bea"]).await;
    let id = town.proposed("ada", What::Invite("new", Role::Auditor)).await;
    let (open, closed) = town.desk.petitions(&town.actor("bea"), NOW).await.unwrap();
    let [Petition { proposal, stored }] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!((stored.id, stored.proposer_name.as_str(), closed.len()), (id, "ada", 0));
    let shown = serde_json::to_value(proposal).unwrap();
    assert_eq!((shown["change"].as_str(), shown["role"].as_str(), shown["name"].as_str()), (Some("invite"), Some("auditor"), Some("new")));
}
