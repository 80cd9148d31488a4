use tempfile::TempDir;

use super::*;
use crate::config::parse_plan;
use crate::incident::{Category, Opening, Step};
use crate::model::{Entry, Event, Host, Record, Stage};

const EXAMPLE: &str = include_str!("../../../../config/plan.toml");
const NOON: Time = Time::from_millis(1_795_406_400_000);
const HOUR: Duration = Duration::from_hours(1);

/// A gateway's levels over a store that outlives them.
struct City {
    store: Store,
    book: Book,
    plan: Arc<Plan>,
    now: Time,
    wall: Time,
    levels: Levels,
    _directory: TempDir,
}

impl City {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("yumen.db")).await.unwrap();
        let (book, plan) = (Book::default(), plan("48h"));
        let levels = begun(&store, &plan, NOON).await;
        Self { store, book, plan, now: NOON, wall: NOON, levels, _directory: directory }
    }

    async fn restart(&mut self) {
        self.levels = begun(&self.store, &self.plan, self.now).await;
    }

    fn advance(&mut self, by: Duration) {
        (self.now, self.wall) = (self.now.plus(by), self.wall.plus(by));
    }

    /// Puts it on record; the number of the record.
    fn write(&mut self, event: Event) -> u64 {
        let number = self.book.at() + 1;
        self.book.read(&Entry::stamp(number, self.wall, [7; 16], Record::Event(event)));
        number
    }

    /// Of a new incident; its number.
    fn confirm(&mut self, level: Level) -> u64 {
        let opening = Opening { title: "fire".to_owned(), level, category: Category::Attack, subject: None };
        let incident = self.write(opening.event());
        self.write(Step::Assessed { level, category: Category::Attack, why: "because".to_owned() }.event(incident));
        self.follow();
        incident
    }

    fn step(&mut self, incident: u64, step: Step) {
        self.write(step.event(incident));
        self.follow();
    }

    fn move_to(&mut self, incident: u64, stages: &[Stage]) {
        for to in stages.iter().copied() {
            self.step(incident, Step::Moved { to, why: "because".to_owned() });
        }
    }

    fn close(&mut self, incident: u64) {
        self.move_to(incident, &[Stage::Responding, Stage::Contained, Stage::Recovering, Stage::Closed]);
    }

    fn follow(&self) {
        self.levels.follow(&self.book, Some(&self.plan), self.now, self.wall);
    }

    fn adopt(&mut self, plan: Arc<Plan>) {
        self.plan = plan;
        self.levels.adopt_plan(Some(&self.plan), self.now);
        self.follow();
    }

    fn level(&self) -> Option<Level> {
        self.levels.emergency.in_force(self.now).map(|stance| stance.level)
    }

    /// How long it will still hold.
    fn left(&self) -> Option<Duration> {
        self.levels.emergency.in_force(self.now).map(|stance| stance.until.since(self.now))
    }

    async fn kept(&self) -> Option<Level> {
        self.store.level().await.unwrap().map(|kept| kept.level)
    }
}

async fn begun(store: &Store, plan: &Plan, now: Time) -> Levels {
    let sessions = Sessions::load(store.clone(), Host::parse("gate.city.test").unwrap(), Default::default(), now).await.unwrap();
    Levels::restore(store.clone(), Arc::new(sessions), Arc::default(), Some(plan), now).await.unwrap()
}

