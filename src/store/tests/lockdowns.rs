//! What is closed outlives the process, with who closed it and what waits for a second person.

use super::*;
use crate::clock::Clock;
use crate::model::{AskedExtension, ByTwo, Closer, Closure, LockdownScope};

fn person(name: &str) -> Closer {
    Closer::Person { account: AccountId::fresh(), name: AccountName::parse(name).unwrap() }
}

fn closure(scope: &str, by: Closer) -> Closure {
    let scope = LockdownScope::parse(scope).unwrap();
    Closure { scope, by, since: NOW, until: later(3_600), lifted: None, reason: String::new(), extended: None }
}

#[tokio::test]
async fn what_is_kept_is_what_is_found_and_what_is_kept_later_takes_its_place() {
    let (_directory, store) = store().await;
    assert_eq!(store.closures().await.unwrap(), (vec![], vec![]));
    let (li, wang) = (person("li"), person("wang li"));
    let two = ByTwo { asked: li.clone(), confirmed: Closer::Machine };
    let mut closures = vec![
        closure("all", li.clone()),
        Closure { lifted: Some(later(9)), since: later(1), reason: "内网告警".to_owned(), ..closure("app:sites", Closer::Machine) },
        Closure { since: later(2), extended: Some(two), ..closure("unit:信息 中心", wang.clone()) },
        Closure { since: later(3), ..closure("all", wang) },
    ];
    let asked = vec![AskedExtension { scope: closures[0].scope.clone(), by: li, at: later(5) }];
    store.keep_closures(&closures, &asked).await.unwrap();
    assert_eq!(store.closures().await.unwrap(), (closures.clone(), asked));
    closures.truncate(1);
    store.keep_closures(&closures, &[]).await.unwrap();
    assert_eq!(store.closures().await.unwrap(), (closures, vec![]));
}

#[tokio::test]
async fn the_times_of_what_is_closed_move_with_the_clock() {
    let (_directory, store) = store().await;
    let clock = Clock::manual(NOW);
    store.adopt_clock(&clock.reading()).await.unwrap();
    let closed = Closure { lifted: Some(later(60)), ..closure("all", Closer::Machine) };
    let asked = AskedExtension { scope: closed.scope.clone(), by: Closer::Machine, at: NOW };
    store.keep_closures(&[closed, closure("app:sites", Closer::Machine)], &[asked]).await.unwrap();
    clock.step_wall(7_200_000);
    let next = clock.restarted();
    assert_eq!(store.adopt_clock(&next.reading()).await.unwrap(), 7_200_000);
    let (closures, asked) = store.closures().await.unwrap();
    assert_eq!((closures[0].since, closures[0].until, closures[0].lifted), (later(7_200), later(10_800), Some(later(7_260))));
    assert_eq!((closures[1].lifted, asked[0].at), (None, later(7_200)));
}

#[tokio::test]
async fn a_unit_is_known_by_an_account_that_belongs_to_it_and_by_nothing_else() {
    let (_directory, store) = store().await;
    store.invite(&account("li"), hash(1), later(900)).await.unwrap();
    let has = async |name: &str| store.has_unit(&UnitName::parse(name).unwrap()).await.unwrap();
    assert!(has("Information Office").await && has("Information  Office ").await);
    assert!(!has("Information").await && !has("information office").await && !has("%").await);
}

#[tokio::test]
async fn what_was_closed_by_an_older_version_stays_closed_by_the_machines_owner() {
    let directory = tempfile::tempdir().unwrap();
    let pool =
        sqlx::SqlitePool::connect_with(super::options().filename(directory.path().join("old")).create_if_missing(true)).await.unwrap();
    let folder = |name: &str| std::fs::read_to_string(format!("src/store/migrations/sqlite/{name}")).unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(folder("0020_lockdowns.sql"))).execute(&pool).await.unwrap();
    let until = later(3_600).millis();
    sqlx::query("INSERT INTO lockdowns (app, until) VALUES ('', $1), ('sites', $1)").bind(until).execute(&pool).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(folder("0021_closures.sql"))).execute(&pool).await.unwrap();
    let store = Store { write: pool.clone(), read: pool };
    let (closures, _) = store.closures().await.unwrap();
    assert_eq!(closures, [closure("all", Closer::Machine), closure("app:sites", Closer::Machine)]);
}
