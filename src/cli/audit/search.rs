//! `yumen audit search`: finds records with the index, and reads them from the log.
//!
//! Invariant: what is printed or exported was read from the log; the index only says where.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use ipnet::IpNet;

use super::told::line;
use super::{count, since};
use crate::admin::LogExport;
use crate::audit::{Leaf, Sealed};
use crate::cli::control::{NotRunning, Which};
use crate::cli::print;
use crate::clock::Time;
use crate::gateway::{self, Ask};
use crate::model::{LogAccount, LogApp, LogDecision, LogKind, LogQuery, LogRow, Reference, UnitName, parse_network};
use crate::store::LogIndex;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// At most so many accesses and events, the newest of those that fit
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = count, default_value = "100")]
    lines: usize,
    #[command(flatten)]
    form: Form,
    /// Make the index anew from the log first; no gateway may be running
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    which: Which,
}

/// What is wanted: records that fit all of it.
#[derive(clap::Args)]
struct Asked {
    /// What this account did, or what was done to it (its name or id)
    #[arg(long, value_parser = |text: &str| LogAccount::parse(text).ok_or("is neither a name nor an id of an account"))]
    account: Option<LogAccount>,
    /// What people of this unit did
    #[arg(long, value_parser = |text: &str| UnitName::parse(text).map_err(|why| why.to_string()))]
    unit: Option<UnitName>,
    /// Accesses to this app (`portal`: to the gateway's own pages)
    #[arg(long, value_parser = |text: &str| LogApp::parse(text).ok_or("is not the id of an app, such as sites"))]
    app: Option<LogApp>,
    /// From this address, or from this network (192.0.2.0/24)
    #[arg(long, value_parser = |text: &str| parse_network(text).ok_or("is neither an address nor a network, such as 192.0.2.0/24"))]
    address: Option<IpNet>,
    /// allowed, refused or failed
    #[arg(long, value_parser = |text: &str| LogDecision::parse(text).ok_or("is none of allowed, refused, failed"))]
    decision: Option<LogDecision>,
    /// What happened: access, or the word for an event as the log has it (sign-in, token-issued)
    #[arg(long, value_parser = |text: &str| LogKind::parse(text).ok_or("is neither access nor the word for an event, such as sign-in"))]
    action: Option<LogKind>,
    /// Not before then: a time (2026-11-22T08:00:00Z) or a length back from now (30m, 24h)
    #[arg(long, value_parser = since)]
    from: Option<Time>,
    /// Before then
    #[arg(long, value_parser = since)]
    to: Option<Time>,
    /// The reference that an error page showed
    #[arg(long, value_parser = |text: &str| Reference::parse(text).ok_or("is not a reference: those have 16 letters and digits"))]
    reference: Option<Reference>,
    /// A part of a path, a rule, a detail or a name: two characters or more, in any case
    #[arg(long)]
    text: Option<String>,
}

/// How records are written; without either, one line each for people.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Form {
    /// One JSON object a line: sequence, hash of the leaf, checkpoint, record
    #[arg(long)]
    json: bool,
    /// A table of comma-separated values, with the same
    #[arg(long)]
    csv: bool,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let data = arguments.which.data()?;
    let sealed = Sealed::new(data.join("audit"));
    let index = data.join("log-index.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if arguments.rebuild {
        runtime.block_on(rebuild(&data, &index, &sealed))?;
    }
    put_on_record(&arguments.which, &arguments.asked.told());
    let rows = runtime.block_on(find(&index, &sealed, &arguments.asked.query(), arguments.lines))?;
    if rows.is_empty() {
        print::remark("yumen: no record fits");
    }
    let mut out = std::io::stdout().lock();
    write_all(&mut out, &sealed, &rows, &arguments.form)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

impl Asked {
    fn query(&self) -> LogQuery {
        LogQuery {
            account: self.account.clone(),
            unit: self.unit.clone(),
            app: self.app.clone(),
            address: self.address,
            decision: self.decision,
            kind: self.action,
            reference: self.reference.clone(),
            from: self.from,
            to: self.to,
            text: self.text.clone(),
            ..LogQuery::default()
        }
    }

