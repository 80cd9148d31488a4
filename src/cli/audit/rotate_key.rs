//! `yumen audit rotate-key`: has the running gateway sign with a new key.

use std::process::ExitCode;

use crate::cli::control::Which;
use crate::cli::print;
use crate::gateway::{Ask, ControlAnswer};

pub fn run(which: &Which) -> anyhow::Result<ExitCode> {
    if let ControlAnswer::Done { message } = which.ask(Ask::RotateLogKey)? {
        print::result(message)?;
    }
    Ok(ExitCode::SUCCESS)
}
