//! What the control socket is asked about tokens.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{ControlAnswer, account_name, done, told, why_not};
use crate::admin::{Actor, TokenEnd, TokenLine};
use crate::clock::Time;
use crate::gateway::house::House;
use crate::model::Serial;
use crate::oath::TransportKey;
use crate::store::TokenFilter;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenVerb {
    Suspend,
    Resume,
    Lost,
    Revoke,
}

pub(super) async fn import(house: &House, actor: &Actor, seeds: &str, key: Option<&str>, rehearse: bool) -> Result<ControlAnswer, String> {
    let read = |text| TransportKey::parse(text).ok_or("the key file does not hold 32, 48 or 64 hexadecimal digits (AES-128, 192 or 256)");
    let key = key.map(read).transpose()?;
    let count = house.desk.import_seeds(actor, seeds.as_bytes(), key.as_ref(), rehearse, house.clock.now()).await;
    let count = count.map_err(|error| told(&error))?;
    let what = if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") };
    Ok(done(if rehearse {
        format!("{what} would be imported; nothing was done")
    } else {
        format!("{what} imported; `yumen token issue` hands one out")
    }))
}

pub(super) async fn list(house: &House, actor: &Actor, filter: &TokenFilter) -> Result<ControlAnswer, String> {
    let tokens = house.desk.tokens(actor, filter).await.map_err(|error| told(&error))?;
    Ok(ControlAnswer::Tokens { tokens: tokens.into_iter().map(TokenLine::of).collect() })
}

pub(super) async fn issue(house: &House, actor: &Actor, serial: &str, account: &str, until: Option<&str>) -> Result<ControlAnswer, String> {
    let (serial, name) = (parsed(serial)?, account_name(account)?);
    if let Some(text) = until {
        let until = end_of(text, &TimeZone::system())
            .ok_or_else(|| format!("{text:?} is neither a date (2027-06-30) nor an instant (RFC 3339)"))?;
        if until <= house.clock.wall() {
            return Err(format!("{text} is over already"));
        }
        // First: a token that was handed out must not live on because the second step failed.
        house.desk.limit_token(actor, &serial, until).await.map_err(|error| told(&error))?;
    }
    house.desk.issue_token(actor, &serial, &name, house.clock.now()).await.map_err(|error| why_not(house, &error))?;
    Ok(done(format!("{serial} is issued to {name}, who shows with its first code that she has it")))
}

pub(super) async fn resynchronise(house: &House, actor: &Actor, serial: &str, codes: (&str, &str)) -> Result<ControlAnswer, String> {
    let serial = parsed(serial)?;
    house.desk.resynchronise_token(actor, &serial, codes, house.clock.wall()).await.map_err(|error| told(&error))?;
    Ok(done(format!("{serial} is in step again; its next code counts")))
}

pub(super) async fn change(house: &House, actor: &Actor, verb: TokenVerb, serial: &str) -> Result<ControlAnswer, String> {
    let serial = parsed(serial)?;
    let now = house.clock.now();
    let (end, said) = match verb {
        TokenVerb::Resume => {
            house.desk.resume_token(actor, &serial, now).await.map_err(|error| why_not(house, &error))?;
            return Ok(done(format!("{serial} is active again")));
        }
        TokenVerb::Suspend => (TokenEnd::ForNow, "is suspended"),
        TokenVerb::Lost => (TokenEnd::Lost, "is lost, and opens nothing any more"),
        TokenVerb::Revoke => (TokenEnd::ForEver, "is revoked"),
    };
    let ended = house.desk.stop_token(actor, &serial, end, super::certificates::when(house)).await.map_err(|error| told(&error))?;
    let sessions = match ended {
        0 => "it had no session open".to_owned(),
        1 => "the session that it had opened has ended".to_owned(),
        more => format!("the {more} sessions that it had opened have ended"),
    };
    Ok(done(format!("{serial} {said}; {sessions}")))
}

/// The end of a day there, or an instant.
fn end_of(text: &str, zone: &TimeZone) -> Option<Time> {
    let end = match text.parse::<jiff::civil::Date>() {
        Ok(day) if text.len() == 10 => day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp(),
        _ => text.parse::<jiff::Timestamp>().ok()?,
    };
    Some(Time::from_millis(end.as_millisecond()))
}

pub(super) fn parsed(serial: &str) -> Result<Serial, String> {
    Serial::parse(serial).map_err(|why| format!("the serial number {serial:?} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_a_token_is_its_own_to_the_end() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let end = |text| end_of(text, &zone).map(|time| time.to_string());
        assert_eq!(end("2027-06-30").as_deref(), Some("2027-06-30T16:00:00.000Z"));
        assert_eq!(end("2027-06-30T01:00:00Z").as_deref(), Some("2027-06-30T01:00:00.000Z"));
        for text in ["", "soon", "2027-02-30", "2027-06-30T01:00:00", "30.6.2027"] {
            assert_eq!(end(text), None, "{text:?}");
        }
    }
}