    /// As it stands on record.
    fn told(&self) -> String {
        let given = [
            ("account", self.account.as_ref().map(|account| account.as_str().to_owned())),
            ("unit", self.unit.as_ref().map(ToString::to_string)),
            ("app", self.app.as_ref().map(|app| app.word().to_owned())),
            ("address", self.address.map(|network| network.to_string())),
            ("decision", self.decision.map(|decision| decision.word().to_owned())),
            ("action", self.action.map(LogKind::word)),
            ("from", self.from.map(|time| time.to_string())),
            ("to", self.to.map(|time| time.to_string())),
            ("reference", self.reference.as_ref().map(ToString::to_string)),
            ("text", self.text.clone()),
        ];
        let mut told = String::new();
        for (name, value) in given {
            if let Some(value) = value {
                let _ = write!(told, "{}{name}={value}", if told.is_empty() { "" } else { " " });
            }
        }
        if told.is_empty() { "everything".to_owned() } else { told }
    }
}

/// Whoever may read the files needs nobody's leave; but a gateway that runs is told.
fn put_on_record(which: &Which, asked: &str) {
    match which.ask(Ask::LogRead { asked: asked.to_owned() }) {
        Ok(_) => {}
        Err(error) if error.is::<NotRunning>() => print::remark("yumen: no gateway is running, so this reading is not on record"),
        Err(error) => print::remark(format_args!("yumen: this reading is not on record: {error:#}")),
    }
}

async fn rebuild(data: &Path, index: &Path, sealed: &Sealed) -> anyhow::Result<()> {
    let _ours =
        gateway::lock(data).context("only without a gateway can the index be made anew; one that runs keeps it up to date itself")?;
    let size = sealed.checkpoint()?.map_or(0, |checkpoint| checkpoint.size);
    let (index, _) = LogIndex::open(index).await?;
    index.begin_anew().await?;
    gateway::catch_up(&index, sealed, |done| print::remark(format_args!("yumen: {done} of {size} records are in the index"))).await?;
    index.close().await;
    Ok(())
}

/// The newest `most` that fit, the newest first.
async fn find(index: &Path, sealed: &Sealed, query: &LogQuery, most: usize) -> anyhow::Result<Vec<LogRow>> {
    let index = LogIndex::open_read_only(index).await?;
    let (size, up_to) = (sealed.checkpoint()?.map_or(0, |checkpoint| checkpoint.size), index.indexed_up_to().await?);
    if up_to > size {
        bail!("the index knows {up_to} records and the log has {size}: it is that of another log; make it anew with --rebuild");
    }
    let mut rows = Vec::new();
    let mut query = LogQuery { limit: most, ..query.clone() };
    while rows.len() < most {
        let page = index.search(&query).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
        query.limit = most.saturating_sub(rows.len());
    }
    if up_to < size {
        let missing = size.saturating_sub(up_to);
        print::remark(format_args!(
            "yumen: the newest {missing} records are not in the index yet and were not searched; a gateway that runs adds them, or --rebuild"
        ));
    }
    index.close().await;
    Ok(rows)
}

/// The oldest first, as `tail` prints them; an access with its end behind it.
fn write_all(out: &mut impl Write, sealed: &Sealed, rows: &[LogRow], form: &Form) -> anyhow::Result<()> {
    let Some(checkpoint) = sealed.checkpoint()? else { return Ok(()) };
    let export = LogExport::under(checkpoint);
    if form.csv {
        out.write_all(&LogExport::csv_heading()?)?;
    }
    // The index may not have heard yet of what was dropped.
    let oldest = sealed.oldest()?;
    for row in rows.iter().rev().filter(|row| row.sequence >= oldest) {
        for sequence in std::iter::once(row.sequence).chain(row.closed) {
            let leaf = leaf(sealed, sequence)?;
            if form.csv {
                out.write_all(&export.csv_line(&leaf)?)?;
            } else if form.json {
                out.write_all(&export.json_line(&leaf)?)?;
            } else {
                line(out, &leaf.entry().with_context(|| format!("record {sequence} is not understood by this version"))?, false)?;
            }
        }
    }
    Ok(())
}

