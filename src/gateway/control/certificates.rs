//! What the control socket is asked about certificates of USB-KEYs.

use super::tokens::parsed;
use super::{ControlAnswer, account_name, done, told, why_not};
use crate::admin::{Actor, AdminError, CertificateLine, Certified, When};
use crate::gateway::house::House;
use crate::model::Serial;
use crate::pki::RequestedKey;

pub(super) async fn create(house: &House, actor: &Actor, name: &str) -> Result<ControlAnswer, String> {
    let name = name.trim();
    if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err("the authority's name has to be 1 to 64 characters, none of them invisible".to_owned());
    }
    house.desk.create_authority(actor, name, house.clock.wall()).await.map_err(|error| told(&error))?;
    let config = "to have it believed, `issued_here = true` in a `[[usb_keys.authorities]]` of the config";
    Ok(done(format!("the authority \"{name}\" is made: its key is issuing-ca.key in the data directory, so keep a copy of it; {config}")))
}

pub(super) async fn issue(
    house: &House,
    actor: &Actor,
    serial: &str,
    account: &str,
    request: &str,
    days: u32,
) -> Result<ControlAnswer, String> {
    let (serial, name) = (parsed(serial)?, account_name(account)?);
    let issued = house.desk.issue_certificate(actor, &serial, &name, request, days, when(house)).await;
    let Certified { pem, not_after } = issued.map_err(|error| told_of(house, &error, Some(request), &serial))?;
    let message = format!("{serial} is issued to {name} with a certificate until {not_after}; put it into the token");
    Ok(ControlAnswer::Certificate { pem, message })
}

pub(super) async fn renew(house: &House, actor: &Actor, serial: &str, request: Option<&str>, days: u32) -> Result<ControlAnswer, String> {
    let serial = parsed(serial)?;
    let renewed = house.desk.renew_certificate(actor, &serial, request, days, when(house)).await;
    let Certified { pem, not_after } = renewed.map_err(|error| told_of(house, &error, request, &serial))?;
    let message = format!("{serial} has a new certificate until {not_after}, and the one before counts no more; put it into the token");
    Ok(ControlAnswer::Certificate { pem, message })
}

pub(super) async fn revoke(house: &House, actor: &Actor, serial: &str) -> Result<ControlAnswer, String> {
    let serial = parsed(serial)?;
    let ended = house.desk.revoke_certificate(actor, &serial, when(house)).await.map_err(|error| told(&error))?;
    Ok(done(format!("the certificate of {serial} is revoked; {ended} sessions ended")))
}

pub(super) async fn fetch(house: &House, actor: &Actor, serial: &str) -> Result<ControlAnswer, String> {
    let serial = parsed(serial)?;
    let Certified { pem, not_after } = house.desk.certificate(actor, &serial).await.map_err(|error| told(&error))?;
    Ok(ControlAnswer::Certificate { pem, message: format!("the certificate of {serial} lasts until {not_after}") })
}

/// Of a change that waits, also by what the two know the key, and where the certificate is to be had then.
fn told_of(house: &House, error: &AdminError, request: Option<&str>, serial: &Serial) -> String {
    if !matches!(error, AdminError::Proposed(_)) {
        return why_not(house, error);
    }
    let key = request.and_then(|request| RequestedKey::of_request(request).ok());
    let key = key.map_or_else(String::new, |key| format!("; the page shows this key: {}", key.digest()));
    format!("{}{key}; when it is done, `yumen token certificate {serial}` fetches the certificate", told(error))
}

pub(super) async fn list(house: &House, actor: &Actor) -> Result<ControlAnswer, String> {
    let certificates = house.desk.certificates(actor).await.map_err(|error| told(&error))?;
    Ok(ControlAnswer::Certificates { certificates: certificates.into_iter().map(CertificateLine::of).collect() })
}

pub(super) fn when(house: &House) -> When {
    When { now: house.clock.now(), wall: house.clock.wall() }
}
