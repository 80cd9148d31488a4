//! Which codes of a token are still to come: what it has spent, and how far its clock is off.
//!
//! Invariant: a code that was taken is spent, and so is every one before it; there is no way back.

use super::code::{Kind, Scheme, Seed, TypedCode};

/// Presses of the button that nobody sent: so many codes ahead are tried (RFC 4226, section 7.4). More would make guessing easier.
const LOOK_AHEAD: u64 = 10;
/// A clock that was right at the last code may be off by so much at this one (RFC 6238, section 6).
const DRIFT_SECONDS: u64 = 60;
/// Where two codes in a row must show that the person holds the token, far more is tried.
const RESYNC_AHEAD: u64 = 1_000;
const RESYNC_DRIFT_SECONDS: u64 = 60 * 60;

/// Where a token stands. It is stored beside the seed, and replaced by what a right code makes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first counter or time step that is not spent.
    pub next: u64,
    /// How many steps the token's clock is ahead of ours (or behind, where negative), as its last code showed.
    pub drift: i64,
}

impl Progress {
    /// What the token has spent once `typed` was taken; `None`: it is not one of the codes that may come now. `unix_seconds` is the wall's time.
    #[must_use]
    pub fn take(self, seed: &Seed, scheme: Scheme, typed: &TypedCode, unix_seconds: u64) -> Option<Self> {
        let expected = self.expected(scheme, unix_seconds, LOOK_AHEAD, DRIFT_SECONDS);
        // Each is compared, so that the answer's time does not tell which one was right.
        let right = expected.filter(|counter| typed.is(&seed.code(scheme, *counter))).fold(None, |first, counter| first.or(Some(counter)));
        right.map(|counter| self.after(scheme, counter, unix_seconds))
    }

    /// The same for a token that has gone astray: two codes, one right after the other, from a far larger range.
    #[must_use]
    pub fn resynchronise(self, seed: &Seed, scheme: Scheme, (first, second): (&TypedCode, &TypedCode), unix_seconds: u64) -> Option<Self> {
        let mut expected = self.expected(scheme, unix_seconds, RESYNC_AHEAD, RESYNC_DRIFT_SECONDS);
        let found =
            expected.find(|counter| first.is(&seed.code(scheme, *counter)) && second.is(&seed.code(scheme, counter.saturating_add(1))))?;
        Some(self.after(scheme, found.saturating_add(1), unix_seconds))
    }

    /// The unspent counters that may come, the likeliest range only.
    fn expected(self, scheme: Scheme, unix_seconds: u64, ahead: u64, drift_seconds: u64) -> impl Iterator<Item = u64> {
        let (from, to) = match scheme.kind() {
            Kind::Hotp => (self.next, self.next.saturating_add(ahead)),
            Kind::Totp { period } => {
                let middle = step(unix_seconds, period).saturating_add_signed(self.drift);
                let around = steps(drift_seconds, period);
                (middle.saturating_sub(around).max(self.next), middle.saturating_add(around).saturating_add(1))
            }
        };
        from..to
    }

    fn after(self, scheme: Scheme, counter: u64, unix_seconds: u64) -> Self {
        let drift = match scheme.kind() {
            Kind::Hotp => 0,
            Kind::Totp { period } => {
                let now = step(unix_seconds, period);
                i64::try_from(counter.abs_diff(now)).map_or(self.drift, |off| if counter < now { off.saturating_neg() } else { off })
            }
        };
        Self { next: counter.saturating_add(1), drift }
    }
}

fn step(unix_seconds: u64, period: u32) -> u64 {
    steps(unix_seconds, period)
}

