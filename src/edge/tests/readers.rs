//! Answers over HTTP/2 that are not read, and those that are read slowly. The clock is moved by hand, so that nobody is late by accident.

use super::frames::*;
use super::*;
use crate::model::End;

const CANCEL: u32 = 8;
/// What the least rate asks for within half of the longest stall.
const ENOUGH: u32 = 20;

/// A house whose clock the test moves; the timers themselves run by the machine's.
fn house() -> (Clock, House) {
    let clock = Clock::manual(Clock::machine().wall());
    let timers = Timers { write_stall: SOON, least_read_rate: 256, ..patient() };
    let house = House::at(clock.clone(), &[], timers, Caps::default(), Duration::from_secs(30));
    (clock, house)
}

fn why_cut(house: &House) -> Option<End> {
    house.seen.line.borrow().as_ref().unwrap().why_cut()
}

#[test]
fn answers_that_nobody_takes_are_ended_and_their_sister_goes_on() {
    alone(async {
        let (clock, house) = house();
        // Thirty stand still, one of them without end; the last one is read.
        let paths: Vec<&str> = std::iter::repeat_n("/one", 29).chain(["/endless", "/endless"]).collect();
        let mut client = Windows::closed(&house, &paths).await;
        let (last, mut ended) = (61, Vec::new());
        for _ in 0..3 {
            client.open(last, 1_000).await;
            assert_eq!(client.next().await.unwrap(), (last, Came::Data { bytes: 1_000, is_last: false }));
            clock.advance(SOON / 3);
        }
        while ended.len() < 30 {
            let (stream, came) = client.next().await.expect("the connection stands");
            assert_eq!(came, Came::Reset { why: CANCEL });
            ended.push(stream);
        }
        assert!(!ended.contains(&last), "{ended:?}");
        client.open(last, 1_000).await;
        assert_eq!(client.next().await.unwrap(), (last, Came::Data { bytes: 1_000, is_last: false }));
        assert_eq!(house.front.counts().too_slow, 30);
        assert_eq!(why_cut(&house), None, "the last one's line");
        house.seen.body_dropped.notified().await;
    });
}

#[test]
fn who_reads_slowly_but_steadily_is_not_cut_off_and_who_trickles_is() {
    alone(async {
        let (clock, house) = house();
        let mut client = Windows::closed(&house, &["/endless", "/endless"]).await;
        client.open(3, 1).await;
        assert_eq!(client.next().await.unwrap(), (3, Came::Data { bytes: 1, is_last: false }));
        let (mut came_of_trickle, mut trickling) = (0, true);
        for _ in 0..20 {
            clock.advance(SOON / 2);
            client.open(1, ENOUGH).await;
            if trickling {
                client.open(3, 1).await;
            }
            loop {
                match client.next().await.expect("the connection stands") {
                    (1, Came::Data { bytes, .. }) => {
                        assert_eq!(bytes, ENOUGH as usize);
                        break;
                    }
                    (3, Came::Data { bytes, .. }) => came_of_trickle += bytes,
                    (3, Came::Reset { why: CANCEL }) => trickling = false,
                    other => panic!("{other:?}"),
                }
            }
        }
        while trickling {
            let (stream, came) = client.next().await.expect("the connection stands");
            trickling = !matches!((stream, came), (3, Came::Reset { why: CANCEL }));
        }
        assert!(came_of_trickle < 25, "{came_of_trickle}");
        assert_eq!(house.front.counts().too_slow, 1);
    });
}

#[test]
fn an_answer_whose_rest_nobody_takes_ends_the_connection() {
    alone(async {
        let (clock, house) = house();
        let mut client = Windows::closed(&house, &["/endless", "/one"]).await;
        // One byte is let through, so h2 has the whole answer in its hands and the service has nothing more to do with it.
        client.open(3, 1).await;
        assert_eq!(client.next().await.unwrap(), (3, Came::Data { bytes: 1, is_last: false }));
        clock.advance(SOON / 2);
        client.open(1, ENOUGH).await;
        assert_eq!(client.next().await.unwrap().0, 1);
        clock.advance(SOON / 2);
        while client.next().await.is_some() {}
        assert_eq!(why_cut(&house), Some(End::TooSlow));
    });
}

#[test]
fn a_client_that_opens_its_windows_in_time_gets_its_answers() {
    alone(async {
        let (clock, house) = house();
        let mut client = Windows::closed(&house, &["/one", "/two"]).await;
        for stream in [3, 1] {
            clock.advance(SOON / 4);
            client.open(stream, 1).await;
            assert_eq!(client.next().await.unwrap(), (stream, Came::Data { bytes: 1, is_last: false }));
        }
        clock.advance(SOON / 4);
        for stream in [1, 3] {
            client.open(stream, 4_096).await;
            let (mut of, mut came) = client.next().await.unwrap();
            while !matches!(came, Came::Data { is_last: true, .. }) {
                assert_eq!(of, stream, "{came:?}");
                (of, came) = client.next().await.unwrap();
            }
        }
        clock.advance(SOON * 10);
        client.open(1, 1).await;
        assert_eq!(house.front.counts().too_slow, 0);
        assert_eq!(why_cut(&house), None);
    });
}

#[test]
fn a_flood_is_not_even_read_once_it_is_known_for_one() {
    alone(async {
        let (_, house) = house();
        let mut client = Windows::closed(&house, &[]).await;
        let pings = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
        let mut sent = 0;
        while client.0.write_all(&pings).await.is_ok() && client.0.flush().await.is_ok() {
            sent += pings.len();
            assert!(sent < 64 << 20, "more than the sockets hold");
        }
        assert_eq!(house.seen.malformed.borrow().first().map(|(status, _)| *status), Some(429));
    });
}
