//! The drawer: deliveries, issuing, and what ends with a token.

use super::super::{Lacks, TokenEnd, When};
use super::town::at;
use super::*;
use crate::auth::{PetitionProof, PetitionStep};
use crate::crypto::{SealingKey, TokenHash};
use crate::incident::{Scenario, Step};
use crate::model::{
    Account, AccountId, AppId, Event, Factor, LockdownScope, LogQuery, PetitionId, Reference, Serial, SessionId, TokenId, TokenKind,
    TokenState, Who,
};
use crate::pki::IssuingFiles;
use crate::store::{Completion, NewKey, Session, Spending, TokenFilter};

const TWO: &str = "F1,3132333435363738393031323334353637383930\nF2,3132333435363738393031323334353637383930,TOTP\n";

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

/// A desk with F1 in the drawer; F2 and F3 are active in the hands of `li` and `wang`, and each has opened
/// a session; `li` has another by her security key.
pub(super) struct Office {
    pub(super) directory: tempfile::TempDir,
    pub(super) desk: Desk,
    pub(super) li: AccountId,
    pub(super) wang: AccountId,
    by_token: SessionId,
}

impl Office {
    pub(super) async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_in_memory().await.unwrap();
        let codes = Codes::new(store.clone(), SealingKey::new(&[7; 32]).unwrap());
        let three = format!("{TWO}F3,3132333435363738393031323334353637383930\n");
        let seeds = codes.seal(crate::oath::read(three.as_bytes(), None).unwrap()).unwrap();
        assert_eq!(store.stock_seeds(&seeds, NOW).await.unwrap(), []);
        let ((li, key), (wang, _)) = (person(&store, "li", 1).await, person(&store, "wang", 2).await);
        for (holder, name) in [(li, "F2"), (wang, "F3")] {
            store.issue_token(&serial(name), holder, NOW).await.unwrap();
            let token = store.token(&serial(name)).await.unwrap().unwrap().id;
            assert!(store.activate_oath(&Spending { token, was: 0, next: 1, drift: 0 }, NOW).await.unwrap());
        }
        let mut by_token = SessionId::fresh();
        for (account, name, host_token) in [(li, "F2", 3), (wang, "F3", 4)] {
            let token = store.token(&serial(name)).await.unwrap().unwrap().id;
            by_token = session(&store, account, token, host_token).await;
        }
        session(&store, li, key, 5).await;
        let (journal, _) = Journal::open(Settings::new(directory.path().to_owned()), Clock::manual(NOW)).unwrap();
        let portal = Host::parse("gate.city.test").unwrap();
        let sessions = Sessions::load(store.clone(), portal, SessionLimits::default(), NOW).await.unwrap();
        let desk = Desk::new(store, Arc::new(sessions), journal, codes, "https://gate.city.test".to_owned());
        let desk = desk.issuing_from(IssuingFiles::new(directory.path()));
        Self { directory, desk, li, wang, by_token }
    }

    pub(super) async fn states(&self) -> Vec<(String, TokenState)> {
        let of_codes = TokenFilter { kind: Some(TokenKind::Oath), ..TokenFilter::default() };
        let tokens = self.desk.tokens(&OFFICE, &of_codes).await.unwrap();
        tokens.into_iter().map(|token| (token.serial.to_string(), token.state)).collect()
    }

    pub(super) fn sessions_of(&self, account: AccountId) -> usize {
        self.desk.sessions(&OFFICE).unwrap().iter().filter(|session| session.who.account == account).count()
    }

    /// What is on record of an action: when, and what.
    async fn recorded(&self, action: Action) -> Vec<(String, Event)> {
        // What was noted without waiting is there once this is.
        self.desk.journal.event(Event::done(Action::Start)).await.unwrap();
        let entries = Tail::new(self.directory.path(), Filter::default()).next_batch().unwrap();
        let of_action = entries.into_iter().filter_map(|entry| match entry.record {
            Record::Event(event) if event.action == action => Some((entry.time, event)),
            _ => None,
        });
        of_action.collect()
    }

    /// Asks for one thing of each kind.
    pub(super) async fn ask(&self, actor: &Actor, change: Change) -> Result<(), AdminError> {
        let desk = &self.desk;
        match change {
            Change::ReadAccounts => {
                desk.accounts(actor, &AccountFilter::default()).await?;
                desk.account(actor, self.li).await.map(drop)
            }
            Change::ReadSessions => desk.sessions(actor).map(drop),
            Change::Invite => desk.invite(actor, NewAccount { name: AccountName::parse("new").unwrap(), ..wang() }, NOW).await.map(drop),
            Change::DisableAccount => desk.disable(actor, self.wang).await.map(drop),
            Change::EnableAccount => desk.enable(actor, self.wang, NOW).await,
            Change::AppointManager => desk.appoint_manager(actor, self.li, true).await,
            Change::EndSession => {
                desk.end_sessions_of(actor, self.li).await?;
                desk.end_session(actor, self.by_token).await.map(drop)
            }
            Change::ReadTokens => {
                desk.tokens(actor, &TokenFilter::default()).await?;
                desk.token(actor, &serial("F1")).await?;
                desk.tokens_of(actor, self.li).await.map(drop)
            }
            Change::ImportTokens => desk.import_seeds(actor, TWO.replace('F', "G").as_bytes(), None, false, NOW).await.map(drop),
            Change::IssueToken => desk.issue_token(actor, &serial("F1"), &AccountName::parse("wang").unwrap(), NOW).await,
            Change::ResynchroniseToken => match desk.resynchronise_token(actor, &serial("F3"), ("000000", "000000"), NOW).await {
                Err(AdminError::WrongCodes(_) | AdminError::WrongTokenState { .. }) => Ok(()),
                other => other,
            },
            Change::StopToken => desk.stop_token(actor, &serial("F2"), TokenEnd::ForNow, at(NOW)).await.map(drop),
            Change::ImportPeople => {
                desk.look_through_people(actor, b"name,unit\nmany,x\n").await?;
                desk.import_people(actor, b"name,unit\nmany,x\n", 0, NOW).await.map(drop)
            }
            Change::MakeLetters => {
                desk.letters_due(actor, NOW).await?;
                desk.make_letters(actor, &[], NOW).await.map(drop)
            }
            Change::ResumeToken => desk.resume_token(actor, &serial("F2"), NOW).await,
            Change::ReadChanges => desk.petitions(actor, NOW).await.map(drop),
            Change::RestoreAccess => match desk.ask_for_recovery(actor, AccountId::fresh(), Lacks::Token, NOW).await {
                Err(AdminError::NoSuchAccount) => Ok(()),
                other => other.map(drop),
            },
            Change::TrustAuthority => match desk.ask_for_trust(actor, &"07".repeat(32), NOW).await {
                Err(AdminError::NoSuchAuthority) => Ok(()),
                other => other.map(drop),
            },
            Change::ProposeChange => match desk.withdraw(actor, PetitionId::fresh(), NOW).await {
                Err(AdminError::NoSuchPetition) => Ok(()),
                other => other,
            },
            Change::RejectChange => match desk.reject(actor, PetitionId::fresh(), NOW).await {
                Err(AdminError::NoSuchPetition) => Ok(()),
                other => other,
            },
            Change::ConfirmChange => {
                let identity = actor.person().ok_or(AdminError::NotAllowed)?;
                let id = PetitionId::fresh();
                let proof = PetitionProof::sample(identity, id, PetitionStep::Confirm, TokenId::fresh());
                match desk.confirm(actor, id, proof, When { now: NOW, wall: NOW }).await {
                    Err(AdminError::NoSuchPetition) => Ok(()),
                    other => other.map(drop),
                }
            }
            Change::OpenTerminal => {
                let asked = desk.ask_for_terminal(7, "root".into(), "here".into(), NOW).unwrap();
                let identity = actor.person().ok_or(AdminError::NotAllowed)?;
                let proven = crate::auth::Proven::sample(identity, TokenId::fresh()).unwrap();
                desk.open_terminal(actor, &asked.request.code, &proven, NOW).await.map(drop)
            }
            Change::Bootstrap => {
                let new = NewAccount { name: AccountName::parse("newer").unwrap(), ..wang() };
                desk.permit(actor, change)?;
                desk.invite(actor, new, NOW).await.map(drop)
            }
            // This desk has no log; who may not read one is told that first.
            Change::ReadLog => match desk.search_log(actor, &Reference::new([7; 10]), &LogQuery::default()).await {
                Err(AdminError::NoLog) => Ok(()),
                other => other.map(drop),
            },
            Change::ExportLog => match desk.begin_log_export(actor, &Reference::new([7; 10]), &LogQuery::default()).await {
                Err(AdminError::NoLog) => Ok(()),
                other => other.map(drop),
            },
            Change::LockDown => {
                let (all, minute) = (LockdownScope::All, std::time::Duration::from_secs(60));
                desk.lock_down(actor, &all, (minute, ""), NOW).await?;
                desk.lockdowns(actor, NOW)?;
                match desk.extend_lockdown(actor, &all, NOW).await {
                    Err(AdminError::NamelessExtension(_)) if actor.person().is_none() => {}
                    other => drop(other?),
                }
                desk.lift_lockdown(actor, &all, NOW).await.map(drop)
            }
            Change::Recover => match desk.recover(actor, &AccountName::parse("li").unwrap(), at(NOW)).await {
                Err(AdminError::NotToBeRecovered) => Ok(()),
                other => other.map(drop),
            },
            // The gateway asks for these itself before it does them.
            Change::ReadIncidents => desk.read_incidents(actor).map(drop),
            Change::HandleIncident => match desk.take_step(actor, 1, &Step::Acknowledged).await {
                Err(AdminError::NoSuchIncident(1)) => Ok(()),
                other => other,
            },
            Change::RunDrill => match desk.begin_drill(actor, Scenario::DefacedPage, &AppId::parse("sites").unwrap(), NOW).await {
                Err(AdminError::NoPlan) => Ok(()),
                other => other.map(drop),
            },
            Change::ReadStatus | Change::Reload | Change::RotateLogKey | Change::TestNotices => desk.permit(actor, change),
            Change::CreateAuthority => desk.create_authority(actor, "CA", NOW).await,
            Change::IssueCertificate => {
                let (name, when) = (AccountName::parse("wang").unwrap(), When { now: NOW, wall: NOW });
                desk.certificates(actor).await?;
                desk.issue_certificate(actor, &serial("U1"), &name, &certificates::request(), 30, when).await.map(drop)?;
                desk.renew_certificate(actor, &serial("U1"), None, 30, when).await?;
                desk.certificate(actor, &serial("U1")).await.map(drop)
            }
            Change::RevokeCertificate => desk.revoke_certificate(actor, &serial("U1"), When { now: NOW, wall: NOW }).await.map(drop),
        }
    }
}

