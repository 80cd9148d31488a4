//! Counts the frames of HTTP/2 that cost their sender nothing and the gateway work, before h2 sees them.
//!
//! h2 bounds what it keeps, but answers every PING and SETTINGS and takes every reset of a stream that it has handed on. So each
//! connection has a budget for such frames: it fills with time and with what the client was sent (who downloads much also
//! says often that he has room), and a client that has used it up is cut off.
//!
//! Invariant: keeps its place and two counters; how the bytes are cut into pieces changes nothing.

use std::time::Duration;

use crate::clock::Time;

/// A connection's budget; what it has used is given back with time.
#[derive(Clone, Debug)]
pub struct Frames {
    at: At,
    head: [u8; HEAD],
    control: Budget,
    resets: Budget,
    /// Bytes sent that have not paid for a frame yet.
    sent: u64,
    /// How many heads of requests have begun, and whether the last one has not ended.
    heads: u64,
    in_head: bool,
    /// The frame under way is the last of a head.
    ends_head: bool,
}

/// Too much of what nobody needs so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood(pub &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// So many bytes of the client's preface are still to come (RFC 9113, section 3.4).
    Preface(usize),
    /// So many bytes of a frame's head are there.
    Head(usize),
    /// So many bytes of its payload are still to come.
    Payload(u32),
}

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

const PREFACE: usize = 24;
const HEAD: usize = 9;

/// A page that somebody leaves may cancel a hundred requests at once, and the next one again.
const RESETS: Rate = Rate { most: 250, a_second: 25 };
const CONTROL: Rate = Rate { most: 1_000, a_second: 100 };
/// What is sent to the client pays for its window updates.
const BYTES_A_FRAME: u64 = 2_048;
/// SETTINGS change how a connection works: more dear than the rest.
const SETTINGS_COST: u32 = 10;
/// A body in smaller pieces than this is counted like control frames; whole ones are not.
const SMALL_DATA: u32 = 32;

#[derive(Clone, Copy, Debug)]
struct Rate {
    most: u32,
    a_second: u32,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    rate: Rate,
    left: u32,
    /// Up to when time has been given back.
    settled: Time,
}

impl Budget {
    fn new(rate: Rate, now: Time) -> Self {
        Self { rate, left: rate.most, settled: now }
    }

    /// `false`: it is used up.
    fn spend(&mut self, cost: u32, now: Time) -> bool {
        // Whole seconds, so that nothing is lost to rounding.
        let seconds = now.since(self.settled).as_secs();
        if seconds > 0 {
            self.settled = self.settled.plus(Duration::from_secs(seconds));
            let earned = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(self.rate.a_second);
            self.left = self.left.saturating_add(earned).min(self.rate.most);
        }
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    fn earn(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(self.rate.most);
    }
}

impl Frames {
    pub fn new(now: Time) -> Self {
        Self {
            at: At::Preface(PREFACE),
            head: [0; HEAD],
            control: Budget::new(CONTROL, now),
            resets: Budget::new(RESETS, now),
            sent: 0,
            heads: 0,
            in_head: false,
            ends_head: false,
        }
    }

    /// The client was sent so many bytes.
    pub fn sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
        if let Some(frames) = self.sent.checked_div(BYTES_A_FRAME).filter(|frames| *frames > 0) {
            self.sent = self.sent.checked_rem(BYTES_A_FRAME).unwrap_or(0);
            self.control.earn(u32::try_from(frames).unwrap_or(u32::MAX));
        }
    }

    /// Which head, if one has begun and not ended: its fields may come in many frames (RFC 9113, section 4.3).
    pub fn open_head(&self) -> Option<u64> {
        self.in_head.then_some(self.heads)
    }

    /// Judges what came next.
    pub fn judge(&mut self, bytes: &[u8], now: Time) -> Result<(), Flood> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.step(rest, now)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Takes some of `bytes`, which are not empty.
    fn step(&mut self, bytes: &[u8], now: Time) -> Result<usize, Flood> {
        match self.at {
            At::Preface(left) => {
                let taken = left.min(bytes.len());
                self.at = if taken == left { At::Head(0) } else { At::Preface(left.saturating_sub(taken)) };
                Ok(taken)
            }
            At::Head(there) => {
                let wanted = HEAD.saturating_sub(there);
                let taken = wanted.min(bytes.len());
                for (place, byte) in self.head.iter_mut().skip(there).zip(bytes) {
                    *place = *byte;
                }
                if taken < wanted {
                    self.at = At::Head(there.saturating_add(taken));
                } else {
                    self.at = self.frame(now)?;
                }
                Ok(taken)
            }
            At::Payload(left) => {
                let here = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let taken = left.min(here);
                self.at = if taken == left { self.end_frame() } else { At::Payload(left.saturating_sub(taken)) };
                Ok(usize::try_from(taken).unwrap_or(bytes.len()))
            }
        }
    }

