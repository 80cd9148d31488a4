//! From the portal to an app's host.

use super::super::fixture::{Device, World, host};
use super::super::*;
use crate::crypto::Token;
use crate::model::{AccountState, Factor, Host, Proof};

struct Scene {
    world: World,
    portal: SignedIn,
    sites: Host,
    nonce: Token,
    path: ReturnPath,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let mut device = Device::new();
        world.enrol("wang li", &mut device).await;
        let portal = world.sign_in("wang li", &mut device).await;
        let path = ReturnPath::parse("/admin/?page=2").unwrap();
        Self { world, portal, sites: host("sites.localhost"), nonce: Token::random().unwrap(), path }
    }

    async fn issue(&self) -> Token {
        let handover = &self.world.auth.handover;
        handover.issue(&self.portal.identity, &self.sites, self.nonce.hash(), &self.path, self.world.now()).await.unwrap()
    }

    async fn spend(&self, code: &Token, nonce: Option<&Token>, already: Option<&Identity>) -> Result<Entry, NoEntry> {
        self.world.auth.handover.spend(code, &self.sites, nonce, already, self.world.now()).await
    }

    async fn enter(&self) -> (Token, std::sync::Arc<Identity>) {
        let code = self.issue().await;
        match self.spend(&code, Some(&self.nonce), None).await.unwrap() {
            Entry::New { token, identity, .. } => (token, identity),
            Entry::Already { .. } => panic!("she was not in before"),
        }
    }
}

#[tokio::test]
async fn a_code_makes_a_token_of_the_apps_own_and_leads_to_the_return_path() {
    let scene = Scene::new().await;
    let code = scene.issue().await;
    let entry = scene.spend(&code, Some(&scene.nonce), None).await.unwrap();
    let Entry::New { token, identity, return_path } = entry else { panic!() };
    assert_eq!(return_path, scene.path);
    let now = scene.world.now();
    let found = scene.world.auth.sessions.lookup(&token, &scene.sites, now).unwrap();
    assert_eq!((found.session_id(), found.host()), (scene.portal.identity.session_id(), &scene.sites));
    assert_eq!(identity.account(), scene.portal.identity.account());
    assert_ne!(token, scene.portal.token);
    for (token, host_) in [(&token, host("gate.localhost")), (&token, host("ug.localhost")), (&scene.portal.token, scene.sites.clone())] {
        assert!(scene.world.auth.sessions.lookup(token, &host_, now).is_none(), "{host_}");
    }
}

#[tokio::test]
async fn a_code_is_spent_once_within_thirty_seconds() {
    let scene = Scene::new().await;
    let code = scene.issue().await;
    scene.world.pass(29);
    assert!(scene.spend(&code, Some(&scene.nonce), None).await.is_ok());
    assert!(matches!(scene.spend(&code, Some(&scene.nonce), None).await, Err(NoEntry::NoSuchCode)));
    let late = scene.issue().await;
    scene.world.pass(30);
    assert!(matches!(scene.spend(&late, Some(&scene.nonce), None).await, Err(NoEntry::NoSuchCode)));
    let made_up = Token::random().unwrap();
    assert!(matches!(scene.spend(&made_up, Some(&scene.nonce), None).await, Err(NoEntry::NoSuchCode)));
}

#[tokio::test]
async fn a_code_is_worth_nothing_on_another_host_or_in_another_browser() {
    let scene = Scene::new().await;
    let handover = &scene.world.auth.handover;
    let code = scene.issue().await;
    let elsewhere = handover.spend(&code, &host("ug.localhost"), Some(&scene.nonce), None, scene.world.now()).await;
    assert!(matches!(elsewhere, Err(NoEntry::WrongHost)));
    assert!(matches!(scene.spend(&code, Some(&scene.nonce), None).await, Err(NoEntry::NoSuchCode)), "showing it spent it");

    let code = scene.issue().await;
    assert!(matches!(scene.spend(&code, None, None).await, Err(NoEntry::NonceMissing)));
    let code = scene.issue().await;
    let another = Token::random().unwrap();
    assert!(matches!(scene.spend(&code, Some(&another), None).await, Err(NoEntry::NonceWrong)));
    assert!(scene.world.auth.sessions.list_all()[0].hosts.is_empty());
}

#[tokio::test]
async fn the_second_of_two_tabs_is_let_on_with_the_session_that_the_first_one_brought() {
    let scene = Scene::new().await;
    let second_tab = scene.issue().await;
    let (_, identity) = scene.enter().await;
    let entry = scene.spend(&second_tab, None, Some(&identity)).await.unwrap();
    assert!(matches!(entry, Entry::Already { return_path } if return_path == scene.path));
}