/// Somebody who has enrolled with a security key.
async fn person(store: &Store, name: &str, invitation: u8) -> (AccountId, TokenId) {
    let account = Account {
        id: AccountId::fresh(),
        name: AccountName::parse(name).unwrap(),
        unit: UnitName::parse("Press").unwrap(),
        role: Role::Member,
        email: None,
        state: AccountState::Invited,
        created: NOW,
    };
    let browser = TokenHash([invitation ^ 0xff; 32]);
    store.invite(&account, TokenHash([invitation; 32]), NOW.plus(std::time::Duration::from_secs(900))).await.unwrap();
    store.begin_enrolment(TokenHash([invitation; 32]), browser, NOW).await.unwrap().unwrap();
    assert!(store.save_enrolment_password(browser, "$argon2id$test", NOW).await.unwrap());
    let key = NewKey {
        id: TokenId::fresh(),
        credential: vec![invitation],
        passkey: "{}".into(),
        counter: 0,
        label: "blue".into(),
        attestation: Default::default(),
    };
    store.add_enrolment_key(browser, &key, NOW).await.unwrap();
    assert!(matches!(store.complete_enrolment(browser, NOW).await.unwrap(), Completion::Done(_)));
    (account.id, key.id)
}

async fn session(store: &Store, account: AccountId, key: TokenId, token: u8) -> SessionId {
    let session = Session {
        id: SessionId::fresh(),
        account,
        key,
        factor: Factor::PasswordAndOath,
        mark: "m".repeat(16),
        signed_in: NOW,
        last_active: NOW,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: "test".to_owned(),
    };
    assert!(store.create_session(&session, &Host::parse("gate.city.test").unwrap(), TokenHash([token; 32])).await.unwrap());
    session.id
}

