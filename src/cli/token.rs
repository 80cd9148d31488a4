//! `yumen token`: asks the running gateway about tokens, from the drawer to their end.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::admin::TokenLine;
use crate::gateway::{Ask, ControlAnswer, TokenVerb};
use crate::model::{TokenKind, TokenState};

mod certificates;

use super::account::minute;
use super::control::Which;
use super::paint::{Cell, Paint, Tint, columns};

/// A file of seeds and its JSON must fit into one message to the gateway.
const LARGEST_FILE_BYTES: u64 = 3 * 1024 * 1024;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Put a maker's file of seeds into the drawer: PSKC (RFC 6030) or CSV (serial, seed, type, digits, period, hash)
    Import {
        file: PathBuf,
        /// A file with the pre-shared AES key of the seeds, in hexadecimal
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// Only say what would be imported
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        which: Which,
    },
    /// List tokens
    List {
        #[arg(long, value_parser = state, help = "in-stock, issued, active, suspended, lost, revoked or expired")]
        state: Option<TokenState>,
        #[arg(long, value_parser = kind, help = "usb-key, webauthn, oath or phone-app")]
        kind: Option<TokenKind>,
        /// A part of the serial number, the holder's name or her unit
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// As JSON
        #[arg(long, conflicts_with = "csv")]
        json: bool,
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Hand a token from the drawer to a person
    Issue {
        serial: String,
        account: String,
        /// The last day on which it opens doors (2027-06-30), or an instant (RFC 3339)
        #[arg(long, value_name = "DATE")]
        until: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Bring a code token back whose codes are not accepted: asks for two of its codes in a row
    Resync {
        serial: String,
        #[command(flatten)]
        which: Which,
    },
    /// Stop a token for the time being, and end what it opened
    Suspend {
        serial: String,
        #[command(flatten)]
        which: Which,
    },
    /// Let a suspended token open doors again
    Resume {
        serial: String,
        #[command(flatten)]
        which: Which,
    },
    /// A token is lost: stop it for ever, and end what it opened
    Lost {
        serial: String,
        #[command(flatten)]
        which: Which,
    },
    /// Take a token back: stop it for ever, and end what it opened
    Revoke {
        serial: String,
        #[command(flatten)]
        which: Which,
    },
    #[command(flatten)]
    Certificates(certificates::Verb),
}

fn state(word: &str) -> Result<TokenState, String> {
    TokenState::parse(word).ok_or_else(|| format!("a state is one of {}", words(TokenState::ALL.iter().map(|state| state.word()))))
}

fn kind(word: &str) -> Result<TokenKind, String> {
    TokenKind::parse(word).ok_or_else(|| format!("a kind is one of {}", words(TokenKind::ALL.iter().map(|kind| kind.word()))))
}

fn words<'w>(all: impl Iterator<Item = &'w str>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let change = |verb, serial, which: Which| which.ask(Ask::ChangeToken { verb, serial });
    let answer = match arguments.verb {
        Verb::List { state, kind, search, json, csv, which } => {
            let form = match (json, csv) {
                (true, _) => Form::Json,
                (false, true) => Form::Csv,
                (false, false) => Form::Table,
            };
            return list(&which.ask(Ask::Tokens { state, kind, search })?, form);
        }
        Verb::Import { file, key_file, dry_run, which } => {
            let seeds = text(&file)?;
            let key = key_file.as_deref().map(text).transpose()?;
            which.ask(Ask::ImportTokens { seeds, key, rehearse: dry_run })?
        }
        Verb::Issue { serial, account, until, which } => which.ask(Ask::IssueToken { serial, account, until })?,
        Verb::Resync { serial, which } => which.ask(Ask::ResynchroniseToken { serial, codes: two_codes()? })?,
        Verb::Suspend { serial, which } => change(TokenVerb::Suspend, serial, which)?,
        Verb::Resume { serial, which } => change(TokenVerb::Resume, serial, which)?,
        Verb::Lost { serial, which } => change(TokenVerb::Lost, serial, which)?,
        Verb::Revoke { serial, which } => change(TokenVerb::Revoke, serial, which)?,
        Verb::Certificates(verb) => return certificates::run(verb),
    };
    if let ControlAnswer::Done { message } = answer {
        writeln!(std::io::stdout(), "{message}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// From the terminal: what is typed after a command stays in the shell's history.
fn two_codes() -> anyhow::Result<(String, String)> {
    let ask = |which: &str| -> anyhow::Result<String> {
        write!(std::io::stderr(), "{which} code: ")?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(line.trim().to_owned())
    };
    Ok((ask("first")?, ask("next")?))
}

pub(super) fn text(path: &std::path::Path) -> anyhow::Result<String> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut text = String::new();
    let read = file.take(LARGEST_FILE_BYTES.saturating_add(1)).read_to_string(&mut text);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > LARGEST_FILE_BYTES {
        bail!("{} is larger than 3 MiB; split it", path.display());
    }
    Ok(text)
}

#[derive(Clone, Copy)]
enum Form {
    Table,
    Json,
    Csv,
}

fn list(answer: &ControlAnswer, form: Form) -> anyhow::Result<ExitCode> {
    let ControlAnswer::Tokens { tokens } = answer else { return Ok(ExitCode::SUCCESS) };
    let mut out = std::io::stdout().lock();
    match form {
        Form::Json => {
            serde_json::to_writer_pretty(&mut out, tokens)?;
            writeln!(out)?;
        }
        Form::Csv => out.write_all(&TokenLine::csv(tokens)?)?,
        Form::Table => out.write_all(table(tokens).as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(tokens: &[TokenLine]) -> String {
    let head = ["serial", "kind", "state", "holder", "last used", "unit"].map(|word| Cell::new(Tint::Faint, word)).to_vec();
    let row = |token: &TokenLine| {
        let used = token.last_used.as_deref().map_or_else(|| "never".to_owned(), minute);
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [&token.serial, token.kind.word(), token.state.word(), &or_none(&token.holder), &used, &or_none(&token.unit)]
            .map(Cell::plain)
            .to_vec()
    };
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(tokens.iter().map(row)).collect();
    columns(&rows, Paint::of_stdout())
}