/// The example, whose level II lasts for so long.
fn plan(lasts: &str) -> Arc<Plan> {
    let text = EXAMPLE.replacen("for = \"48h\"", &format!("for = \"{lasts}\""), 1);
    parse_plan(&text, "plan.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

#[tokio::test]
async fn a_new_process_over_the_same_store_has_each_level_as_it_was_and_none_that_was_lifted() {
    for level in Level::ALL.iter().copied() {
        let mut city = City::new().await;
        let incident = city.confirm(level);
        let (stance, since) = (city.levels.emergency.last(), city.levels.since(2));
        city.levels.keep().await.unwrap();
        city.restart().await;
        assert!(stance.is_some() && since == Some(NOON));
        assert_eq!((city.levels.emergency.last(), city.levels.since(2)), (stance, since), "{level}");
        city.close(incident);
        assert_eq!(city.level(), Some(level), "what opens is kept first");
        city.levels.keep().await.unwrap();
        assert_eq!(city.level(), None);
        city.restart().await;
        assert_eq!(*city.levels.emergency, Emergency::default(), "{level}");
    }
}

#[tokio::test]
async fn what_closes_waits_for_no_store_that_hangs_and_what_opens_does() {
    let mut city = City::new().await;
    let store = city.store.clone();
    let held = store.held_busy().await.unwrap();
    let incident = city.confirm(Level::IV);
    let second = city.confirm(Level::III);
    assert_eq!(city.level(), Some(Level::III));
    for level in [Level::II, Level::I] {
        city.step(incident, Step::Level { level, why: "because".to_owned() });
        assert_eq!(city.level(), Some(level));
    }
    city.step(incident, Step::Level { level: Level::II, why: "because".to_owned() });
    assert_eq!((city.level(), city.kept().await), (Some(Level::I), None));
    {
        let mut keeping = pin!(city.levels.keep());
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut keeping).await.is_err());
        drop(held);
        keeping.await.unwrap();
    }
    assert_eq!((city.level(), city.kept().await), (Some(Level::II), Some(Level::II)));
    assert_eq!(city.store.level_times().await.unwrap().len(), 2);
    city.close(second);
    city.close(incident);
    city.levels.keep().await.unwrap();
    assert_eq!((city.level(), city.kept().await), (None, None));
}

#[tokio::test]
async fn what_is_graver_than_what_waits_to_open_is_in_force_and_kept_last() {
    let mut city = City::new().await;
    let first = city.confirm(Level::II);
    city.levels.keep().await.unwrap();
    let store = city.store.clone();
    let held = store.held_busy().await.unwrap();
    city.close(first);
    let mut book = city.book.clone();
    {
        let mut keeping = pin!(city.levels.keep());
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut keeping).await.is_err());
        assert_eq!(city.level(), Some(Level::II));
        let opening = Opening { title: "flood".to_owned(), level: Level::I, category: Category::Attack, subject: None };
        let assessed = Step::Assessed { level: Level::I, category: Category::Attack, why: "because".to_owned() };
        let number = book.at() + 1;
        for (number, event) in [(number, opening.event()), (number + 1, assessed.event(number))] {
            book.read(&Entry::stamp(number, city.wall, [7; 16], Record::Event(event)));
        }
        city.levels.follow(&book, Some(&city.plan), city.now, city.wall);
        assert_eq!(city.level(), Some(Level::I));
        drop(held);
        keeping.await.unwrap();
        assert_eq!((city.level(), city.kept().await), (Some(Level::I), None), "what was under way opens nothing");
    }
    city.levels.keep().await.unwrap();
    assert_eq!((city.level(), city.kept().await), (Some(Level::I), Some(Level::I)));
}

#[tokio::test]
async fn what_was_not_kept_when_the_process_ended_is_put_in_force_again_by_the_log() {
    let mut city = City::new().await;
    let incident = city.confirm(Level::III);
    city.levels.keep().await.unwrap();
    city.step(incident, Step::Level { level: Level::II, why: "because".to_owned() });
    city.advance(HOUR);
    city.restart().await;
    assert_eq!(city.level(), Some(Level::III));
    city.follow();
    assert_eq!((city.level(), city.left()), (Some(Level::II), Some(47 * HOUR)));
    // What opens and was not kept is opened by the log too, and until then it is closed.
    city.levels.keep().await.unwrap();
    city.close(incident);
    city.restart().await;
    assert_eq!(city.level(), Some(Level::II));
    city.follow();
    city.levels.keep().await.unwrap();
    assert_eq!(city.level(), None);
}

#[tokio::test]
async fn a_store_that_fails_is_told_until_it_does_not_and_is_tried_again() {
    let mut city = City::new().await;
    let incident = city.confirm(Level::II);
    city.levels.keep().await.unwrap();
    let mended = city.store.clone();
    city.levels.store = Store::open_in_memory().await.unwrap();
    city.levels.store.close().await;
    city.close(incident);
    assert!(tokio::time::timeout(Duration::from_millis(50), city.levels.keep_on()).await.is_err());
    let warnings = city.levels.warnings();
    assert!(warnings.iter().any(|warning| warning.contains("emergency levels cannot be kept")), "{warnings:?}");
    assert_eq!(city.level(), Some(Level::II));
    city.levels.store = mended;
    for _ in 0..200 {
        let _ = tokio::time::timeout(Duration::from_millis(50), city.levels.keep_on()).await;
        if city.level().is_none() {
            break;
        }
    }
    assert!(city.level().is_none() && city.levels.warnings().is_empty());
}

