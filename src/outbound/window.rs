//! What a receiver surely has of what was written to it. Pure.
//!
//! Syslog and JSON Lines have no answers: a receiver that dies takes with it what its machine had accepted and it had not read. Three
//! things are known all the same. A machine buffers at most so many bytes of one connection, so what lies further back was read. A receiver
//! that closes behind the gateway's own end has read up to that end. And what was read long ago has been put where the receiver keeps it.
//!
//! Invariant: [`Window::safe`] and [`Window::after`] never name a record of which one of these is not known.

use std::collections::VecDeque;
use std::time::Duration;

use super::cursor::Place;
use crate::clock::Time;

/// More than machines buffer of one connection on both sides (Linux: 6 MiB to receive and 4 MiB to send, unless raised).
pub const MOST_UNDERWAY_BYTES: u64 = 16 << 20;
/// How long a receiver may take from reading a record to having it on its disk.
pub const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The gateway closed it, and the receiver behind that, having read all that was written.
    InOrder,
    /// In any other way, also where the receiver closed it of its own accord.
    Broken,
}

#[derive(Debug)]
pub struct Window {
    /// Pieces that were written and are not safe, in order.
    pieces: VecDeque<Piece>,
    safe: Place,
    /// Of all pieces together.
    bytes: u64,
}

#[derive(Debug)]
struct Piece {
    last: Place,
    bytes: u64,
    written: Time,
}

impl Window {
    /// Everything up to `safe` is with the receiver.
    pub fn from(safe: Place) -> Self {
        Self { pieces: VecDeque::new(), safe, bytes: 0 }
    }

    /// Records up to `last` were written, in so many bytes.
    pub fn wrote(&mut self, last: Place, bytes: usize, now: Time) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
        self.pieces.push_back(Piece { last, bytes, written: now });
    }

    /// The last record that the receiver has whatever happens to it now.
    pub fn safe(&mut self, now: Time) -> Place {
        while let Some(first) = self.pieces.front() {
            let behind = self.bytes.saturating_sub(first.bytes);
            if behind < MOST_UNDERWAY_BYTES || now.since(first.written) < SETTLED_AFTER {
                break;
            }
            (self.safe, self.bytes) = (first.last, behind);
            self.pieces.pop_front();
        }
        self.safe
    }

    /// The last record that it has now that the connection has ended.
    pub fn after(&mut self, ending: Ending, now: Time) -> Place {
        let safe = self.safe(now);
        match ending {
            Ending::Broken => safe,
            Ending::InOrder => {
                let settled = self.pieces.iter().take_while(|piece| now.since(piece.written) >= SETTLED_AFTER);
                settled.last().map_or(safe, |piece| piece.last)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn place(sequence: u64) -> Place {
        Place { sequence, ..Place::default() }
    }

    #[test]
    fn nothing_is_safe_by_its_age_alone_nor_by_what_came_after_it_alone() {
        let mut old = Window::from(place(5));
        old.wrote(place(6), 100, at(0));
        assert_eq!(old.safe(at(1_000_000)).sequence, 5, "a receiver that stands still may hold it unread for days");
        let mut fast = Window::from(place(5));
        (6..30).for_each(|sequence| fast.wrote(place(sequence), MIB, at(0)));
        assert_eq!(fast.safe(at(59)).sequence, 5, "it may not have written it down");
        assert_eq!(fast.safe(at(60)).sequence, 13, "sixteen pieces of a mebibyte came after it");
    }

    #[test]
    fn after_an_end_in_order_only_the_youngest_are_in_doubt_and_after_any_other_all() {
        let mut window = Window::from(place(0));
        window.wrote(place(3), 100, at(0));
        window.wrote(place(7), 100, at(10));
        window.wrote(place(9), 100, at(11));
        let mut after = |ending, now| window.after(ending, now).sequence;
        assert_eq!(after(Ending::Broken, at(70)), 0);
        assert_eq!(after(Ending::InOrder, at(70)), 7);
        assert_eq!(after(Ending::InOrder, at(30)), 0);
        assert_eq!(Window::from(place(4)).after(Ending::InOrder, at(0)).sequence, 4);
    }

    #[test]
    fn a_clock_that_stands_still_makes_nothing_safe() {
        let mut window = Window::from(place(0));
        (1..100).for_each(|sequence| window.wrote(place(sequence), MIB, at(5)));
        assert_eq!((window.safe(at(5)).sequence, window.after(Ending::InOrder, at(5)).sequence), (0, 0));
    }
}
