//! `yumen account`: asks the running gateway to change an account.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::gateway::{AccountLine, Ask, ControlAnswer};
use crate::model::{Role, is_email};

use super::control::Which;
use super::paint::{Cell, Paint, Tint, columns};
use super::people::{self, Letters};
use super::print;

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
    /// Import members from a file of comma-separated values: name, unit, role, email, token (serial number), by a heading, in any order
    ///
    /// The whole file is looked through first; with anything wrong in it nothing is imported. Interrupted, it goes on when it is run again.
    Import {
        file: PathBuf,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Make printable letters, one page each, for members who were given a token and have not enrolled
    ///
    /// A letter's code works once, for days, and only together with the serial number of the token. It is shown here and nowhere else.
    Letters {
        /// Only those whom this list names
        people: Option<PathBuf>,
        /// The HTML file to write, or a directory for letters.html
        #[arg(long, value_name = "DIR|FILE.html")]
        out: PathBuf,
        /// Only people of this unit
        #[arg(long)]
        unit: Option<String>,
        /// Also for those whose letter or invitation still works; that one is void then
        #[arg(long)]
        again: bool,
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
        Verb::Import { file, dry_run, which } => return people::import(&file, dry_run, &which),
        Verb::Letters { people, out, unit, again, which } => {
            let wanted = Letters { out: &out, unit: unit.as_deref(), people: people.as_deref(), again };
            return people::letters(&wanted, &which);
        }
        Verb::Disable { name, which } => which.ask(Ask::Disable { name })?,
        Verb::Enable { name, which } => which.ask(Ask::Enable { name })?,
        Verb::SignOut { name, which } => which.ask(Ask::EndSessions { name })?,
    };
    match answer {
        ControlAnswer::Invited { link, expires } => {
            print::remark(format_args!("Hand this link to the person herself; it works once, until {}:", minute(&expires)));
            print::result(link)?;
        }
        ControlAnswer::Done { message } => print::result(message)?,
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
