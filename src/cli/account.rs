//! `yumen account`: asks the running gateway to change an account.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::gateway::{Ask, ControlAnswer};
use crate::model::Role;

use super::control::Which;

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
        #[arg(long)]
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

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let answer = match arguments.verb {
        Verb::Invite { name, unit, role, email, which } => which.ask(&Ask::Invite { name, unit, role, email })?,
        Verb::List { json, which } => return list(&which.ask(&Ask::Accounts)?, json),
        Verb::Disable { name, which } => which.ask(&Ask::Disable { name })?,
        Verb::Enable { name, which } => which.ask(&Ask::Enable { name })?,
        Verb::SignOut { name, which } => which.ask(&Ask::EndSessions { name })?,
    };
    match answer {
        ControlAnswer::Invited { link, expires } => {
            eprintln!("Hand this link to the person herself; it works once, until {expires}:");
            writeln!(std::io::stdout(), "{link}")?;
        }
        ControlAnswer::Done { message } => writeln!(std::io::stdout(), "{message}")?,
        ControlAnswer::Accounts { .. } | ControlAnswer::Tokens { .. } | ControlAnswer::Status { .. } | ControlAnswer::Refused { .. } => {}
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
    for account in accounts {
        writeln!(out, "{:<24} {:<22} {:<10} {:<24} {}", account.name, account.role.word(), account.state, account.created, account.unit)?;
    }
    Ok(ExitCode::SUCCESS)
}
