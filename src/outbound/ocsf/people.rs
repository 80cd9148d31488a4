//! People in OCSF: who did it, and to whom it was done.

use serde_json::{Map, Value, json};

use crate::model::{Event, Role, Who};

pub fn actor(who: &Who) -> Value {
    let mut actor = Map::new();
    actor.insert("user".to_owned(), user(who));
    if let Some(session) = who.session.as_deref() {
        actor.insert("session".to_owned(), json!({ "uid": session }));
    }
    Value::Object(actor)
}

pub fn user(who: &Who) -> Value {
    // 1 user, 2 administrator.
    let kind = if who.role == Role::Member { 1 } else { 2 };
    json!({
        "uid": who.account,
        "name": who.name,
        "type_id": kind,
        "type": who.role,
        "groups": [{ "name": who.unit, "type": "unit" }],
    })
}

/// Whom an event is about: the account that its details name, or else the one who did it, or else nobody who is known.
pub fn target(event: &Event) -> Value {
    let detail = |name: &str| event.details.get(name);
    match (detail("account"), event.who.as_deref(), detail("name")) {
        (Some(account), _, Some(name)) => json!({ "uid": account, "name": name }),
        (Some(account), _, None) => json!({ "uid": account }),
        (None, Some(who), _) => user(who),
        (None, None, Some(name)) => json!({ "name": name }),
        (None, None, None) => json!({ "name": "(unknown)", "type_id": 0 }),
    }
}
