//! What happens to connections while memory is short.

use super::*;
use crate::model::End;

/// A connection on which a request was answered.
async fn answered(house: &House) -> (TlsStream<TcpStream>, Arc<Line>) {
    let mut stream = house.dial(GATE).await;
    stream.write_all(get("/").as_bytes()).await.unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200"));
    (stream, reached(house).await)
}

/// A connection on which a request waits.
async fn waiting(house: &House, path: &str) -> (TlsStream<TcpStream>, Arc<Line>) {
    let mut stream = house.dial(GATE).await;
    stream.write_all(get(path).as_bytes()).await.unwrap();
    let line = reached(house).await;
    (stream, line)
}

async fn reached(house: &House) -> Arc<Line> {
    house.seen.reached.notified().await;
    Arc::clone(house.seen.line.borrow().as_ref().unwrap())
}

async fn still_answers(stream: &mut TlsStream<TcpStream>, house: &House) -> bool {
    stream.write_all(get("/again").as_bytes()).await.unwrap();
    let is_answered = read_some(stream).await.starts_with("HTTP/1.1 200");
    house.seen.reached.notified().await;
    is_answered
}

#[test]
fn while_room_is_little_new_ones_are_turned_away_idle_strangers_end_and_who_works_goes_on() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let (mut known, line) = answered(&house).await;
        line.mark_known();
        let (mut stranger, _) = answered(&house).await;
        let (mut busy, _) = waiting(&house, "/wait").await;
        let mut silent = TcpStream::connect(house.address).await.unwrap();
        while house.front.counts().accepted < 4 {
            tokio::task::yield_now().await;
        }
        house.front.set_room(Room::Little);
        assert_eq!(read_to_end(&mut stranger).await, "");
        assert_eq!(read_to_end(&mut silent).await, "");
        assert!(house.dial_with(house.client("http/1.1"), GATE).await.is_err());
        assert!(still_answers(&mut known, &house).await);
        house.seen.release.notify_waiters();
        assert!(read_some(&mut busy).await.starts_with("HTTP/1.1 200"), "what is under way ends by itself");
        assert_eq!(read_to_end(&mut busy).await, "", "and then the connection does");
        let counts = house.front.counts();
        assert_eq!((counts.accepted, counts.turned_away, counts.relieved, counts.open), (4, 1, 3, 1));

        house.front.set_room(Room::Enough);
        let (mut new, _) = answered(&house).await;
        assert!(still_answers(&mut new, &house).await && still_answers(&mut known, &house).await);
        assert_eq!(house.front.counts().turned_away, 1);
    });
}

#[test]
fn as_room_shrinks_strangers_go_first_then_who_is_idle_and_never_who_works() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let (mut idle, idle_line) = answered(&house).await;
        let (mut working, working_line) = waiting(&house, "/wait").await;
        [&idle_line, &working_line].iter().for_each(|line| line.mark_known());
        let (mut stranger, stranger_line) = waiting(&house, "/never").await;
        house.front.set_room(Room::NoneForStrangers);
        assert_eq!(read_to_end(&mut stranger).await, "");
        assert_eq!(stranger_line.why_cut(), Some(End::MemoryShort));
        assert!(still_answers(&mut idle, &house).await);
        house.front.set_room(Room::NoneForIdlers);
        assert_eq!(read_to_end(&mut idle).await, "");
        assert_eq!((idle_line.why_cut(), working_line.why_cut()), (Some(End::MemoryShort), None));
        house.seen.release.notify_waiters();
        assert!(read_some(&mut working).await.starts_with("HTTP/1.1 200"));
    });
}
