//! Sinks against receivers of all kinds, over a log that a test writes.

mod dropping;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::syslog::tests::parse;
use super::window::SETTLED_AFTER;
use super::*;
use crate::clock::{Clock, Time};
use crate::model::{Action, Entry, Event, Record};

/// Long enough for any machine; a test that waits for it fails.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Paper {
    leaves: Arc<Mutex<Vec<Leaf>>>,
    sealed: Arc<watch::Sender<u64>>,
    is_away: Arc<AtomicBool>,
    /// The last record that was dropped.
    dropped: Arc<AtomicU64>,
}

impl Paper {
    fn of(records: u64) -> Self {
        let paper =
            Self { leaves: Arc::default(), sealed: Arc::new(watch::channel(0).0), is_away: Arc::default(), dropped: Arc::default() };
        paper.write(records);
        paper
    }

    fn write(&self, records: u64) {
        let mut leaves = self.leaves.lock().unwrap();
        for _ in 0..records {
            let sequence = leaves.len() as u64 + 1;
            let record = Record::Event(Event::done(Action::SignIn).with("number", sequence));
            let entry = Entry::stamp(sequence, Time::from_millis(1_000 * sequence as i64), [9; 16], record);
            leaves.push(Leaf { sequence, json: serde_json::to_vec(&entry).unwrap() });
        }
        self.sealed.send_replace(leaves.len() as u64);
    }
}

impl Log for Paper {
    fn checkpoint(&self) -> Result<Option<Checkpoint>, NotRead> {
        let size = self.leaves.lock().unwrap().len() as u64;
        Ok(Some(Checkpoint { origin: "paper".to_owned(), size, note: format!("paper\n{size}\nroot\n") }))
    }

    fn read(&self, from: u64, most: usize) -> Result<Vec<Leaf>, NotRead> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(NotRead("the disk is gone".to_owned()));
        }
        let from = from.max(self.dropped.load(Ordering::Relaxed) + 1);
        Ok(self.leaves.lock().unwrap().iter().filter(|leaf| leaf.sequence >= from).take(most).cloned().collect())
    }

    fn leaf_hash(&self, sequence: u64) -> Result<Option<[u8; 32]>, NotRead> {
        Ok(self.leaves.lock().unwrap().iter().find(|leaf| leaf.sequence == sequence).map(|leaf| leaf.hash().0))
    }
}

struct Bench {
    paper: Paper,
    clock: Clock,
    directory: tempfile::TempDir,
    sinks: Sinks,
}

impl Bench {
    fn with(records: u64) -> Self {
        let (paper, clock, directory) = (Paper::of(records), Clock::manual(Time::from_millis(0)), tempfile::tempdir().unwrap());
        let sinks = sinks(&paper, directory.path(), &clock);
        Self { paper, clock, directory, sinks }
    }

    /// As a new process would begin.
    fn anew(&mut self) {
        self.sinks = sinks(&self.paper, self.directory.path(), &self.clock);
    }

    async fn send_to(&self, to: Destination, kind: Kind) {
        let settings = SinkSettings { name: "siem".to_owned(), kind, to, ca: None, identity: None, format: Format::Yumen };
        self.sinks.apply(vec![Ready::new(settings).unwrap()]).await;
    }

    fn standing(&self) -> Standing {
        self.sinks.standings(Time::from_millis(100_000)).remove(0)
    }

    /// Waits until the sink stands so.
    async fn until(&self, stands: impl Fn(&Standing) -> bool) {
        let waiting = async {
            while !stands(&self.standing()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:#?}", self.standing()));
    }
}

fn sinks(paper: &Paper, directory: &Path, clock: &Clock) -> Sinks {
    let directory = directory.join("sinks");
    Sinks::new(Arc::new(paper.clone()), paper.sealed.subscribe(), directory, clock.clone(), "gate.city.example".to_owned())
}

async fn receiver() -> (TcpListener, Destination) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Destination::Tcp { host: "127.0.0.1".to_owned(), port })
}

async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(PATIENCE, listener.accept()).await.unwrap().unwrap().0
}

/// The next so many records of syslog, by their sequences; checkpoints stand between them as 0.
async fn take(stream: &mut TcpStream, rest: &mut Vec<u8>, records: usize) -> Vec<u64> {
    let mut sequences = Vec::new();
    while sequences.iter().filter(|sequence| **sequence != 0).count() < records {
        while let Some((message, left)) = parse(rest) {
            let is_checkpoint = message.fields[4] == "checkpoint";
            sequences.push(if is_checkpoint { 0 } else { message.value("sequence").parse().unwrap() });
            *rest = left.to_vec();
        }
        let wanted = sequences.iter().filter(|sequence| **sequence != 0).count() < records;
        if wanted && timeout(PATIENCE, stream.read_buf(rest)).await.unwrap().unwrap() == 0 {
            panic!("the sink closed after {sequences:?}");
        }
    }
    sequences
}

fn without_checkpoints(mut sequences: Vec<u64>) -> Vec<u64> {
    sequences.retain(|sequence| *sequence != 0);
    sequences
}