#[tokio::test]
async fn without_the_nonce_another_session_on_the_host_lets_nobody_in() {
    let scene = Scene::new().await;
    let mut device = Device::new();
    scene.world.enrol("li na", &mut device).await;
    let attacker = scene.world.sign_in("li na", &mut device).await;
    let (_, victim) = scene.enter().await;
    let handover = &scene.world.auth.handover;
    let nonce = Token::random().unwrap();
    let code = handover.issue(&attacker.identity, &scene.sites, nonce.hash(), &scene.path, scene.world.now()).await.unwrap();
    assert!(matches!(scene.spend(&code, None, Some(&victim)).await, Err(NoEntry::NonceMissing)));
    let code = handover.issue(&attacker.identity, &scene.sites, nonce.hash(), &scene.path, scene.world.now()).await.unwrap();
    assert!(matches!(scene.spend(&code, Some(&scene.nonce), Some(&victim)).await, Err(NoEntry::NonceWrong)));
    let portal = &scene.portal.identity;
    let code = scene.issue().await;
    assert!(matches!(scene.spend(&code, None, Some(portal)).await, Err(NoEntry::NonceMissing)), "a portal token is no app token");
}

#[tokio::test]
async fn a_code_dies_with_the_portals_session() {
    let scene = Scene::new().await;
    let code = scene.issue().await;
    scene.world.auth.sessions.end(scene.portal.identity.session_id()).await.unwrap();
    assert!(matches!(scene.spend(&code, Some(&scene.nonce), None).await, Err(NoEntry::NoSuchCode)));
    let handover = &scene.world.auth.handover;
    let refused = handover.issue(&scene.portal.identity, &scene.sites, scene.nonce.hash(), &scene.path, scene.world.now()).await;
    assert!(matches!(refused, Err(IssueError::SessionOver)));
}

/// She proves more at the portal.
async fn step_up(scene: &Scene) -> std::sync::Arc<Identity> {
    let proof = Proof { token: scene.portal.key, factor: Factor::SecurityKey, at: scene.world.now() };
    let sessions = &scene.world.auth.sessions;
    sessions.step_up(scene.portal.identity.session_id(), proof, scene.world.now()).await.unwrap().unwrap().1
}

#[tokio::test]
async fn a_code_from_before_a_step_up_brings_nobody_what_was_proved_since() {
    let scene = Scene::new().await;
    let handover = &scene.world.auth.handover;
    let before = scene.issue().await;
    scene.world.pass(1);
    let stronger = step_up(&scene).await;
    assert!(matches!(scene.spend(&before, Some(&scene.nonce), None).await, Err(NoEntry::NoSuchCode)));
    let entered = scene.world.auth.sessions.enter(scene.portal.identity.token_hash(), &scene.sites, scene.world.now()).await;
    assert!(entered.unwrap().is_none(), "one that was being spent meanwhile brings nothing either");
    let outdated = handover.issue(&scene.portal.identity, &scene.sites, scene.nonce.hash(), &scene.path, scene.world.now()).await;
    assert!(matches!(outdated, Err(IssueError::SessionOver)), "her portal's old token asks for nothing more");

    let code = handover.issue(&stronger, &scene.sites, scene.nonce.hash(), &scene.path, scene.world.now()).await.unwrap();
    let Ok(Entry::New { identity, .. }) = scene.spend(&code, Some(&scene.nonce), None).await else { panic!("she gets there herself") };
    assert_eq!(identity.proofs(), stronger.proofs());
}

#[tokio::test]
async fn an_idle_session_gives_out_no_code_and_a_disabled_account_does_not_get_in() {
    let scene = Scene::new().await;
    let code = scene.issue().await;
    let account = scene.portal.identity.account();
    scene.world.store.set_state(account, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    // The store ended the session with it, and the code with the session.
    assert!(matches!(scene.spend(&code, Some(&scene.nonce), None).await, Err(NoEntry::NoSuchCode)));
    assert_eq!(scene.world.store.live_sessions().await.unwrap(), []);

    let scene = Scene::new().await;
    scene.world.pass(900);
    let handover = &scene.world.auth.handover;
    let refused = handover.issue(&scene.portal.identity, &scene.sites, scene.nonce.hash(), &scene.path, scene.world.now()).await;
    assert!(matches!(refused, Err(IssueError::SessionOver)));
}

#[tokio::test]
async fn a_token_of_an_app_cannot_be_used_to_enter_another_app() {
    let scene = Scene::new().await;
    let (_, app) = scene.enter().await;
    let handover = &scene.world.auth.handover;
    let refused = handover.issue(&app, &host("ug.localhost"), scene.nonce.hash(), &scene.path, scene.world.now()).await;
    assert!(matches!(refused, Err(IssueError::NotThePortal)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_spend_a_code_at_once_one_gets_in() {
    let scene = std::sync::Arc::new(Scene::new().await);
    let code = scene.issue().await;
    let attempts = (0..50).map(|_| {
        let (scene, code) = (scene.clone(), code.clone());
        tokio::spawn(async move { scene.spend(&code, Some(&scene.nonce), None).await.is_ok() })
    });
    let won = futures_util::future::join_all(attempts).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
}