fn steps(seconds: u64, period: u32) -> u64 {
    seconds.checked_div(period.into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::Hash;

    const NOW: u64 = 1_800_000_000;

    fn seed() -> Seed {
        Seed::new(b"12345678901234567890".to_vec()).unwrap()
    }

    fn hotp() -> Scheme {
        Scheme::new(Kind::Hotp, Hash::Sha1, 6).unwrap()
    }

    fn totp(period: u32) -> Scheme {
        Scheme::new(Kind::Totp { period }, Hash::Sha1, 6).unwrap()
    }

    fn code(scheme: Scheme, counter: u64) -> TypedCode {
        TypedCode::parse(&seed().code(scheme, counter)).unwrap()
    }

    #[test]
    fn a_counted_code_is_taken_once_and_with_it_all_before_it() {
        let start = Progress { next: 5, drift: 0 };
        let take = |progress: Progress, counter| progress.take(&seed(), hotp(), &code(hotp(), counter), NOW);
        assert_eq!(take(start, 5), Some(Progress { next: 6, drift: 0 }));
        assert_eq!(take(start, 14), Some(Progress { next: 15, drift: 0 }), "nine presses were not sent");
        assert_eq!(take(start, 15), None, "too far ahead");
        let later = take(start, 8).unwrap();
        for spent in 0..=8 {
            assert_eq!(take(later, spent), None, "{spent}");
        }
    }

    #[test]
    fn a_timed_code_is_taken_once_about_its_time() {
        for (period, around) in [(30, 2_i64), (60, 1)] {
            let scheme = totp(period);
            let now = NOW / u64::from(period);
            let take = |progress: Progress, off: i64| progress.take(&seed(), scheme, &code(scheme, now.saturating_add_signed(off)), NOW);
            for off in -around..=around {
                let taken = take(Progress::default(), off).unwrap();
                assert_eq!(taken, Progress { next: now.saturating_add_signed(off) + 1, drift: off });
                for spent in -around..=off {
                    assert_eq!(take(taken, spent), None, "{spent} after {off}");
                }
            }
            assert_eq!(take(Progress::default(), around + 1), None);
            assert_eq!(take(Progress::default(), -around - 1), None);
        }
    }

    #[test]
    fn a_clock_that_goes_wrong_slowly_is_followed() {
        let scheme = totp(30);
        let mut progress = Progress::default();
        for use_number in 0..40 {
            let now = NOW + use_number * 86_400;
            let shown = now / 30 + use_number;
            progress = progress.take(&seed(), scheme, &code(scheme, shown), now).expect("one step a day is little");
        }
        assert_eq!(progress.drift, 39);
        let stranger = Progress { drift: 0, ..progress };
        let now = NOW + 40 * 86_400;
        assert_eq!(stranger.take(&seed(), scheme, &code(scheme, now / 30 + 40), now), None, "nobody else is believed to be so far off");
    }

    #[test]
    fn a_token_that_has_gone_astray_comes_back_with_two_codes_in_a_row() {
        let start = Progress { next: 5, drift: 0 };
        let again =
            |scheme: Scheme, first, second| start.resynchronise(&seed(), scheme, (&code(scheme, first), &code(scheme, second)), NOW);
        assert_eq!(again(hotp(), 500, 501), Some(Progress { next: 502, drift: 0 }));
        for (first, second) in [(500, 500), (500, 502), (501, 500), (3, 4), (1_005, 1_006)] {
            assert_eq!(again(hotp(), first, second), None, "{first} {second}");
        }
        let now = NOW / 30;
        assert_eq!(again(totp(30), now - 100, now - 99), Some(Progress { next: now - 98, drift: -99 }));
        assert_eq!(again(totp(30), now + 90, now + 91), Some(Progress { next: now + 92, drift: 91 }));
        assert_eq!(again(totp(30), now + 121, now + 122), None, "more than an hour off");
    }

    proptest! {
        #[test]
        fn progress_never_goes_back(next in 0..u64::MAX, drift in -1_000_i64..1_000, now in 0..u64::MAX / 2, typed in "[0-9]{6}", second in "[0-9]{6}") {
            let (progress, typed, second) = (Progress { next, drift }, TypedCode::parse(&typed).unwrap(), TypedCode::parse(&second).unwrap());
            for scheme in [hotp(), totp(30), totp(60)] {
                if let Some(taken) = progress.take(&seed(), scheme, &typed, now) {
                    prop_assert!(taken.next > next || next == u64::MAX);
                    prop_assert_eq!(taken.take(&seed(), scheme, &typed, now).filter(|again| again.next == taken.next), None);
                }
                let _ = progress.resynchronise(&seed(), scheme, (&typed, &second), now);
            }
        }
    }
}
