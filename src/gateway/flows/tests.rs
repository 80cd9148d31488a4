use std::path::Path;
use std::time::Duration;

use super::*;
use crate::access::Stance;
use crate::auth::Identity;
use crate::config;
use crate::gateway::build;
use crate::gateway::pipeline::NOTHING_HELD;
use crate::gateway::trust::Trusting;
use crate::incident::{Apps, Measures};
use crate::model::{Host, Level, PathAllowance, Role};
use crate::pki::ClientTrust;

const NOON: Time = Time::from_millis(1_795_406_400_000);
const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

const CONFIG: &str = r#"
data = "."
[portal]
host = "gate.city.test"
[[tls.certificates]]
chain = "chain.pem"
key = "chain.key"
[session]
activity = "person"
[labels.internal]
idle = "5m"
[[app]]
id = "sites"
name = "Sites"
host = "sites.city.test"
upstreams = ["http://127.0.0.1:9001"]
label = "internal"
websocket = true
origins = ["https://tools.city.test"]
[[app.rule]]
name = "members"
roles = ["member"]
"#;

fn map(generation: u64, change: impl FnOnce(&str) -> String) -> Map {
    let settings = config::parse(&change(CONFIG), "test.toml", Path::new(".")).unwrap_or_else(|problems| panic!("{problems:?}"));
    build::map(&settings, generation, &build::Shared::default()).unwrap()
}

fn as_it_is(text: &str) -> String {
    text.to_owned()
}

fn asked(crossing: Crossing, origin: &str) -> Asked {
    let made_by = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
    let path = CanonicalPath::parse("/live", PathAllowance::default()).unwrap();
    let (method, is_unsafe) = if crossing == Crossing::Unsafe { (Method::POST, true) } else { (Method::GET, false) };
    Asked { method, path, address: ADDRESS, crossing, made_by, is_unsafe, shown: Shown::NotAsked, held: NOTHING_HELD }
}

/// A flow under way since noon.
struct Scene {
    flows: Flows,
    line: Arc<Line>,
    grant: Grant,
    identity: Arc<Identity>,
}

impl Scene {
    fn new(map: &Map, asked: Asked) -> Self {
        let portal = Identity::sample("wang li", "信息中心", Role::Member, NOON);
        let identity = portal.sample_on(&Host::parse("sites.city.test").unwrap(), NOON);
        let site = map.sites.values().next().unwrap();
        let question =
            access::Asked { method: &asked.method, path: &asked.path, held: asked.held, is_tunnel: asked.crossing == Crossing::WebSocket };
        let grant = access::decide(&Visitor::Known(identity.clone()), &site.app, &question, ADDRESS, NOON, NOON).unwrap();
        let (flows, line) = (Flows::default(), Arc::new(Line::default()));
        flows.track(&grant, map, site, line.clone(), asked);
        Self { flows, line, grant, identity }
    }

    fn web_socket(map: &Map) -> Self {
        Self::new(map, asked(Crossing::WebSocket, "https://tools.city.test"))
    }

    fn after(&self, seconds: u64, map: &Map) -> Option<End> {
        let now = NOON.plus(Duration::from_secs(seconds));
        self.flows.sweep(map, (&Checks::default(), &Trusting::new(ClientTrust::nobody(), &[]).now()), now, now);
        self.line.why_cut()
    }
}

#[test]
fn a_flow_that_was_begun_under_an_older_policy_is_judged_whenever_it_is_first_seen() {
    let shut = |text: &str| text.replace("roles = [\"member\"]", "roles = [\"auditor\"]");
    let older = Scene::web_socket(&map(1, as_it_is));
    let newer = map(2, shut);
    // The sweep that followed the reload has gone by before this flow is tracked.
    Flows::default().sweep(&newer, (&Checks::default(), &Trusting::new(ClientTrust::nobody(), &[]).now()), NOON, NOON);
    assert_eq!(older.after(1, &newer), Some(End::Revoked));
    let same = map(1, as_it_is);
    assert_eq!(Scene::web_socket(&same).after(1, &same), None);
}

#[test]
fn a_web_socket_ends_when_the_app_may_have_none_or_lives_elsewhere() {
    let first = map(1, as_it_is);
    for (what, from, to) in [
        ("no web sockets", "websocket = true", "websocket = false"),
        ("its origin is not listed", "https://tools.city.test", "https://other.city.test"),
        ("another host", "\"sites.city.test\"", "\"pages.city.test\""),
        ("another upstream", "127.0.0.1:9001", "127.0.0.1:9002"),
        ("another app", "id = \"sites\"", "id = \"pages\""),
        ("another name for the upstream", "websocket = true", "websocket = true\nupstream_host = \"pages.internal\""),
    ] {
        let changed = map(2, |text| text.replace(from, to));
        assert_eq!(Scene::web_socket(&first).after(1, &changed), Some(End::Revoked), "{what}");
    }
    for (what, from, to) in [
        ("nothing", "", ""),
        ("one more upstream", "\"http://127.0.0.1:9001\"", "\"http://127.0.0.1:9001\", \"http://127.0.0.1:9002\""),
        ("another app's rate", "websocket = true", "websocket = true\nrate = { per_second = 1, burst = 1 }"),
    ] {
        let changed = map(2, |text| text.replace(from, to));
        assert_eq!(Scene::web_socket(&first).after(1, &changed), None, "{what}");
    }
}

#[test]
fn what_is_no_tunnel_ends_its_transfer_with_the_old_upstream() {
    let moved = map(2, |text| text.replace("127.0.0.1:9001", "127.0.0.1:9002").replace("websocket = true", ""));
    let download = Scene::new(&map(1, as_it_is), asked(Crossing::Safe, "https://tools.city.test"));
    assert_eq!(download.after(1, &moved), None);
}

