//! `yumen lockdown`: closes an app, a unit or everything at once, for longer by two, and opens it again.

use std::process::ExitCode;

use anyhow::anyhow;

use crate::gateway::{Ask, ControlAnswer};
use crate::model::{AppId, LockdownScope, UnitName};

use super::control::Which;
use super::print;

#[derive(clap::Args)]
#[command(after_long_help = "\
What is open is cut within five seconds, also while the store is slow, and a restart opens nothing. The portal stays, so that staff can sign in. It \
ends by itself after an hour at most.

Nobody closes anything for longer than an hour alone, nor again within an hour after that. --extend asks for another hour, and somebody else who \
gives it within 15 minutes confirms it; both are known by name, so root goes through `yumen login` first, after which it is done for the person \
who allowed the terminal.")]
pub struct Arguments {
    #[command(flatten)]
    what: What,
    /// For so many minutes
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=60))]
    minutes: u64,
    /// What it is for, in a few words, for the record and for whoever looks what is closed
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    why: String,
    /// Ask for another hour, or confirm that somebody else asked
    #[arg(long, conflicts_with = "lift")]
    extend: bool,
    /// Open again what was closed
    #[arg(long)]
    lift: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Close this app to everybody, by its id in the config
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Keep the people of this unit out of all apps
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Close all apps to everybody
    #[arg(long)]
    all: bool,
}

impl What {
    fn scope(&self) -> anyhow::Result<LockdownScope> {
        match (&self.app, &self.unit) {
            (Some(app), _) => AppId::parse(app)
                .map(LockdownScope::App)
                .ok_or_else(|| anyhow!("{app:?} is no id of an app: those are in small letters, digits and hyphens")),
            (None, Some(unit)) => Ok(LockdownScope::Unit(UnitName::parse(unit).map_err(|why| anyhow!("the unit {unit:?} {why}"))?)),
            (None, None) => Ok(LockdownScope::All),
        }
    }
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { what, minutes, why, extend, lift, which } = arguments;
    let scope = what.scope()?;
    let ask = match (extend, lift) {
        (true, _) => Ask::ExtendLockdown { scope },
        (false, true) => Ask::LiftLockdown { scope },
        (false, false) => Ask::LockDown { scope, minutes, why },
    };
    if let ControlAnswer::Done { message } = which.ask(ask)? {
        print::result(message)?;
    }
    Ok(ExitCode::SUCCESS)
}
