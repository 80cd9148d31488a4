//! Notices for machines: JSON by POST, signed as the Standard Webhooks specification (1.0.0) has it.
//!
//! Invariant: a receiver that knows the key can tell each notice from a forged one, and one that comes again by its id; no redirect is followed.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use serde_json::json;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::super::read_secret;
use super::super::wire::{self, Wire};
use super::{NotSent, client_config};
use crate::clock::Time;
use crate::crypto::{Hash, hmac};
use crate::incident::notice::{Letter, Webhook};

const PREFIX: &str = "whsec_";

pub async fn send(webhook: &Webhook, letter: &Letter, wall: Time) -> Result<(), NotSent> {
    let file = webhook.secret_file.clone();
    let read = spawn_blocking(move || read_key(&file)).await.map_err(|_| NotSent::Stopped)?;
    let key = read.map_err(|why| NotSent::Secret(format!("{} {why}", webhook.secret_file.display())))?;
    let body = body(letter);
    let timestamp = wall.millis().div_euclid(1_000).to_string();
    let uri: Uri = webhook.url.parse().map_err(|_| NotSent::Malformed("its address is none".to_owned()))?;
    let mut request = Request::post(uri.clone())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("yumen/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", &timestamp)
        .header("webhook-signature", signature(&key, &letter.id, &timestamp, &body))
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| NotSent::Malformed(error.to_string()))?;
    wire::address(&mut request);
    let tls = match &webhook.ca {
        Some(ca) => Some(client_config(ca).await?),
        None => None,
    };
    let (mut sender, _driver) = Wire::new(tls).open(&uri).await.map_err(NotSent::Unreachable)?;
    let answer =
        sender.send_request(request).await.map_err(|error| NotSent::refused(&format!("the receiver answers nothing: {error}"), &[]))?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        // Nothing else of what it says is read.
        status => Err(NotSent::Refused(format!("the receiver answers with the status {}", status.as_u16()))),
    }
}

fn body(letter: &Letter) -> String {
    let text = json!({ "subject": letter.subject, "text": letter.text });
    let to: Vec<_> = letter.to.iter().map(|to| json!({ "duty": to.duty, "account": to.account })).collect();
    let mut data = letter.data.clone();
    if let Some(data) = data.as_object_mut() {
        data.insert("message".to_owned(), text);
        data.insert("to".to_owned(), to.into());
        data.insert("detail".to_owned(), serde_json::to_value(letter.what).unwrap_or_default());
    }
    json!({ "type": format!("{}.{}", letter.what.topic(), letter.what.word()), "timestamp": letter.time.to_string(), "data": data })
        .to_string()
}

/// HMAC-SHA-256 of id, time and body, with a dot between each.
fn signature(key: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    format!("v1,{}", STANDARD.encode(hmac(Hash::Sha256, key, signed.as_bytes())))
}

/// The key of signatures, from a file that is its owner's alone. Gives a sentence without its subject where it cannot be used.
pub fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = read_secret(path)?;
    let key = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
    match key {
        Some(key) if (24..=64).contains(&key.len()) => Ok(key),
        _ => Err("holds no key of signatures".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        // The example that the specification's own libraries are tested with.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_has_its_prefix_and_enough_bytes_and_is_its_owner_s() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let read = |content: &str, mode: u32| {
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            read_key(&file).map(|key| key.to_vec())
        };
        let good = format!("whsec_{}", STANDARD.encode([7; 32]));
        assert_eq!(read(&format!("{good}\n"), 0o600).unwrap(), [7; 32]);
        assert!(read(&good, 0o604).unwrap_err().contains("is open to others"));
        for bad in [&good[6..], "whsec_", "whsec_AAAA", "whsec_!", &format!("whsec_{}", STANDARD.encode([7; 65]))] {
            assert_eq!(read(bad, 0o600).unwrap_err(), "holds no key of signatures", "{bad}");
        }
    }
}
