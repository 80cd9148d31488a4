//! One file a verb. Each reads as the whole of what the verb does; `gateway` and `admin` do it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod account;
mod audit;
mod check;
mod control;
mod demo;
mod drill;
mod incident;
mod lockdown;
mod logging;
mod login;
mod paint;
mod people;
mod print;
mod progress;
mod recover;
mod reload;
mod serve;
mod status;
mod terminal;
mod token;

pub use audit::pack_maker;

/// Yumen, the Jade Gate: an access gateway that lets nobody through without a hardware second factor.
#[derive(Parser)]
#[command(name = "yumen", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Try the gateway: three sample back offices, a development CA, nothing to configure
    Demo(demo::Arguments),
    /// Run the gateway with a config file
    Serve(serve::Arguments),
    /// Read a config file and say everything that is wrong with it
    Check(check::Arguments),
    /// Let this terminal act for you for 15 minutes, which you confirm in the browser with your hardware token
    Login(login::Arguments),
    /// End what `login` began
    Logout(login::LogoutArguments),
    /// Give a security administrator who is locked out a new start, while no other can sign in
    Recover(recover::Arguments),
    /// Close an app, a unit or everything at once, for longer by two, or open it again
    Lockdown(lockdown::Arguments),
    /// Invite people and switch accounts on and off
    Account(account::Arguments),
    /// Import, issue and stop tokens
    Token(token::Arguments),
    /// Read the log of accesses
    Audit(audit::Arguments),
    /// See and handle incidents, report them, and try an emergency plan against the log
    Incident(incident::Arguments),
    /// Practise the emergency plan: a scenario through its triggers, marked as a drill and blocking nobody
    Drill(drill::Arguments),
    /// Say how the running gateway stands
    Status(status::Arguments),
    /// Make the running gateway read its config file again
    Reload(reload::Arguments),
}

/// For scripts: the verb was not done, because nobody has allowed this terminal to do it.
const LOGIN_NEEDED: u8 = 4;

/// The whole program. What went wrong is said on standard error, in a sentence.
pub fn run() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Demo(arguments) => demo::run(arguments),
        Verb::Serve(arguments) => serve::run(arguments),
        Verb::Check(arguments) => check::run(arguments),
        Verb::Login(arguments) => login::run(arguments),
        Verb::Logout(arguments) => login::log_out(arguments),
        Verb::Recover(arguments) => recover::run(arguments),
        Verb::Lockdown(arguments) => lockdown::run(arguments),
        Verb::Account(arguments) => account::run(arguments),
        Verb::Token(arguments) => token::run(arguments),
        Verb::Audit(arguments) => audit::run(arguments),
        Verb::Incident(arguments) => incident::run(arguments),
        Verb::Drill(arguments) => drill::run(arguments),
        Verb::Status(arguments) => status::run(arguments),
        Verb::Reload(arguments) => reload::run(arguments),
    };
    match done {
        Ok(code) => code,
        // Whoever reads has seen enough (`| head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            if error.is::<control::LoginNeeded>() { ExitCode::from(LOGIN_NEEDED) } else { ExitCode::FAILURE }
        }
    }
}

/// What went wrong, on standard error: a sentence, or the report of a config.
fn say(error: &anyhow::Error) {
    match error.downcast_ref::<check::BadConfig>() {
        Some(config) => config.say(),
        None => print::remark(format_args!("yumen: {}", crate::gateway::told(error.as_ref()))),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe))
}