    /// Counts the frame whose head is complete (RFC 9113, section 4.1).
    fn frame(&mut self, now: Time) -> Result<At, Flood> {
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let control = |cost| (cost, "more HTTP/2 control frames than anybody needs");
        let (cost, what) = match kind {
            // DATA: the last one of a body may be small, or empty.
            // Padding makes a small piece look large, and no browser pads.
            0 if (length < SMALL_DATA || flags & PADDED != 0) && flags & 1 == 0 => control(1),
            // DATA and HEADERS: bodies and requests have limits of their own.
            0 | 1 => (0, ""),
            3 => (1, "more HTTP/2 resets than anybody needs"),
            4 => control(SETTINGS_COST),
            _ => control(1),
        };
        let budget = if kind == 3 { &mut self.resets } else { &mut self.control };
        if cost > 0 && !budget.spend(cost, now) {
            return Err(Flood(what));
        }
        if kind == HEADERS {
            self.heads = self.heads.wrapping_add(1);
            self.in_head = true;
        }
        self.ends_head = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0;
        Ok(if length == 0 { self.end_frame() } else { At::Payload(length) })
    }

    fn end_frame(&mut self) -> At {
        if self.ends_head {
            self.in_head = false;
        }
        At::Head(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(1_000_000);

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(std::iter::repeat_n(0, usize::from(length)));
        frame
    }

    fn connection() -> Frames {
        let mut frames = Frames::new(START);
        frames.judge(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", START).unwrap();
        frames
    }

    /// How many of `frame` in a row are taken, up to 5,000.
    fn taken(frames: &mut Frames, frame: &[u8], now: Time) -> usize {
        (0..5_000).take_while(|_| frames.judge(frame, now).is_ok()).count()
    }

    #[test]
    fn floods_end_and_requests_with_their_bodies_do_not_count() {
        for (kind, length, most) in [(3, 4, 250), (4, 0, 100), (6, 8, 1_000), (8, 4, 1_000), (9, 1, 1_000), (0, 1, 1_000), (0xbe, 0, 1_000)]
        {
            assert_eq!(taken(&mut connection(), &frame(kind, 0, length), START), most, "frame type {kind}");
        }
        assert_eq!(taken(&mut connection(), &frame(0, 8, 200), START), 1_000, "padding");
        assert_eq!(taken(&mut connection(), &frame(0, 0, 200), START), 5_000);
        assert_eq!(taken(&mut connection(), &frame(0, 1, 1), START), 5_000, "the last piece of a body");
        assert_eq!(taken(&mut connection(), &frame(1, 5, 40), START), 5_000);
    }

    #[test]
    fn the_budget_fills_again_with_time_and_with_what_is_sent() {
        let mut frames = connection();
        let ping = frame(6, 0, 8);
        assert_eq!(taken(&mut frames, &ping, START), 1_000);
        let later = START.plus(Duration::from_millis(2_500));
        let mut frames = connection();
        taken(&mut frames, &ping, START);
        assert_eq!(taken(&mut frames.clone(), &ping, later), 200, "two whole seconds");
        let mut frames = connection();
        (0..1_000).for_each(|_| frames.judge(&ping, START).unwrap());
        (0..128).for_each(|_| frames.sent(1_024));
        assert_eq!(taken(&mut frames, &ping, START), 64);
    }

    #[test]
    fn a_head_is_open_from_its_first_frame_to_the_end_of_its_last() {
        let mut frames = connection();
        assert_eq!(frames.open_head(), None);
        let mut open_after = |bytes: &[u8]| {
            frames.judge(bytes, START).unwrap();
            frames.open_head()
        };
        let whole = frame(1, 4, 20);
        assert_eq!((open_after(&whole[..15]), open_after(&whole[15..])), (Some(1), None));
        assert_eq!(open_after(&frame(1, 0, 20)), Some(2), "more is to come");
        assert_eq!(open_after(&frame(9, 0, 20)), Some(2));
        assert_eq!(open_after(&frame(9, 4, 0)), None);
        assert_eq!(open_after(&frame(0, 4, 20)), None, "a body is no head");
    }

    #[test]
    fn pieces_change_nothing() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for _ in 0..300 {
            bytes.extend(frame(0, 0, 200));
            bytes.extend(frame(3, 0, 4));
        }
        let place = |size: usize| {
            let mut frames = Frames::new(START);
            let mut fine = 0;
            for piece in bytes.chunks(size) {
                if frames.judge(piece, START).is_err() {
                    break;
                }
                fine += piece.len();
            }
            fine
        };
        let exact = place(1);
        assert!(exact < bytes.len(), "it is a flood");
        for size in [2, 7, 9, 4_096] {
            assert_eq!(place(size), exact / size * size, "pieces of {size}");
        }
    }
}
