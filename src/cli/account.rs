//! `yumen account`: asks the running gateway to change an account.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::gateway::{AccountLine, Ask, ControlAnswer};
use crate::model::{Role, is_email};

use super::control::Which;
use super::paint::{Cell, Paint, Tint, columns};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Create an account, or renew its invitation, and print the single-use link to enrol with
    Invite {
        /// The name that the person signs in with
        name: String,
        /// The unit (department) that she belongs to
        #[arg(long)]
        unit: String,
        #[arg(long, value_parser = role, help = "member, system-administrator, security-administrator or auditor")]
        role: Role,
        /// Told to back offices as X-Forwarded-Email
        #[arg(long, value_parser = email)]
        email: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// List all accounts
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Switch an account off and end its sessions
    Disable {
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Switch a disabled or suspended account on again
    Enable {
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// End all sessions of an account
    SignOut {
        name: String,
        #[command(flatten)]
        which: Which,
    },
}

fn role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| {
        let all: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
        format!("a role is one of {}", all.join(", "))
    })
}

fn email(text: &str) -> Result<String, &'static str> {
    if is_email(text) { Ok(text.to_owned()) } else { Err("is not an e-mail address, such as li.wei@example.org") }
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let answer = match arguments.verb {
        Verb::Invite { name, unit, role, email, which } => which.ask(Ask::Invite { name, unit, role, email })?,
        Verb::List { json, which } => return list(&which.ask(Ask::Accounts)?, json),
        Verb::Disable { name, which } => which.ask(Ask::Disable { name })?,
        Verb::Enable { name, which } => which.ask(Ask::Enable { name })?,
        Verb::SignOut { name, which } => which.ask(Ask::EndSessions { name })?,
    };
    match answer {
        ControlAnswer::Invited { link, expires } => {
            eprintln!("Hand this link to the person herself; it works once, until {}:", minute(&expires));
            writeln!(std::io::stdout(), "{link}")?;
        }
        ControlAnswer::Done { message } => writeln!(std::io::stdout(), "{message}")?,
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn list(answer: &ControlAnswer, json: bool) -> anyhow::Result<ExitCode> {
    let ControlAnswer::Accounts { accounts } = answer else { return Ok(ExitCode::SUCCESS) };
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, accounts)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["name", "role", "state", "created", "unit"].map(|word| Cell::new(Tint::Faint, word)).to_vec();
    let row = |account: &AccountLine| {
        [&account.name, account.role.word(), &account.state, &minute(&account.created), &account.unit].map(Cell::plain).to_vec()
    };
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(accounts.iter().map(row)).collect();
    out.write_all(columns(&rows, Paint::of_stdout()).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A time of the gateway's answer, for people.
pub(super) fn minute(rfc3339: &str) -> String {
    rfc3339.parse::<jiff::Timestamp>().map_or_else(|_| rfc3339.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
