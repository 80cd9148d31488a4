//! What an emergency level adds to a decision: the same request is decided without a level, with one in force, and with one that ran out, in
//! turns, in a gateway that runs with the example plan.
//!
//! `cargo bench --bench decision -- [DECISIONS]` (default 200000 in each turn, nine turns); CPU of the deciding thread by the kernel's accounting.

#![allow(dead_code, reason = "the tests' house can do more than sign in")]

#[path = "../tests/it/browser.rs"]
mod browser;
#[path = "measure/cpu.rs"]
mod cpu;
#[path = "../tests/it/forms.rs"]
mod forms;
#[path = "../tests/it/house.rs"]
mod house;
#[path = "../tests/it/office.rs"]
mod office;
#[path = "../tests/it/upstream.rs"]
mod upstream;

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rustix::time::ClockId;
use yumen::access::{App, Asked, Emergency, Stance, decide};
use yumen::auth::Visitor;
use yumen::clock::Time;
use yumen::config;
use yumen::crypto::Token;
use yumen::model::{AppId, CanonicalPath, CertificateTrouble, Host, Level, PathAllowance};

const PLAN: &str = include_str!("../config/plan.toml");
const TURNS: usize = 9;
const DAY: Duration = Duration::from_hours(24);

struct Decider {
    visitor: Visitor,
    app: Arc<App>,
    path: CanonicalPath,
    now: Time,
    wall: Time,
}

impl Decider {
    /// Nanoseconds of CPU a decision.
    fn cost(&self, decisions: u32) -> f64 {
        let asked = Asked { method: &Method::GET, path: &self.path, held: Err(CertificateTrouble::Missing), is_tunnel: false };
        let from = IpAddr::from([127, 0, 0, 1]);
        let before = cpu::time_of(ClockId::ThreadCPUTime);
        for _ in 0..decisions {
            let granted = decide(black_box(&self.visitor), black_box(&self.app), black_box(&asked), from, self.now, self.wall);
            assert!(black_box(granted).is_ok(), "she may read");
        }
        let spent = cpu::time_of(ClockId::ThreadCPUTime).saturating_sub(before);
        spent.as_secs_f64() * 1e9 / f64::from(decisions)
    }
}

#[tokio::main]
async fn main() {
    let decisions: u32 = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(200_000);
    let house = house::House::open().await;
    let wang = house.in_the_app("wang").await;
    let inside = house.gateway().house();
    let map = inside.map.load();
    let site = AppId::parse("sites").and_then(|id| map.site_of(&id)).expect("the app");
    let (now, wall) = (house.clock.now(), house.clock.wall());
    let host = Host::parse(house::SITES).expect("a host");
    let token = wang.cookie(house::SITES, "__Host-yumen").and_then(|text| Token::parse(&text)).expect("a session");
    let visitor = Visitor::Known(inside.auth.sessions.lookup(&token, &host, now).expect("an open session"));
    let path = CanonicalPath::parse("/list/2026", PathAllowance::default()).expect("a path");
    let plan = config::parse_plan(PLAN, "plan.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let measures = plan.terms(Level::III).and_then(|terms| terms.policy.clone()).expect("what level III does");
    let since = |ago| now.minus(ago);
    let stance = |since: Time| Stance {
        level: Level::III,
        incident: 1,
        confirmed: wall,
        since,
        until: since.plus(DAY),
        measures: Arc::new(measures.clone()),
    };
    let levels = [("no level", None), ("level III in force", Some(stance(now))), ("level III ran out", Some(stance(since(DAY * 2))))];
    let deciders = levels.map(|(name, stance)| {
        let emergency = Arc::new(Emergency::default());
        emergency.set(stance);
        let app = Arc::new(App { emergency, ..(*site.app).clone() });
        (name, Decider { visitor: visitor.clone(), app, path: path.clone(), now, wall })
    });
    let mut costs: [Vec<f64>; 3] = Default::default();
    for turn in 0..=TURNS {
        for ((_, decider), costs) in deciders.iter().zip(&mut costs) {
            let cost = decider.cost(decisions);
            // The first turn warms up.
            if turn > 0 {
                costs.push(cost);
            }
        }
    }
    let none = costs[0].clone();
    for ((name, _), costs) in deciders.iter().zip(&costs) {
        let mut ratios: Vec<f64> = costs.iter().zip(&none).map(|(cost, none)| cost / none).collect();
        ratios.sort_by(f64::total_cmp);
        let mut amounts = costs.clone();
        amounts.sort_by(f64::total_cmp);
        let (median, most) = (TURNS / 2, TURNS - 1);
        println!("{name}: {:.0} ns CPU a decision, ratio {:.2} ({:.2} to {:.2})", amounts[median], ratios[median], ratios[0], ratios[most]);
    }
    drop(map);
    house.close().await;
}
