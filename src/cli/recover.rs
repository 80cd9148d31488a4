//! `yumen recover`: at the machine's console, a new start for a security administrator who is locked out.

use std::process::ExitCode;

use crate::gateway::{Ask, ControlAnswer};

use super::account::minute;
use super::control::Which;
use super::print;

#[derive(clap::Args)]
#[command(after_long_help = "\
It is refused while another security administrator can sign in: she gives a new token in the console. Whatever opened the account before \
(password, tokens, sessions) opens nothing any more, and the recovery is on record.")]
pub struct Arguments {
    /// The account of the security administrator
    name: String,
    #[command(flatten)]
    which: Which,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { name, which } = arguments;
    if let ControlAnswer::Invited { link, expires } = which.ask(Ask::Recover { name: name.clone() })? {
        print::remark(format_args!("WARNING: the password and all tokens of {name} are void, and this recovery is on record."));
        print::remark(format_args!("Open this link to enrol anew; it works once, until {}:", minute(&expires)));
        print::result(link)?;
    }
    Ok(ExitCode::SUCCESS)
}
