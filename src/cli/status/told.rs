//! A status as a person reads it. Pure: a status and whether to colour in, text out.

use crate::cli::paint::{Cell, Paint, Tint, columns};
use crate::gateway::{AppStatus, CertificateStatus, EmergencyStatus, RetentionStatus, SinkStatus, Status, UpstreamState, UpstreamStatus};

/// A certificate that ends sooner should be renewed now.
const RENEW_WITHIN_DAYS: i64 = 21;

pub fn told(status: &Status, paint: Paint) -> String {
    let (word, tint) = if status.ready { ("ready", Tint::Good) } else { ("not ready", Tint::Bad) };
    let mut text = format!("{} is {}\n", paint.on(Tint::Strong, &format!("Yumen {}", status.version)), paint.on(tint, word));
    for reason in &status.not_ready {
        text.push_str(&format!("  {} {reason}\n", paint.on(Tint::Bad, "!")));
    }
    for warning in &status.warnings {
        text.push_str(&format!("  {} {warning}\n", paint.on(Tint::Warn, "!")));
    }
    text.push_str(&columns(&facts(status), paint));
    section(&mut text, paint, "Apps", &status.apps.iter().flat_map(app).collect::<Vec<_>>());
    section(&mut text, paint, "Copies of the log", &status.sinks.iter().map(sink).collect::<Vec<_>>());
    section(&mut text, paint, "Certificates", &status.certificates.iter().map(certificate).collect::<Vec<_>>());
    if !status.waiting_for_restart.is_empty() {
        let keys = status.waiting_for_restart.join(", ");
        text.push_str(&format!("\n{} {keys}\n", paint.on(Tint::Warn, "Changed in the config, but waiting for a restart:")));
    }
    text
}

fn facts(status: &Status) -> Vec<Vec<Cell>> {
    let fact = |name: &str, text: String| vec![Cell::new(Tint::Faint, name), Cell::plain(text)];
    let (sessions, connections, memory, log) = (&status.sessions, &status.connections, &status.memory, &status.log);
    let synced = log.last_sync.as_deref().map_or("never synced".to_owned(), |time| format!("last synced {}", shown(time)));
    let log_tint = if log.ready { Tint::Plain } else { Tint::Bad };
    let log_word = if log.ready { "takes records" } else { "takes no records" };
    let mut facts = vec![
        fact("since", format!("{} ({})", shown(&status.since), length(status.up_seconds))),
        fact("portal", status.portal.clone()),
        fact("listens on", status.listeners.join(", ")),
        fact("metrics", status.monitoring.clone().unwrap_or_else(|| "switched off".to_owned())),
        fact("sessions", format!("{} open; {} signed in", sessions.open, counted(sessions.accounts, "account", "accounts"))),
        fact(
            "connections",
            format!(
                "{} open; {} accepted, {} over the cap, {} failed handshakes, {} too slow",
                connections.open, connections.accepted, connections.over_cap, connections.handshakes_failed, connections.too_slow
            ),
        ),
        vec![
            Cell::new(Tint::Faint, "memory"),
            Cell::new(
                if memory.short { Tint::Bad } else { Tint::Plain },
                format!(
                    "{} of {}; {} turned away and {} ended because it was short",
                    size(memory.resident),
                    size(memory.cap),
                    counted(connections.turned_away, "connection", "connections"),
                    connections.relieved
                ),
            ),
        ],
        vec![
            Cell::new(Tint::Faint, "log"),
            Cell::new(
                log_tint,
                format!(
                    "{log_word}; sequence {}, {} sealed, {synced}, {} waiting, room for {}",
                    log.sequence,
                    log.sealed,
                    log.queued,
                    size(log.free)
                ),
            ),
        ],
        fact("log key", log.verifier_key.clone()),
    ];
    facts.extend(status.retention.as_ref().map(|retention| fact("log kept", kept(retention))));
    facts.extend(status.plan.as_ref().map(|plan| {
        let (triggers, alarms) = (counted(plan.triggers, "trigger", "triggers"), counted(plan.fired, "alarm", "alarms"));
        fact("plan", format!("{}; {triggers}, {alarms} since the start, at {}", plan.name, plan.sequence))
    }));
    facts.extend(status.incidents.as_ref().filter(|incidents| incidents.open > 0).map(|incidents| {
        let (tint, unseen) = match incidents.unseen {
            0 => (Tint::Plain, "somebody sees to each".to_owned()),
            unseen => (Tint::Bad, format!("{unseen} of which nobody has said that she sees to it: `yumen incident list`")),
        };
        vec![Cell::new(Tint::Faint, "incidents"), Cell::new(tint, format!("{} open, {unseen}", incidents.open))]
    }));
    facts.extend(status.emergency.as_ref().map(emergency));
    facts
}

