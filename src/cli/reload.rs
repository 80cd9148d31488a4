//! `yumen reload`: the running gateway reads its config again; a bad one is refused and the old one keeps serving.

use std::process::ExitCode;

use crate::gateway::{Ask, ControlAnswer};

use super::control::Which;
use super::print;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let ControlAnswer::Done { message } = arguments.which.ask(Ask::Reload)? {
        print::result(message)?;
    }
    Ok(ExitCode::SUCCESS)
}
