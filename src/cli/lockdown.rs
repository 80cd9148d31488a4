//! `yumen lockdown`: closes one app, or all of them, to everybody at once, and opens them again.

use std::process::ExitCode;

use anyhow::bail;

use crate::gateway::{Ask, ControlAnswer};

use super::control::Which;
use super::print;

#[derive(clap::Args)]
#[command(after_long_help = "\
What is open is cut within five seconds, also while the store is slow, and a restart opens nothing. The portal stays, so that staff can sign in. It \
ends by itself after an hour at most; repeat it to go on.")]
pub struct Arguments {
    /// Close this app only, by its id in the config
    #[arg(long, value_name = "APP", conflicts_with = "all")]
    app: Option<String>,
    /// Close all apps
    #[arg(long)]
    all: bool,
    /// For so many minutes
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=60))]
    minutes: u64,
    /// Open again what was closed
    #[arg(long)]
    lift: bool,
    #[command(flatten)]
    which: Which,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { app, all, minutes, lift, which } = arguments;
    if app.is_none() && !all {
        bail!("say what: --app APP, or --all");
    }
    let ask = if lift { Ask::LiftLockdown { app } } else { Ask::LockDown { app, minutes } };
    if let ControlAnswer::Done { message } = which.ask(ask)? {
        print::result(message)?;
    }
    Ok(ExitCode::SUCCESS)
}