fn emergency(emergency: &EmergencyStatus) -> Vec<Cell> {
    let EmergencyStatus { level, since, until, terms } = emergency;
    let terms = if terms.is_empty() { "nothing by itself".to_owned() } else { terms.join("; ") };
    let told = format!("level {level} since {} until {}: {terms}", shown(since), shown(until));
    vec![Cell::new(Tint::Faint, "emergency"), Cell::new(Tint::Bad, told)]
}

/// For how long, since when, and where to.
fn kept(retention: &RetentionStatus) -> String {
    let oldest = match (retention.oldest, &retention.oldest_time) {
        (Some(sequence), Some(time)) => format!("; the oldest record is {sequence}, of {}", shown(time)),
        _ => String::new(),
    };
    let archive = match (&retention.archive, retention.last_archived_sequence, &retention.last_archived) {
        (None, ..) => "; dropped without a copy".to_owned(),
        (Some(archive), Some(last), Some(time)) => format!("; archived up to {last} in {archive}, last {}", shown(time)),
        (Some(archive), ..) => format!("; nothing archived yet in {archive}"),
    };
    format!("{}{oldest}{archive}", counted(retention.keep_days, "day", "days"))
}

fn section(text: &mut String, paint: Paint, title: &str, rows: &[Vec<Cell>]) {
    if !rows.is_empty() {
        text.push_str(&format!("\n{}\n{}", paint.on(Tint::Strong, title), columns(rows, paint)));
    }
}

/// One line for each upstream; what is said of the app stands in the first.
fn app(app: &AppStatus) -> Vec<Vec<Cell>> {
    let line = |(index, upstream): (usize, &UpstreamStatus)| {
        let said = |text: &str| Cell::plain(if index == 0 { text } else { "" });
        let (word, tint) = match upstream.state {
            UpstreamState::Unused => ("not used yet", Tint::Faint),
            UpstreamState::Up => ("up", Tint::Good),
            UpstreamState::Failing => ("failing", Tint::Bad),
        };
        let counts = match &upstream.last_failure {
            None => format!("{} answered", upstream.answered),
            Some(last) => format!("{} answered, {} failed, the last {}", upstream.answered, upstream.failed, shown(last)),
        };
        vec![said(&app.id), said(&app.name), said(&app.label), Cell::plain(&upstream.address), Cell::new(tint, word), Cell::plain(counts)]
    };
    app.upstreams.iter().enumerate().map(line).collect()
}

fn sink(sink: &SinkStatus) -> Vec<Cell> {
    let (word, tint) = if sink.connected { ("connected", Tint::Good) } else { ("not connected", Tint::Bad) };
    let late = match sink.lag_records {
        0 => "nothing waits".to_owned(),
        waiting => format!("{} waiting, the oldest for {}", counted(waiting, "record", "records"), length(sink.lag_seconds)),
    };
    let missed = match sink.missed {
        0 => String::new(),
        missed => format!(", {} dropped from the log before they were sent", counted(missed, "record was", "records were")),
    };
    let trouble = sink.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let sent = format!("sent up to {}, {late}{missed}{trouble}", sink.sequence);
    vec![Cell::plain(&sink.name), Cell::plain(&sink.to), Cell::new(tint, word), Cell::plain(sent)]
}

