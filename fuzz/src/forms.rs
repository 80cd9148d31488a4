//! Forms: read without a panic, and what is read out of them is canonical or refused.

use url::form_urlencoded;
use yumen::crypto::Token;
use yumen::model::{AccountName, SessionId, UnitName};
use yumen::web::Fields;

pub fn run(bytes: &[u8]) {
    let form = Fields::parse(bytes);
    let pairs: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    for (name, _) in &pairs {
        let first = pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        assert_eq!(Some(form.text(name)), first, "the first field of a name counts");
    }
    let again = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let again = Fields::parse(again.as_bytes());
    for (name, _) in &pairs {
        assert_eq!(form.text(name), again.text(name));
    }

    if let Ok(name) = AccountName::parse(form.text("name")) {
        assert_eq!(AccountName::parse(name.as_str()).as_ref(), Ok(&name), "a name is its own canonical form");
        assert!((1..=64).contains(&name.as_str().chars().count()));
        assert!(!name.as_str().chars().any(char::is_control));
    }
    if let Ok(unit) = UnitName::parse(form.text("unit")) {
        assert_eq!(UnitName::parse(unit.as_str()).as_ref(), Ok(&unit));
    }
    if let Some(token) = Token::parse(form.text("challenge")) {
        assert_eq!(token.reveal(), form.text("challenge"));
    }
    let _ = form.text("session").parse::<SessionId>();
}