#[test]
fn limits_of_the_policy_in_force_hold_for_flows_that_began_before() {
    let tight = map(2, |text| text.replace("idle = \"5m\"", "idle = \"2m\""));
    let flow = Scene::web_socket(&map(1, as_it_is));
    assert_eq!(flow.after(119, &tight), None);
    assert_eq!(flow.after(120, &tight), Some(End::Expired));
    let loose = map(2, |text| text.replace("idle = \"5m\"", "idle = \"10m\""));
    let flow = Scene::web_socket(&map(1, as_it_is));
    assert_eq!((flow.after(1, &loose), flow.after(599, &loose)), (None, None));
    assert_eq!(flow.after(600, &loose), Some(End::Expired));
}

#[test]
fn a_flow_ends_when_she_is_away_from_the_app_whatever_comes_on_it() {
    let map = map(1, as_it_is);
    let flow = Scene::web_socket(&map);
    for seconds in [100, 200, 299] {
        flow.grant.heard().note();
        assert_eq!(flow.after(seconds, &map), None);
    }
    flow.grant.heard().note();
    assert_eq!(flow.after(300, &map), Some(End::Expired));

    let flow = Scene::web_socket(&map);
    flow.identity.mark_active(NOON.plus(Duration::from_secs(200)));
    assert_eq!((flow.after(300, &map), flow.after(500, &map)), (None, Some(End::Expired)));
}

#[test]
fn what_she_sends_keeps_her_there_if_every_request_counts_or_this_one_did() {
    let any = map(1, |text| text.replace("\"person\"", "\"any\""));
    let person = map(1, as_it_is);
    for (map, crossing) in [(&any, Crossing::WebSocket), (&person, Crossing::Unsafe)] {
        let flow = Scene::new(map, asked(crossing, "https://tools.city.test"));
        for seconds in [200, 400, 600] {
            flow.grant.heard().note();
            assert_eq!(flow.after(seconds, map), None, "{crossing:?}");
        }
        assert_eq!(flow.after(899, map), None, "{crossing:?}");
        flow.grant.heard().note();
        assert_eq!(flow.after(900, map), Some(End::Expired), "what comes too late revives nothing: {crossing:?}");
    }
}

fn level(map: &Map, measures: Measures) {
    level_until(map, 60, measures);
}

fn level_until(map: &Map, seconds: u64, measures: Measures) {
    let until = NOON.plus(Duration::from_secs(seconds));
    let stance = Stance { level: Level::III, incident: 1, confirmed: NOON, since: NOON, until, measures: measures.into() };
    map.sites.values().next().unwrap().app.emergency.set(Some(stance));
}

#[test]
fn a_level_that_makes_an_app_read_only_cuts_tunnels_and_uploads_and_lets_downloads_run() {
    let map = map(1, as_it_is);
    let tunnel = Scene::web_socket(&map);
    let upload = Scene::new(&map, asked(Crossing::Unsafe, "https://tools.city.test"));
    let download = Scene::new(&map, asked(Crossing::Safe, "https://tools.city.test"));
    level(&map, Measures { read_only: Some(Apps::All), ..Measures::default() });
    assert_eq!((tunnel.after(1, &map), upload.after(1, &map)), (Some(End::Revoked), Some(End::Revoked)));
    assert_eq!((download.after(1, &map), download.after(61, &map)), (None, None));
}

#[test]
fn a_flow_that_was_begun_between_a_decision_and_a_level_is_judged_too() {
    let map = map(1, as_it_is);
    level(&map, Measures::default());
    let (tunnel, other) = (Scene::web_socket(&map), Scene::web_socket(&map));
    assert_eq!(tunnel.after(1, &map), None);
    level(&map, Measures { closed: Some(Apps::All), ..Measures::default() });
    assert_eq!(tunnel.after(2, &map), Some(End::Revoked));
    level(&map, Measures { overall: Some(Duration::from_secs(30)), ..Measures::default() });
    assert_eq!((other.after(29, &map), other.after(30, &map)), (None, Some(End::Expired)));
}

#[test]
fn what_a_rule_of_a_level_let_in_ends_with_it() {
    let levelled = map(1, |text| format!("{text}level = \"III\"\n"));
    level(&levelled, Measures::default());
    let tunnel = Scene::web_socket(&levelled);
    assert_eq!((tunnel.after(59, &levelled), tunnel.after(60, &levelled)), (None, Some(End::Expired)));
}

#[test]
fn a_level_that_comes_and_goes_asks_nobody_again_for_a_proof_that_was_young_enough_when_she_began() {
    let fresh = map(1, |text| format!("{text}fresh = \"1m\"\n"));
    let (download, later) = (Scene::new(&fresh, asked(Crossing::Safe, "https://tools.city.test")), Scene::web_socket(&fresh));
    level_until(&fresh, 200, Measures { freeze_enrolment: true, ..Measures::default() });
    assert_eq!((download.after(100, &fresh), download.after(250, &fresh)), (None, None));
    level_until(&fresh, 300, Measures { fresh: Some(Duration::from_secs(90)), ..Measures::default() });
    assert!(later.after(260, &fresh).is_some(), "this level asks for a younger one");
    let levelled = map(1, |text| format!("{text}fresh = \"1m\"\nbelow = \"I\"\n"));
    let tunnel = Scene::web_socket(&levelled);
    level_until(&levelled, 200, Measures::default());
    assert!(tunnel.after(100, &levelled).is_some(), "who knows which rule asks for it now");
}