fn certificate(certificate: &CertificateStatus) -> Vec<Cell> {
    let (left, tint) = match certificate.days_left {
        days @ i64::MIN..0 => (format!("ended {} ago: renew it", counted(days.unsigned_abs(), "day", "days")), Tint::Bad),
        days @ 0..RENEW_WITHIN_DAYS => (format!("{} left: renew it soon", counted(days.unsigned_abs(), "day", "days")), Tint::Warn),
        days => (format!("{} left", counted(days.unsigned_abs(), "day", "days")), Tint::Plain),
    };
    vec![Cell::plain(&certificate.host), Cell::plain(format!("until {}", shown(&certificate.expires))), Cell::new(tint, left)]
}

/// A time to the second: `2026-11-22 03:04:05 UTC`.
fn shown(time: &str) -> String {
    match (time.get(..10), time.get(11..19)) {
        (Some(date), Some(clock)) => format!("{date} {clock} UTC"),
        _ => time.to_owned(),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `1.5 GiB`.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit).unwrap_or((1, "B"));
    let tenths = bytes.saturating_mul(10).checked_div(unit).unwrap_or(0);
    format!("{}.{} {name}", tenths.checked_div(10).unwrap_or(0), tenths.checked_rem(10).unwrap_or(0))
}

/// The two largest units: `3 h 12 min`.
fn length(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, name) in UNITS {
        let count = rest.checked_div(size).unwrap_or(0);
        rest = rest.checked_rem(size).unwrap_or(0);
        if count > 0 || (size == 1 && parts.is_empty()) {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.truncate(2);
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{ConnectionStatus, LogStatus, MemoryStatus, SessionStatus};

    fn status() -> Status {
        let upstream = |address: &str, state, failed, last_failure: Option<&str>| UpstreamStatus {
            address: address.to_owned(),
            state,
            answered: 7,
            failed,
            last_failure: last_failure.map(str::to_owned),
        };
        let upstreams = vec![
            upstream("http://10.1.0.11:8080", UpstreamState::Up, 0, None),
            upstream("http://10.1.0.12:8080", UpstreamState::Failing, 2, Some("2026-11-22T03:04:05.678Z")),
        ];
        let sink = |name: &str, connected: bool| SinkStatus {
            name: name.to_owned(),
            to: "tls://logs.city.example:6514".to_owned(),
            connected,
            sent: 40,
            sequence: 40,
            safe: 12,
            missed: if connected { 0 } else { 256 },
            lag_records: if connected { 0 } else { 2 },
            lag_seconds: 65,
            reconnects: 0,
            trouble: (!connected).then(|| "it cannot be reached".to_owned()),
        };
        let certificate =
            |host: &str, days_left| CertificateStatus { host: host.to_owned(), expires: "2027-01-01T00:00:00.000Z".to_owned(), days_left };
        Status {
            version: "0.1.0".to_owned(),
            since: "2026-11-22T01:02:03.000Z".to_owned(),
            up_seconds: 3 * 3600 + 12 * 60 + 9,
            ready: true,
            not_ready: Vec::new(),
            warnings: Vec::new(),
            portal: "https://gate.city.example".to_owned(),
            listeners: vec!["0.0.0.0:443".to_owned()],
            monitoring: None,
            apps: vec![AppStatus {
                id: "sites".to_owned(),
                name: "政务网站群系统".to_owned(),
                label: "internal".to_owned(),
                address: "https://sites.city.example".to_owned(),
                upstreams,
            }],
            sessions: SessionStatus { open: 3, accounts: 1 },
            connections: ConnectionStatus {
                open: 1,
                accepted: 2,
                over_cap: 0,
                handshakes_failed: 0,
                too_slow: 0,
                turned_away: 1,
                relieved: 0,
            },
            memory: MemoryStatus { resident: 150 << 20, cap: 3 << 29, short: false },
            sinks: vec![sink("siem", true), sink("shipper", false)],
            retention: Some(RetentionStatus {
                keep_days: 365,
                reason: None,
                archive: Some("s3://yumen-log/gate".to_owned()),
                oldest: Some(513),
                oldest_time: Some("2026-11-22T03:00:00.000Z".to_owned()),
                last_archived: Some("2027-11-23T03:00:00.000Z".to_owned()),
                last_archived_sequence: Some(512),
                last_archived_object: Some("x".to_owned()),
                archived: 512,
                dropped: 512,
                failures: 0,
                trouble: None,
            }),
            plan: None,
            incidents: None,
            emergency: Some(EmergencyStatus {
                level: "III".to_owned(),
                since: "2026-11-22T02:00:00.000Z".to_owned(),
                until: "2026-11-23T02:00:00.000Z".to_owned(),
                terms: vec!["read-only all apps".to_owned(), "enrolment frozen".to_owned()],
            }),
            closed: Vec::new(),
            log: LogStatus {
                ready: true,
                sequence: 42,
                sealed: 41,
                verifier_key: "gate.city.test/audit/k3f9x2ab+01020304+AQID".to_owned(),
                last_sync: None,
                queued: 0,
                free: 5 << 30,
                reserve: 1 << 30,
            },
            certificates: vec![
                certificate("gate.city.example", 90),
                certificate("sites.city.example", 20),
                certificate("ug.city.example", -1),
            ],
            waiting_for_restart: Vec::new(),
        }
    }

    #[test]
    fn a_status_reads_well_without_colour() {
        let text = told(&status(), Paint::Plain);
        assert!(!text.contains('\u{1b}'));
        for line in [
            "Yumen 0.1.0 is ready",
            "  since        2026-11-22 01:02:03 UTC (3 h 12 min)",
            "  sessions     3 open; 1 account signed in",
            "  memory       150.0 MiB of 1.5 GiB; 1 connection turned away and 0 ended because it was short",
            "  log          takes records; sequence 42, 41 sealed, never synced, 0 waiting, room for 5.0 GiB",
            "  emergency    level III since 2026-11-22 02:00:00 UTC until 2026-11-23 02:00:00 UTC: read-only all apps; enrolment frozen",
            "  log kept     365 days; the oldest record is 513, of 2026-11-22 03:00:00 UTC; archived up to 512 in s3://yumen-log/gate, last 2027-11-23 03:00:00 UTC",
            "  sites  政务网站群系统  internal  http://10.1.0.11:8080  up       7 answered",
            "                                   http://10.1.0.12:8080  failing  7 answered, 2 failed, the last 2026-11-22 03:04:05 UTC",
            "  siem     tls://logs.city.example:6514  connected      sent up to 40, nothing waits",
            "  shipper  tls://logs.city.example:6514  not connected  sent up to 40, 2 records waiting, the oldest for 1 min 5 s, 256 records were dropped from the log before they were sent: it cannot be reached",
            "  gate.city.example   until 2027-01-01 00:00:00 UTC  90 days left",
            "  sites.city.example  until 2027-01-01 00:00:00 UTC  20 days left: renew it soon",
            "  ug.city.example     until 2027-01-01 00:00:00 UTC  ended 1 day ago: renew it",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("waiting for a restart"));
    }

    #[test]
    fn what_is_wrong_is_said_first_and_coloured() {
        let wrong = Status {
            ready: false,
            not_ready: vec!["the store failed".to_owned()],
            waiting_for_restart: vec!["listen".to_owned(), "caps".to_owned()],
            ..status()
        };
        let text = told(&wrong, Paint::Plain);
        assert!(text.starts_with("Yumen 0.1.0 is not ready\n  ! the store failed\n"), "{text}");
        assert!(text.contains("waiting for a restart: listen, caps\n"), "{text}");
        let warned = Status { warnings: vec!["little room is left".to_owned()], ..status() };
        assert!(told(&warned, Paint::Plain).starts_with("Yumen 0.1.0 is ready\n  ! little room is left\n"));
        let coloured = told(&wrong, Paint::Colour);
        assert!(coloured.contains("\u{1b}[31mnot ready") || coloured.contains("\u{1b}[1m\u{1b}[31mnot ready"), "{coloured:?}");
    }

    #[test]
    fn lengths_are_told_in_two_units() {
        for (seconds, told) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (200_000, "2 d 7 h")] {
            assert_eq!(length(seconds), told);
        }
    }
}
