//! Records in the words of the Open Cybersecurity Schema Framework (https://schema.ocsf.io). Pure: a record in, JSON out.
//!
//! Invariant: every record has the attributes that its class requires; what the schema has no place for stands under `unmapped`, so that
//! nothing of a record is lost but the salt.

mod people;
mod table;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::{Map, Value, json};

use self::people::{actor, target, user};
use self::table::{Class, OTHER, told};
use super::severity::Severity;
use crate::model::{Action, Closed, Decision, End, Entry, Event, Opened, Outcome, Record};

/// The version of the schema.
pub const VERSION: &str = "1.5.0";

/// What is the same for every record of a log.
pub struct Around<'a> {
    /// The log's name.
    pub origin: &'a str,
    /// The portal's host.
    pub host: &'a str,
    /// Of the leaf, in hexadecimal.
    pub leaf: &'a str,
}

pub fn record(entry: &Entry, around: &Around<'_>) -> Value {
    let severity = Severity::of(&entry.record);
    let mut body = match &entry.record {
        Record::Opened(opened) => opened_access(opened),
        Record::Closed(closed) => closed_access(closed, around),
        Record::Event(event) => told_event(event, around, entry),
        Record::StillOpen { references } => {
            let mut body = begun(Class::ApplicationLifecycle, OTHER, "still-open");
            body.insert("app".to_owned(), product());
            body.insert("unmapped".to_owned(), json!({ "references": references }));
            body
        }
    };
    let reference = match &entry.record {
        Record::Opened(opened) => Some(&opened.reference),
        Record::Closed(closed) => Some(&closed.reference),
        Record::Event(event) => event.reference.as_ref(),
        Record::StillOpen { .. } => None,
    };
    let mut metadata = metadata(around.origin);
    let sequence = entry.sequence;
    let uid = reference.map_or(sequence.to_string(), |reference| format!("{reference}/{sequence}"));
    metadata.insert("uid".to_owned(), json!(uid));
    metadata.insert("sequence".to_owned(), json!(sequence));
    metadata.insert("original_time".to_owned(), json!(entry.time));
    if let Some(reference) = reference {
        metadata.insert("correlation_uid".to_owned(), json!(reference));
    }
    body.insert("metadata".to_owned(), Value::Object(metadata));
    body.insert("time".to_owned(), json!(millis(&entry.time)));
    body.insert("severity_id".to_owned(), json!(severity.ocsf()));
    note(&mut body, "leaf", json!(around.leaf));
    Value::Object(body)
}

/// A checkpoint of the log, which is no record of it.
pub fn checkpoint(origin: &str, size: u64, note_text: &str, time: &str) -> Value {
    let mut body = begun(Class::ApplicationLifecycle, OTHER, "checkpoint");
    let mut metadata = metadata(origin);
    metadata.insert("uid".to_owned(), json!(format!("checkpoint/{size}")));
    body.insert("metadata".to_owned(), Value::Object(metadata));
    body.insert("app".to_owned(), product());
    body.insert("time".to_owned(), json!(millis(time)));
    body.insert("severity_id".to_owned(), json!(Severity::Informational.ocsf()));
    body.insert("unmapped".to_owned(), json!({ "size": size, "note": note_text }));
    Value::Object(body)
}

fn begun(class: Class, activity: u32, activity_name: &str) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("class_uid".to_owned(), json!(class.uid()));
    body.insert("class_name".to_owned(), json!(class.name()));
    body.insert("category_uid".to_owned(), json!(class.category()));
    body.insert("activity_id".to_owned(), json!(activity));
    body.insert("activity_name".to_owned(), json!(activity_name));
    body.insert("type_uid".to_owned(), json!(class.uid().saturating_mul(100).saturating_add(activity)));
    body
}

fn product() -> Value {
    json!({ "name": "Yumen", "vendor_name": "Yumen", "version": env!("CARGO_PKG_VERSION") })
}

fn metadata(origin: &str) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("version".to_owned(), json!(VERSION));
    metadata.insert("product".to_owned(), product());
    metadata.insert("log_name".to_owned(), json!(origin));
    metadata
}

/// Puts something under `unmapped`.
fn note(body: &mut Map<String, Value>, name: &str, value: Value) {
    let unmapped = body.entry("unmapped").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(unmapped) = unmapped {
        unmapped.insert(name.to_owned(), value);
    }
}

fn success(body: &mut Map<String, Value>, is_good: bool, detail: &str) {
    body.insert("status_id".to_owned(), json!(if is_good { 1 } else { 2 }));
    body.insert("status_detail".to_owned(), json!(detail));
}

fn opened_access(opened: &Opened) -> Map<String, Value> {
    let mut body = begun(Class::HttpActivity, method(&opened.method), &opened.method);
    success(&mut body, opened.decision == Decision::Allowed, &opened.rule);
    let mut url = json!({ "scheme": "https", "hostname": opened.host, "path": opened.path });
    if let (Some(url), Some(query)) = (url.as_object_mut(), &opened.query) {
        url.insert("query_string".to_owned(), json!(query));
    }
    body.insert("http_request".to_owned(), json!({ "http_method": opened.method, "url": url, "uid": opened.reference }));
    body.insert("src_endpoint".to_owned(), json!({ "ip": opened.address, "port": opened.port }));
    body.insert("dst_endpoint".to_owned(), json!({ "hostname": opened.host }));
    body.insert("tls".to_owned(), json!({ "version": opened.tls }));
    if let Some(app) = &opened.app {
        body.insert("app_name".to_owned(), json!(app));
    }
    if let Some(who) = &opened.who {
        body.insert("actor".to_owned(), actor(who));
    }
    note(&mut body, "decision", json!(opened.decision));
    note(&mut body, "tls_group", json!(opened.group));
    if let Some(label) = opened.label {
        note(&mut body, "label", json!(label));
    }
    body
}