#[tokio::test]
async fn a_level_that_ran_out_while_its_incident_was_closed_does_not_come_back_with_it() {
    for is_restarted in [false, true] {
        let mut city = City::new().await;
        let incident = city.confirm(Level::II);
        city.close(incident);
        city.levels.keep().await.unwrap();
        assert_eq!(city.level(), None);
        city.advance(48 * HOUR);
        city.follow();
        city.levels.keep().await.unwrap();
        if is_restarted {
            city.restart().await;
        }
        city.adopt(plan("72h"));
        // Whoever sets the clock back gains nothing by it.
        city.wall = NOON;
        city.move_to(incident, &[Stage::Responding]);
        assert_eq!(city.book.in_force().len(), 1);
        city.levels.keep().await.unwrap();
        assert_eq!(city.level(), None, "{is_restarted}");
        city.step(incident, Step::Level { level: Level::II, why: "anew".to_owned() });
        assert_eq!(city.left(), Some(72 * HOUR), "what is confirmed anew lasts anew");
    }
}

#[tokio::test]
async fn a_level_whose_incident_is_taken_up_again_goes_on_from_when_it_was_confirmed() {
    let mut city = City::new().await;
    let incident = city.confirm(Level::II);
    city.close(incident);
    city.levels.keep().await.unwrap();
    city.advance(HOUR);
    city.wall = NOON.minus(5 * HOUR);
    city.restart().await;
    city.move_to(incident, &[Stage::Responding]);
    assert_eq!(city.left(), Some(47 * HOUR));
}

#[tokio::test]
async fn a_longer_plan_brings_back_none_of_several_that_ran_out() {
    let mut city = City::new().await;
    city.confirm(Level::II);
    city.advance(40 * HOUR);
    city.confirm(Level::III);
    city.advance(8 * HOUR);
    city.follow();
    assert_eq!(city.level(), Some(Level::III));
    city.advance(16 * HOUR);
    assert_eq!(city.level(), None);
    city.adopt(plan("72h"));
    assert_eq!(city.level(), None);
    city.levels.keep().await.unwrap();
    city.restart().await;
    city.follow();
    assert_eq!(city.level(), None);
}

#[tokio::test]
async fn how_much_is_left_of_a_level_is_known_by_its_own_time_and_when_it_is_over_it_stays_so() {
    let mut city = City::new().await;
    let incident = city.confirm(Level::II);
    let lasting = |city: &City| {
        let confirmed = city.book.case(incident).unwrap().confirmed.clone().unwrap();
        city.levels.lasting(&confirmed, Some(&city.plan), city.now)
    };
    assert_eq!(lasting(&city), Some(Lasting::ForNow));
    city.advance(HOUR * 47);
    assert_eq!(lasting(&city), Some(Lasting::Soon));
    city.restart().await;
    city.follow();
    assert_eq!(lasting(&city), Some(Lasting::Soon));
    city.advance(HOUR);
    city.follow();
    assert_eq!(lasting(&city), Some(Lasting::Over));
    city.adopt(plan("72h"));
    assert_eq!(lasting(&city), Some(Lasting::Over), "a plan that lets it last longer brings nothing back");
    city.step(incident, Step::Level { level: Level::II, why: "still there".to_owned() });
    assert_eq!(lasting(&city), Some(Lasting::ForNow));
}

#[tokio::test]
async fn a_level_of_which_the_plan_says_nothing_has_nothing_that_could_end() {
    let mut city = City::new().await;
    let incident = city.confirm(Level::IV);
    let confirmed = city.book.case(incident).unwrap().confirmed.clone().unwrap();
    assert!(city.plan.terms(Level::IV).unwrap().policy.is_none());
    assert_eq!(city.levels.lasting(&confirmed, Some(&city.plan), city.now), None);
}
