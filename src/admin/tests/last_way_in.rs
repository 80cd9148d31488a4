//! The last token that lets a security administrator in: it is not stopped by a slip, and any other is.

use super::super::TokenEnd;
use super::town::{PORTAL, Town, at, certificate, serial};
use super::*;
use crate::model::TokenState;
use crate::pki::RequestedKey;
use crate::store::{NewCertificate, OwnCertificate};

const ENDS: [TokenEnd; 3] = [TokenEnd::ForNow, TokenEnd::Lost, TokenEnd::ForEver];

fn is_last(stopped: Result<usize, AdminError>) -> bool {
    match stopped {
        Err(error @ AdminError::LastWayIn { .. }) => {
            let said = error.to_string();
            assert!(
                said.contains("so that the last one is not lost by a slip") && said.contains("/keys") && said.contains("yumen recover")
            );
            assert!(said.contains(PORTAL), "{said}");
            true
        }
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

#[tokio::test]
async fn the_last_token_that_lets_a_security_administrator_in_is_stopped_by_nobody_and_opens_on() {
    let town = Town::of(&["ada"]).await;
    let key = town.serial_of("ada").await;
    for end in ENDS {
        assert!(is_last(town.desk.stop_token(&town.actor("ada"), &key, end, at(NOW)).await), "{end:?}");
        assert!(is_last(town.desk.stop_token(&OFFICE, &key, end, at(NOW)).await), "{end:?} by the machine's owner");
    }
    assert_eq!(town.desk.token(&OFFICE, &key).await.unwrap().state, TokenState::Active);
    assert!(!town.identity("ada").is_revoked());
    // A member's is hers alone, whatever is left to her.
    assert!(!is_last(town.desk.stop_token(&town.actor("ada"), &serial("F3"), TokenEnd::Lost, at(NOW)).await));
}

#[tokio::test]
async fn whoever_is_not_the_last_loses_her_last_token_and_then_the_other_one_is() {
    for end in ENDS {
        let town = Town::of(&["ada", "bea"]).await;
        let (hers, others) = (town.serial_of("ada").await, town.serial_of("bea").await);
        let signed_in = town.identity("ada");
        assert!(!is_last(town.desk.stop_token(&town.actor("ada"), &hers, end, at(NOW)).await), "{end:?}");
        assert!(signed_in.is_revoked());
        assert!(is_last(town.desk.stop_token(&town.actor("bea"), &others, end, at(NOW)).await), "{end:?}");
    }
}

#[tokio::test]
async fn one_of_two_tokens_of_the_last_one_is_stopped_and_a_certificate_that_is_the_last_is_not_revoked() {
    let town = Town::of(&["ada"]).await;
    let (ada, key) = (town.id("ada").await, town.serial_of("ada").await);
    let requested = RequestedKey::of_request(&certificates::request()).unwrap();
    let own = OwnCertificate { key: requested.info(), pem: "the first" };
    let (usb_key, new) = (serial("U1"), certificate(9));
    town.desk.store.issue_certificate(&usb_key, ada, &new, own, NOW).await.unwrap();
    let token = town.desk.token(&OFFICE, &usb_key).await.unwrap().id;
    assert!(town.desk.store.use_usb_key(&NewCertificate { token, ..new }, NOW).await.unwrap());
    assert!(is_last(town.desk.stop_token(&OFFICE, &key, TokenEnd::Lost, at(NOW)).await), "nobody vouches for the other's hardware");
    town.desk.store.note_hardware(token, true).await.unwrap();
    assert!(!is_last(town.desk.stop_token(&OFFICE, &key, TokenEnd::Lost, at(NOW)).await));
    assert!(is_last(town.desk.revoke_certificate(&OFFICE, &usb_key, at(NOW)).await));
    assert!(is_last(town.desk.stop_token(&OFFICE, &usb_key, TokenEnd::ForEver, at(NOW)).await));
}
