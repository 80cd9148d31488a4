//! Sinks of a log that lets go of its oldest records.

use super::*;

fn sequences(file: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok()).map(|entry| entry.sequence).collect()
}

impl Bench {
    /// A new process sends what is there to the file.
    async fn run(&mut self, file: &Path) -> Standing {
        self.anew();
        self.send_to(Destination::File(file.to_owned()), Kind::JsonLines).await;
        let size = *self.paper.sealed.borrow();
        self.until(|sink| sink.safe == size || sink.trouble.is_some()).await;
        let standing = self.standing();
        self.sinks.finish().await;
        standing
    }

    fn drop_up_to(&self, last: u64) {
        self.paper.dropped.store(last, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_sink_that_was_away_too_long_goes_on_with_the_oldest_record_and_says_how_many_it_never_got() {
    let mut bench = Bench::with(6);
    let file = bench.directory.path().join("copy.jsonl");
    assert_eq!((bench.run(&file).await.missed, sequences(&file)), (0, (1..=6).collect()));
    bench.paper.write(14);
    bench.drop_up_to(10);
    let standing = bench.run(&file).await;
    assert_eq!((standing.missed, standing.trouble), (4, None), "it is not taken for a changed log");
    assert_eq!(sequences(&file), (1..=6).chain(11..=20).collect::<Vec<_>>());
    bench.paper.write(1);
    assert_eq!(bench.run(&file).await.missed, 4, "it is said after a restart too, and counted once");
    bench.paper.write(9);
    bench.drop_up_to(25);
    assert_eq!((bench.run(&file).await.missed, sequences(&file).len()), (8, 22));
}

#[tokio::test]
async fn a_sink_that_has_all_that_was_dropped_misses_nothing() {
    let mut bench = Bench::with(6);
    let file = bench.directory.path().join("copy.jsonl");
    bench.run(&file).await;
    bench.paper.write(3);
    for last in [3, 5, 6] {
        bench.drop_up_to(last);
        bench.paper.write(1);
        let standing = bench.run(&file).await;
        assert_eq!((standing.missed, standing.trouble), (0, None), "{last}");
    }
    assert_eq!(sequences(&file), (1..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_log_that_was_changed_beneath_the_cursor_is_found_by_the_hash_where_the_record_is_gone() {
    let mut bench = Bench::with(6);
    let file = bench.directory.path().join("copy.jsonl");
    bench.run(&file).await;
    bench.paper.write(10);
    bench.drop_up_to(10);
    bench.paper.leaves.lock().unwrap()[5].json.push(b' ');
    let trouble = bench.run(&file).await.trouble.unwrap();
    assert!(trouble.contains("holds something else than record 6"), "{trouble}");
}

#[tokio::test]
async fn records_that_are_dropped_under_a_sink_that_waits_are_passed_over_on_the_same_connection() {
    let bench = Bench::with(3);
    let (listener, to) = receiver().await;
    bench.send_to(to, Kind::Syslog).await;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    take(&mut stream, &mut rest, 3).await;
    bench.paper.is_away.store(true, Ordering::Relaxed);
    bench.paper.write(7);
    bench.until(|sink| sink.trouble.is_some()).await;
    bench.drop_up_to(8);
    bench.paper.is_away.store(false, Ordering::Relaxed);
    bench.paper.write(1);
    assert_eq!(without_checkpoints(take(&mut stream, &mut rest, 3).await), [9, 10, 11]);
    bench.until(|sink| sink.missed == 5 && sink.trouble.is_none() && sink.reconnects == 0).await;
}

#[tokio::test]
async fn a_new_sink_begins_with_the_oldest_record_and_what_is_put_back_does_not_confuse_it() {
    let mut bench = Bench::with(20);
    let file = bench.directory.path().join("copy.jsonl");
    bench.drop_up_to(20);
    bench.paper.write(1);
    assert_eq!((bench.run(&file).await.missed, sequences(&file)), (20, vec![21]));
    let other = bench.directory.path().join("sinks/siem.json");
    std::fs::remove_file(&other).unwrap();
    bench.drop_up_to(19);
    let (listener, to) = receiver().await;
    bench.anew();
    bench.send_to(to, Kind::Syslog).await;
    let (mut stream, mut rest) = (accept(&listener).await, Vec::new());
    take(&mut stream, &mut rest, 2).await;
    let reading = tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
    bench.sinks.finish().await;
    reading.await.unwrap().unwrap();
    // It stands behind the 19 that it never got; the archive was unpacked over the log since.
    bench.drop_up_to(0);
    assert_eq!(bench.run(&file).await.trouble, None);
    assert_eq!(sequences(&file), [21, 20, 21]);
}