fn leaf(sealed: &Sealed, sequence: u64) -> anyhow::Result<Leaf> {
    let leaf = sealed.read(sequence, 1)?.into_iter().find(|leaf| leaf.sequence == sequence);
    leaf.with_context(|| format!("the index names record {sequence}, which the log does not have; make the index anew with --rebuild"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::audit::{Journal, SealSettings, Sealer, Settings};
    use crate::clock::Clock;
    use crate::model::{Action, Event};

    const NOW: Time = Time::from_millis(1_795_316_645_678);

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn asked(words: &[&str]) -> Result<Arguments, clap::Error> {
        Line::try_parse_from([&["search"], words].concat()).map(|line| line.arguments)
    }

    #[test]
    fn what_is_asked_is_understood_or_refused_and_stands_on_record() {
        let words = ["--account", "Wang", "--address", "192.0.2.0/24", "--decision", "refused", "--action", "sign-in", "--text", "公开"];
        let asked_for = asked(&words).unwrap().asked;
        assert_eq!(asked_for.told(), "account=wang address=192.0.2.0/24 decision=refused action=sign-in text=公开");
        assert_eq!(asked(&[]).unwrap().asked.told(), "everything");
        for wrong in [["--address", "192.0.2"], ["--decision", "maybe"], ["--action", "nothing"], ["--reference", "x"], ["--from", "soon"]]
        {
            assert!(asked(&wrong).is_err(), "{wrong:?}");
        }
        assert!(asked(&["--json", "--csv"]).is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn records_are_found_read_from_the_log_and_written_in_each_form() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log-index.db");
        let (journal, _) = Journal::open(Settings::new(directory.path().join("audit/journal")), Clock::manual(NOW)).unwrap();
        let sealer = Sealer::start(&SealSettings::within(directory.path(), "gate.test"), &journal).unwrap();
        for name in ["wang", "li", "wang"] {
            journal.event(Event::failed(Action::SignIn).with("name", name)).await.unwrap();
        }
        sealer.size().wait_for(|size| *size >= 3).await.unwrap();
        let sealed = sealer.sealed();
        let query = asked(&["--account", "wang"]).unwrap().asked.query();
        let missing = find(&path, &sealed, &query, 10).await.unwrap_err().to_string();
        assert!(missing.contains("--rebuild"), "{missing}");

        rebuild(directory.path(), &path, &sealed).await.unwrap();
        let rows = find(&path, &sealed, &query, 10).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(find(&path, &sealed, &query, 1).await.unwrap().len(), 1);
        let written = |words: &[&str]| {
            let mut out = Vec::new();
            write_all(&mut out, &sealed, &rows, &asked(words).unwrap().form).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(written(&[]).lines().all(|line| line.contains("sign-in FAILED") && line.contains("name=wang")));
        let first: serde_json::Value = serde_json::from_str(written(&["--json"]).lines().next().unwrap()).unwrap();
        assert_eq!((first["sequence"].as_u64(), first["record"]["details"]["name"].as_str()), (Some(1), Some("wang")));
        assert_eq!(written(&["--csv"]).lines().count(), 3);
        let _held = gateway::lock(directory.path()).unwrap();
        assert!(rebuild(directory.path(), &path, &sealed).await.is_err(), "beside a gateway");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_dropped_is_not_printed_though_the_index_has_not_heard_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log-index.db");
        let (journal, _) = Journal::open(Settings::new(directory.path().join("audit/journal")), Clock::manual(NOW)).unwrap();
        let sealer = Sealer::start(&SealSettings::within(directory.path(), "gate.test"), &journal).unwrap();
        (0..300).for_each(|_| journal.note(Event::failed(Action::SignIn).with("name", "wang")));
        sealer.size().wait_for(|size| *size >= 300).await.unwrap();
        let sealed = sealer.sealed();
        rebuild(directory.path(), &path, &sealed).await.unwrap();
        sealed.drop_entries(&crate::audit::Old { first: 1, last: 256 }).unwrap();
        let arguments = asked(&["--json", "--account", "wang"]).unwrap();
        let rows = find(&path, &sealed, &arguments.asked.query(), 1_000).await.unwrap();
        let mut out = Vec::new();
        write_all(&mut out, &sealed, &rows, &arguments.form).unwrap();
        assert_eq!((rows.len(), String::from_utf8(out).unwrap().lines().count()), (300, 44));
    }
}