#[tokio::test]
async fn a_rehearsal_counts_and_changes_nothing_and_an_import_is_whole_and_on_record() {
    let office = Office::open().await;
    let (admin, before) = (staff(Role::SecurityAdministrator), office.states().await);
    let file = TWO.replace('F', "G");
    assert_eq!(office.desk.import_seeds(&admin, file.as_bytes(), None, true, NOW).await.unwrap(), 2);
    assert_eq!((office.states().await, office.recorded(Action::TokensImported).await.len()), (before.clone(), 0));
    assert_eq!(office.desk.import_seeds(&admin, file.as_bytes(), None, false, NOW).await.unwrap(), 2);
    let mut after = before;
    after.extend([("G1".to_owned(), TokenState::InStock), ("G2".to_owned(), TokenState::InStock)]);
    assert_eq!(office.states().await, after);
    let recorded = office.recorded(Action::TokensImported).await;
    let [(time, event)] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert_eq!((time, event.outcome, event.details["count"].as_str()), (&NOW.to_string(), Outcome::Done, "2"));
    assert_eq!((event.details["first"].as_str(), event.details["last"].as_str()), ("G1", "G2"));
    assert!(!format!("{event:?}").contains("3132"), "no seed is on record");
}

#[tokio::test]
async fn a_delivery_with_a_problem_is_refused_whole_with_every_problem_and_so_is_one_that_is_known() {
    let office = Office::open().await;
    let before = office.states().await;
    let file = "G1,3132333435363738393031323334353637383930\nG2,zz\nG3,3132\n";
    for rehearse in [true, false] {
        match office.desk.import_seeds(&OFFICE, file.as_bytes(), None, rehearse, NOW).await {
            Err(AdminError::BadDelivery(problems)) => assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3]),
            other => panic!("{other:?}"),
        }
        match office.desk.import_seeds(&OFFICE, TWO.replace("F1", "G1").as_bytes(), None, rehearse, NOW).await {
            Err(AdminError::KnownSerials(known)) => assert_eq!(known, [serial("F2")]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(office.states().await, before);
    assert_eq!(events(office.directory.path()), []);
}

#[tokio::test]
async fn a_token_is_issued_from_the_drawer_to_somebody_who_can_hold_it() {
    let office = Office::open().await;
    let issue = async |name: &str, to: &str| office.desk.issue_token(&OFFICE, &serial(name), &AccountName::parse(to).unwrap(), NOW).await;
    assert!(matches!(issue("F1", "nobody").await, Err(AdminError::NoSuchAccount)));
    assert!(matches!(issue("F9", "li").await, Err(AdminError::NoSuchToken(_))));
    issue("F1", "li").await.unwrap();
    assert!(matches!(issue("F1", "wang").await, Err(AdminError::WrongTokenState { state: TokenState::Issued, .. })));
    assert!(matches!(issue("F2", "wang").await, Err(AdminError::WrongTokenState { state: TokenState::Active, .. })));
    let outcomes: Vec<Outcome> = office.recorded(Action::TokenIssued).await.into_iter().map(|(_, event)| event.outcome).collect();
    use Outcome::{Done, Failed};
    assert_eq!(outcomes, [Done, Done, Failed, Done, Failed]);
    let held = office.desk.tokens_of(&OFFICE, office.li).await.unwrap();
    let kinds: Vec<TokenKind> = held.iter().map(|token| token.kind).collect();
    assert_eq!(kinds, [TokenKind::Oath, TokenKind::Oath, TokenKind::WebAuthn]);
    assert!(held.iter().any(|token| token.serial == serial("F1") && token.state == TokenState::Issued));
}

#[tokio::test]
async fn only_a_token_of_the_drawer_is_given_a_date() {
    let (office, day) = (Office::open().await, NOW.plus(std::time::Duration::from_secs(86_400)));
    let limit = async |name: &str| office.desk.limit_token(&OFFICE, &serial(name), day).await;
    assert!(matches!(limit("F3").await, Err(AdminError::WrongTokenState { state: TokenState::Active, .. })));
    limit("F1").await.unwrap();
    let expires = async |name: &str| office.desk.store.token(&serial(name)).await.unwrap().unwrap().expires;
    assert_eq!((expires("F1").await, expires("F3").await), (Some(day), None));
}

#[tokio::test]
async fn whatever_stops_a_token_ends_what_it_opened_at_once_and_says_who_did_it_when_and_to_what() {
    for (end, action, state) in [
        (TokenEnd::ForNow, Action::TokenSuspended, TokenState::Suspended),
        (TokenEnd::Lost, Action::TokenLost, TokenState::Lost),
        (TokenEnd::ForEver, Action::TokenRevoked, TokenState::Revoked),
    ] {
        let office = Office::open().await;
        let admin = staff(Role::SecurityAdministrator);
        let Actor::Staff { identity, .. } = &admin else { return };
        let later = NOW.plus(std::time::Duration::from_secs(1));
        assert_eq!(office.desk.stop_token(&admin, &serial("f2"), end, at(later)).await.unwrap(), 1);
        assert_eq!((office.sessions_of(office.li), office.sessions_of(office.wang)), (1, 1), "{end:?}");
        assert_eq!(office.desk.token(&OFFICE, &serial("F2")).await.unwrap().state, state);
        let recorded = office.recorded(action).await;
        let [(time, event)] = recorded.as_slice() else { panic!("{recorded:?}") };
        let who: &Arc<Who> = event.who.as_ref().unwrap();
        assert_eq!((who.account, event.address), (identity.account(), Some(IpAddr::V4(Ipv4Addr::LOCALHOST))));
        assert_eq!((time, event.outcome), (&NOW.to_string(), Outcome::Done));
        assert_eq!((event.details["serial"].as_str(), event.details["name"].as_str()), ("F2", "li"));
        assert_eq!(event.details["account"], office.li.to_string());
    }
}

#[tokio::test]
async fn a_stop_that_changed_nothing_says_so_on_record() {
    let office = Office::open().await;
    office.desk.stop_token(&OFFICE, &serial("F2"), TokenEnd::Lost, at(NOW)).await.unwrap();
    let again = office.desk.stop_token(&OFFICE, &serial("F2"), TokenEnd::ForNow, at(NOW)).await;
    assert!(matches!(again, Err(AdminError::WrongTokenState { state: TokenState::Lost, .. })), "{again:?}");
    assert!(matches!(office.desk.stop_token(&OFFICE, &serial("F9"), TokenEnd::Lost, at(NOW)).await, Err(AdminError::NoSuchToken(_))));
    assert!(matches!(office.desk.resume_token(&OFFICE, &serial("F2"), NOW).await, Err(AdminError::WrongTokenState { .. })));
    // What is noted is written in its order, before what is waited for.
    office.desk.end_session(&OFFICE, SessionId::fresh()).await.unwrap();
    let outcomes: Vec<Outcome> = office.recorded(Action::TokenSuspended).await.into_iter().map(|(_, event)| event.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Failed]);
}

#[tokio::test]
async fn without_a_log_a_token_is_still_stopped_but_none_is_issued_resumed_or_imported() {
    let office = Office::open().await;
    office.desk.stop_token(&OFFICE, &serial("F3"), TokenEnd::ForNow, at(NOW)).await.unwrap();
    office.desk.journal.shut_down().await;
    assert!(matches!(office.ask(&OFFICE, Change::IssueToken).await, Err(AdminError::NoRecord(_))));
    assert!(matches!(office.ask(&OFFICE, Change::ImportTokens).await, Err(AdminError::NoRecord(_))));
    assert!(matches!(office.desk.resume_token(&OFFICE, &serial("F3"), NOW).await, Err(AdminError::NoRecord(_))));
    let stopped = office.desk.stop_token(&OFFICE, &serial("F2"), TokenEnd::Lost, at(NOW)).await;
    assert!(matches!(stopped, Err(AdminError::Unrecorded)), "{stopped:?}");
    assert_eq!(office.sessions_of(office.li), 1);
    let states: Vec<TokenState> = office.states().await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [TokenState::InStock, TokenState::Lost, TokenState::Suspended]);
}