#[tokio::test]
async fn a_receiver_gets_all_records_in_order_and_then_what_is_new_and_a_checkpoint() {
    let bench = Bench::with(700);
    let (listener, to) = receiver().await;
    bench.send_to(to, Kind::Syslog).await;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    let mut all = take(&mut stream, &mut rest, 700).await;
    bench.until(|sink| sink.lag_records == 0).await;
    bench.paper.write(3);
    all.extend(take(&mut stream, &mut rest, 3).await);
    let expected = (1..=700).chain([0, 701, 702, 703]).collect::<Vec<_>>();
    assert_eq!(all, expected, "a checkpoint stands where the log was read to its end");
    bench.until(|sink| sink.at == 703 && sink.lag_records == 0 && sink.connected && sink.reconnects == 0).await;
    assert_eq!(bench.standing().safe, 0, "nothing is known of what it has read");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_for_a_while_is_no_reason_to_begin_again() {
    let bench = Bench::with(3);
    let (listener, to) = receiver().await;
    bench.send_to(to, Kind::Syslog).await;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    take(&mut stream, &mut rest, 3).await;
    bench.paper.is_away.store(true, Ordering::Relaxed);
    bench.paper.write(1);
    bench.until(|sink| sink.connected && sink.trouble.as_deref() == Some("the disk is gone")).await;
    bench.paper.is_away.store(false, Ordering::Relaxed);
    bench.paper.write(1);
    assert_eq!(without_checkpoints(take(&mut stream, &mut rest, 2).await), [4, 5]);
    bench.until(|sink| sink.trouble.is_none() && sink.reconnects == 0).await;
}

#[tokio::test]
async fn a_receiver_that_closed_or_died_gets_again_what_it_may_not_have_read_however_old_that_is() {
    let bench = Bench::with(5);
    let (listener, to) = receiver().await;
    bench.send_to(to, Kind::Syslog).await;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    take(&mut stream, &mut rest, 5).await;
    bench.until(|sink| sink.at == 5).await;
    bench.clock.advance(SETTLED_AFTER);
    bench.paper.write(2);
    take(&mut stream, &mut rest, 2).await;
    // It closes in order, which does not say that it read what was on the way.
    drop(stream);
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    assert_eq!(without_checkpoints(take(&mut stream, &mut rest, 7).await), [1, 2, 3, 4, 5, 6, 7]);
    bench.until(|sink| sink.safe == 0 && sink.reconnects == 1).await;
    bench.paper.write(1);
    take(&mut stream, &mut rest, 1).await;
    bench.clock.advance(SETTLED_AFTER);
    stream.set_zero_linger().unwrap();
    drop(stream);
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    assert_eq!(without_checkpoints(take(&mut stream, &mut rest, 8).await), [1, 2, 3, 4, 5, 6, 7, 8], "after a reset as well");
}

#[tokio::test]
async fn while_the_receiver_is_away_the_log_waits_and_is_late_by_its_oldest_record() {
    let bench = Bench::with(40);
    // Nobody else has its port meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    bench.send_to(Destination::Tcp { host: "127.0.0.1".to_owned(), port }, Kind::JsonLines).await;
    bench.until(|sink| sink.trouble.as_ref().is_some_and(|why| why.contains("cannot be reached"))).await;
    let standing = bench.standing();
    assert_eq!((standing.connected, standing.lag_records, standing.lag), (false, 40, Duration::from_secs(99)));
    let listener = socket.listen(1).unwrap();
    let stream = accept(&listener).await;
    bench.until(|sink| sink.lag_records == 0 && sink.trouble.is_none()).await;
    assert_eq!(bench.standing().lag, Duration::ZERO);
    drop(stream);
}

#[tokio::test]
async fn a_process_goes_on_where_the_last_one_knew_that_the_receiver_was() {
    let mut bench = Bench::with(6);
    let (listener, to) = receiver().await;
    bench.send_to(to.clone(), Kind::Syslog).await;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    take(&mut stream, &mut rest, 6).await;
    bench.until(|sink| sink.at == 6).await;
    bench.clock.advance(SETTLED_AFTER);
    // It closes when the gateway does, having read everything.
    let reading = tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
    bench.sinks.finish().await;
    reading.await.unwrap().unwrap();
    bench.paper.write(1);
    bench.anew();
    bench.send_to(to, Kind::Syslog).await;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    assert_eq!(without_checkpoints(take(&mut stream, &mut rest, 1).await), [7]);
}

#[tokio::test]
async fn a_log_that_was_changed_or_cut_beneath_the_cursor_is_not_sent_on() {
    let mut bench = Bench::with(6);
    let file = bench.directory.path().join("copy.jsonl");
    bench.send_to(Destination::File(file.clone()), Kind::JsonLines).await;
    bench.until(|sink| sink.safe == 6).await;
    bench.sinks.finish().await;
    let before = std::fs::read(&file).unwrap();
    for (damage, told) in [(7_usize, "holds something else than record 6"), (4, "does not hold record 6")] {
        let paper = Paper::of(0);
        let mut leaves = bench.paper.leaves.lock().unwrap().clone();
        leaves.truncate(damage);
        if let Some(leaf) = leaves.get_mut(5) {
            leaf.json.push(b' ');
        }
        *paper.leaves.lock().unwrap() = leaves;
        bench.sinks = sinks(&paper, bench.directory.path(), &bench.clock);
        bench.send_to(Destination::File(file.clone()), Kind::JsonLines).await;
        bench.until(|sink| sink.trouble.as_ref().is_some_and(|why| why.contains(told) && why.contains("cut or changed"))).await;
        bench.sinks.finish().await;
        assert_eq!(std::fs::read(&file).unwrap(), before, "nothing is added");
    }
}

#[tokio::test]
async fn a_file_gets_each_line_whole_also_after_a_torn_one_and_after_it_was_rotated() {
    let mut bench = Bench::with(3);
    let file = bench.directory.path().join("copy.jsonl");
    std::fs::write(&file, "{\"torn").unwrap();
    bench.send_to(Destination::File(file.clone()), Kind::JsonLines).await;
    bench.until(|sink| sink.safe == 3).await;
    let rotated = bench.directory.path().join("copy.jsonl.1");
    std::fs::rename(&file, &rotated).unwrap();
    bench.paper.write(2);
    bench.until(|sink| sink.safe == 5).await;
    bench.sinks.finish().await;
    bench.paper.write(1);
    bench.anew();
    bench.send_to(Destination::File(file.clone()), Kind::JsonLines).await;
    bench.until(|sink| sink.safe == 6).await;
    bench.sinks.finish().await;
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let old = read(&rotated);
    assert!(old.starts_with("{\"torn\n{\"sequence\":1,"), "{old}");
    let sequences = |text: &str| {
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
        lines.map(|entry| entry.sequence).collect::<Vec<_>>()
    };
    assert_eq!((sequences(&old), sequences(&read(&file))), (vec![1, 2, 3], vec![4, 5, 6]), "a file is confirmed, so nothing comes twice");
}

#[tokio::test]
async fn a_changed_config_leaves_a_sink_that_it_does_not_change_alone() {
    let bench = Bench::with(2);
    let ((first, first_to), (second, second_to)) = (receiver().await, receiver().await);
    let named = |name: &str, to: &Destination| SinkSettings {
        name: name.to_owned(),
        kind: Kind::Syslog,
        to: to.clone(),
        ca: None,
        identity: None,
        format: Format::Yumen,
    };
    let apply = async |sinks: Vec<SinkSettings>| bench.sinks.apply(sinks.into_iter().map(|sink| Ready::new(sink).unwrap()).collect()).await;
    apply(vec![named("a", &first_to), named("b", &second_to)]).await;
    let (mut stays, mut goes) = (accept(&first).await, accept(&second).await);
    let (mut rest, mut end) = (Vec::new(), Vec::new());
    take(&mut stays, &mut rest, 2).await;
    let reading = tokio::spawn(async move { goes.read_to_end(&mut end).await });
    apply(vec![named("a", &first_to), named("c", &second_to)]).await;
    timeout(PATIENCE, reading).await.unwrap().unwrap().unwrap();
    let (mut comes, mut fresh) = (accept(&second).await, Vec::new());
    assert_eq!(without_checkpoints(take(&mut comes, &mut fresh, 2).await), [1, 2], "another name begins at the first record");
    bench.paper.write(1);
    assert_eq!(without_checkpoints(take(&mut stays, &mut rest, 1).await), [3], "on the same connection");
    assert_eq!(bench.sinks.standings(Time::from_millis(0)).iter().map(|sink| &*sink.name).collect::<Vec<_>>(), ["a", "c"]);
    apply(Vec::new()).await;
    assert!(bench.sinks.standings(Time::from_millis(0)).is_empty());
}

#[tokio::test]
async fn whatever_a_receiver_does_every_record_comes_and_never_one_before_its_time() {
    // Xorshift (Marsaglia): the same throws each time.
    let mut dice = 0x9e37_79b9_u64;
    let mut roll = move |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let bench = Bench::with(100);
    let (listener, to) = receiver().await;
    bench.send_to(to, Kind::Syslog).await;
    let mut has = 0;
    for round in 0..6 {
        let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
        let wanted = roll(40) as usize;
        let got = without_checkpoints(take(&mut stream, &mut rest, wanted).await);
        if let Some(first) = got.first() {
            assert!(*first <= has + 1, "round {round}: {first} came and {has} was the last");
        }
        for (before, after) in got.iter().zip(got.iter().skip(1)) {
            assert_eq!(before + 1, *after);
        }
        has = has.max(got.last().copied().unwrap_or(0));
        match roll(4) {
            0 => stream.set_zero_linger().unwrap(),
            1 => {
                let _ = stream.write_all(b"what is this?\n").await;
            }
            2 => bench.paper.write(20),
            _ => bench.clock.advance(SETTLED_AFTER),
        }
    }
    let size = bench.paper.leaves.lock().unwrap().len() as u64;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    while has < size {
        let next = without_checkpoints(take(&mut stream, &mut rest, 1).await);
        assert!(next[0] <= has + 1, "{next:?} came and {has} was the last");
        has = has.max(*next.last().unwrap());
    }
}