/// Its request is told by the record that opened it, which has the same `metadata.correlation_uid`.
fn closed_access(closed: &Closed, around: &Around<'_>) -> Map<String, Value> {
    let mut body = begun(Class::HttpActivity, OTHER, "closed");
    success(&mut body, closed.end == End::Complete, &word(&closed.end));
    body.insert("http_response".to_owned(), json!({ "code": closed.status, "length": closed.bytes_down }));
    let bytes = closed.bytes_up.saturating_add(closed.bytes_down);
    body.insert("traffic".to_owned(), json!({ "bytes": bytes, "bytes_in": closed.bytes_up, "bytes_out": closed.bytes_down }));
    body.insert("duration".to_owned(), json!(closed.duration_ms));
    body.insert("dst_endpoint".to_owned(), json!({ "hostname": around.host }));
    body
}

fn told_event(event: &Event, around: &Around<'_>, entry: &Entry) -> Map<String, Value> {
    let (class, activity) = match (event.action, event.outcome) {
        // There is enough room again.
        (Action::DiskSpace | Action::LogFull, Outcome::Done) => (Class::IncidentFinding, 3),
        (action, _) => told(action),
    };
    let action = word(&event.action);
    let mut body = begun(class, activity, &action);
    body.insert("message".to_owned(), json!(format!("{action} {}", word(&event.outcome))));
    success(&mut body, event.outcome == Outcome::Done, event.details.get("why").map_or("", String::as_str));
    if let Some(address) = event.address {
        body.insert("src_endpoint".to_owned(), json!({ "ip": address }));
    }
    if let Some(who) = &event.who {
        body.insert("actor".to_owned(), actor(who));
    }
    match class {
        Class::Authentication => authentication(&mut body, event, around),
        Class::AccountChange => {
            body.insert("user".to_owned(), target(event));
        }
        Class::HttpActivity => http(&mut body, event, around),
        Class::IncidentFinding => finding(&mut body, event, &action, activity, entry),
        Class::ApplicationLifecycle => {
            body.insert("app".to_owned(), product());
        }
    }
    for (name, value) in &event.details {
        note(&mut body, name, json!(value));
    }
    body
}

fn authentication(body: &mut Map<String, Value>, event: &Event, around: &Around<'_>) {
    let service = event.details.get("app").map_or(around.host, String::as_str);
    body.insert("service".to_owned(), json!({ "name": service }));
    body.insert("dst_endpoint".to_owned(), json!({ "hostname": around.host }));
    body.insert("is_remote".to_owned(), json!(event.address.is_some()));
    let who = event.who.as_deref();
    body.insert("user".to_owned(), who.map_or_else(|| target(event), user));
    if let Some(factor) = who.and_then(|who| who.factor) {
        note(body, "factor", json!(factor));
    }
    if let Some(session) = who.and_then(|who| who.session.as_deref()) {
        body.insert("session".to_owned(), json!({ "uid": session }));
    }
}

fn http(body: &mut Map<String, Value>, event: &Event, around: &Around<'_>) {
    let path = event.details.get("path").map_or("", String::as_str);
    let url = json!({ "scheme": "https", "hostname": around.host, "path": path });
    body.insert("http_request".to_owned(), json!({ "url": url }));
    body.insert("dst_endpoint".to_owned(), json!({ "hostname": around.host }));
}

fn finding(body: &mut Map<String, Value>, event: &Event, action: &str, activity: u32, entry: &Entry) {
    // What was opened is new, what was closed is closed (`status_id` of this class).
    body.insert("status_id".to_owned(), json!(if activity == 3 { 5 } else { 1 }));
    let subject =
        ["scope", "app", "account"].iter().find_map(|name| event.details.get(*name)).map_or(String::new(), |subject| format!("/{subject}"));
    let finding = json!({ "uid": format!("{action}{subject}/{}", entry.sequence), "title": action, "created_time": millis(&entry.time) });
    body.insert("finding_info_list".to_owned(), json!([finding]));
    body.insert("desc".to_owned(), json!(action));
    // The class asks for somebody; who it is, the gateway does not know.
    body.insert("assignee_group".to_owned(), json!({ "name": "security-administrator" }));
}

fn method(method: &str) -> u32 {
    match method {
        "CONNECT" => 1,
        "DELETE" => 2,
        "GET" => 3,
        "HEAD" => 4,
        "OPTIONS" => 5,
        "POST" => 6,
        "PUT" => 7,
        "TRACE" => 8,
        "PATCH" => 9,
        _ => OTHER,
    }
}

/// The word by which the log knows it.
pub fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn millis(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond)
}
