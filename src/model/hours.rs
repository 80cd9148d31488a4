//! When something holds: weekdays and hours as the clock on the wall of one place shows them.

use jiff::civil::{Date, DateTime, Time as Clock, Weekday};
use jiff::tz::TimeZone;

use crate::clock::Time;

/// A window that opens on each of some weekdays. Where it ends no later than it begins, it ends on the day after.
///
/// A local time that a clock change skips is taken as that much later, one that comes twice as its first coming
/// (RFC 5545, section 3.3.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    days: Vec<Weekday>,
    opens: Clock,
    length: Length,
    zone: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// To the end of the day: `24:00`.
    Midnight,
    SameDay(Clock),
    NextDay(Clock),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHours {
    #[error("names no weekday")]
    NoDay,
    #[error("begins and ends at the same time; write `00:00` to `24:00` for whole days")]
    Empty,
    #[error("is not a time of day such as `08:30`")]
    NotATime,
}

/// How many windows are looked at: those of a week, with the one before it and the one after.
const WINDOWS: i64 = 9;

impl Hours {
    /// `opens` and `closes` are `HH:MM`; `closes` may be `24:00`.
    pub fn new(days: &[Weekday], opens: &str, closes: &str, zone: TimeZone) -> Result<Self, NotHours> {
        if days.is_empty() {
            return Err(NotHours::NoDay);
        }
        let opens = time_of_day(opens)?;
        let length = match closes {
            "24:00" => Length::Midnight,
            text => match time_of_day(text)? {
                closes if closes == opens => return Err(NotHours::Empty),
                closes if closes > opens => Length::SameDay(closes),
                closes => Length::NextDay(closes),
            },
        };
        Ok(Self { days: days.to_vec(), opens, length, zone })
    }

    /// If the window is open at `wall`: when it closes. Windows that meet are one window.
    pub fn open_until(&self, wall: Time) -> Option<Time> {
        let mut until = None;
        for (opens, closes) in self.windows_around(wall) {
            let reached = until.unwrap_or(wall);
            if opens <= reached && reached < closes || until == Some(opens) {
                until = Some(closes);
            }
        }
        until
    }

    /// When it next opens after `wall`.
    pub fn opens_after(&self, wall: Time) -> Option<Time> {
        self.windows_around(wall).map(|(opens, _)| opens).find(|opens| *opens > wall)
    }

    /// The windows from yesterday's on, in order.
    fn windows_around(&self, wall: Time) -> impl Iterator<Item = (Time, Time)> {
        let today = wall.timestamp().to_zoned(self.zone.clone()).date();
        (0..WINDOWS).filter_map(move |day| {
            let date = days_after(today, day.saturating_sub(1))?;
            if !self.days.contains(&date.weekday()) {
                return None;
            }
            let closes = match self.length {
                Length::Midnight => days_after(date, 1)?.to_datetime(Clock::midnight()),
                Length::SameDay(closes) => date.to_datetime(closes),
                Length::NextDay(closes) => days_after(date, 1)?.to_datetime(closes),
            };
            Some((self.instant(date.to_datetime(self.opens))?, self.instant(closes)?))
        })
    }

    fn instant(&self, local: DateTime) -> Option<Time> {
        let timestamp = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Time::from_millis(timestamp.as_millisecond()))
    }
}

fn days_after(date: Date, days: i64) -> Option<Date> {
    date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

fn time_of_day(text: &str) -> Result<Clock, NotHours> {
    let (hour, minute) = text.split_once(':').ok_or(NotHours::NotATime)?;
    let number = |digits: &str| match digits.len() {
        2 if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<i8>().map_err(|_| NotHours::NotATime),
        _ => Err(NotHours::NotATime),
    };
    Clock::new(number(hour)?, number(minute)?, 0, 0).map_err(|_| NotHours::NotATime)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEKDAYS: [Weekday; 5] = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

    fn hours(days: &[Weekday], opens: &str, closes: &str, zone: &str) -> Hours {
        Hours::new(days, opens, closes, TimeZone::get(zone).unwrap()).unwrap()
    }

    fn at(text: &str) -> Time {
        Time::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[track_caller]
    fn check(hours: &Hours, table: &[(&str, Option<&str>)]) {
        for (wall, until) in table {
            assert_eq!(hours.open_until(at(wall)), until.map(at), "at {wall}");
        }
    }

    #[test]
    fn office_hours_are_those_of_their_own_place() {
        // 2026-11-23 is a Monday; Urumqi is six hours ahead of UTC.
        check(
            &hours(&WEEKDAYS, "09:30", "19:00", "Asia/Urumqi"),
            &[
                ("2026-11-23T03:29:59Z", None),
                ("2026-11-23T03:30:00Z", Some("2026-11-23T13:00:00Z")),
                ("2026-11-23T12:59:59Z", Some("2026-11-23T13:00:00Z")),
                ("2026-11-23T13:00:00Z", None),
                ("2026-11-22T05:00:00Z", None),
                ("2026-11-28T05:00:00Z", None),
            ],
        );
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_on_which_it_opens() {
        check(
            &hours(&[Weekday::Friday], "22:00", "06:00", "UTC"),
            &[
                ("2026-11-27T21:59:59Z", None),
                ("2026-11-27T22:00:00Z", Some("2026-11-28T06:00:00Z")),
                ("2026-11-28T05:59:59Z", Some("2026-11-28T06:00:00Z")),
                ("2026-11-28T06:00:00Z", None),
                ("2026-11-27T03:00:00Z", None),
                ("2026-11-28T23:00:00Z", None),
            ],
        );
    }

    #[test]
    fn windows_that_meet_are_one() {
        check(
            &hours(&[Weekday::Saturday, Weekday::Sunday], "00:00", "24:00", "UTC"),
            &[
                ("2026-11-27T23:59:59Z", None),
                ("2026-11-28T00:00:00Z", Some("2026-11-30T00:00:00Z")),
                ("2026-11-29T12:00:00Z", Some("2026-11-30T00:00:00Z")),
                ("2026-11-30T00:00:00Z", None),
            ],
        );
    }

    #[test]
    fn a_clock_change_moves_the_window_with_the_local_clock() {
        // Berlin: 2026-03-29 02:00 -> 03:00, 2026-10-25 03:00 -> 02:00.
        let days = [Weekday::Saturday, Weekday::Sunday];
        check(
            &hours(&days, "08:00", "18:00", "Europe/Berlin"),
            &[
                ("2026-03-28T07:00:00Z", Some("2026-03-28T17:00:00Z")),
                ("2026-03-29T06:00:00Z", Some("2026-03-29T16:00:00Z")),
                ("2026-03-28T06:59:59Z", None),
                ("2026-03-29T16:00:00Z", None),
            ],
        );
        let night = hours(&[Weekday::Saturday], "23:00", "02:30", "Europe/Berlin");
        check(&night, &[("2026-03-28T23:00:00Z", Some("2026-03-29T01:30:00Z")), ("2026-03-29T01:30:00Z", None)]);
        check(&night, &[("2026-10-24T22:00:00Z", Some("2026-10-25T00:30:00Z")), ("2026-10-25T00:30:00Z", None)]);
        check(&night, &[("2026-10-25T01:00:00Z", None)]);
    }

    #[test]
    fn the_next_opening_is_found_within_the_week() {
        let hours = hours(&[Weekday::Monday], "09:00", "10:00", "UTC");
        assert_eq!(hours.opens_after(at("2026-11-23T08:59:59Z")), Some(at("2026-11-23T09:00:00Z")));
        assert_eq!(hours.opens_after(at("2026-11-23T09:00:00Z")), Some(at("2026-11-30T09:00:00Z")));
    }

    #[test]
    fn hours_that_say_nothing_are_refused() {
        let new = |days: &[Weekday], opens, closes| Hours::new(days, opens, closes, TimeZone::UTC);
        assert_eq!(new(&[], "08:00", "09:00"), Err(NotHours::NoDay));
        assert_eq!(new(&WEEKDAYS, "08:00", "08:00"), Err(NotHours::Empty));
        for text in ["8:00", "08:60", "24:01", "24:00", "08.00", "0800", "+8:00", "08:00:00", ""] {
            assert_eq!(new(&WEEKDAYS, text, "23:00"), Err(NotHours::NotATime), "{text}");
        }
        assert!(new(&WEEKDAYS, "00:00", "24:00").is_ok());
    }
}
