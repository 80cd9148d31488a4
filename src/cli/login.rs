//! `yumen login`: a person lets this terminal act for her, which she confirms in the browser with her hardware token.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;

use crate::gateway::{Ask, ControlAnswer};

use super::account::minute;
use super::control::Which;
use super::print;
use super::terminal;

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// A little more than the five minutes that the gateway waits.
const MOST_LOOKS: usize = 610;

#[derive(clap::Args)]
#[command(after_long_help = "\
The link may be opened on another machine. The page shows the same code as this terminal: if it does not, allow nothing. The login ends \
after 15 minutes, with the session in the browser, with `yumen logout`, and when the gateway is started anew. Verbs that need it exit with 4 \
without it.")]
pub struct Arguments {
    /// Print the link alone, for scripts, and the rest on standard error
    #[arg(long)]
    link: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
pub struct LogoutArguments {
    #[command(flatten)]
    which: Which,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { link: only_link, which } = arguments;
    let socket = which.socket()?;
    // Before she takes her token to the browser for it.
    terminal::prepare(&socket)?;
    let ControlAnswer::Login { link, code, terminal, expires } = which.ask(Ask::Login)? else {
        bail!("the gateway's answer is not understood; is it of another version?")
    };
    if only_link {
        print::result(link)?;
        print::remark(format_args!("yumen: the page must show the code {code}"));
    } else {
        let until = minute(&expires);
        print::result(format_args!("Open this link in a browser, until {until}:\n\n  {link}\n\nIt must show this code:  {code}\n"))?;
    }
    for _ in 0..MOST_LOOKS {
        match which.ask(Ask::LoginState { terminal: terminal.clone() })? {
            ControlAnswer::LoggedIn { name, role, until } => {
                terminal::keep(&socket, &terminal)?;
                let until = minute(&until);
                print::remark(format_args!("yumen: this terminal acts for {name} ({role}) until {until}; `yumen logout` ends that"));
                return Ok(ExitCode::SUCCESS);
            }
            #[expect(clippy::disallowed_methods, reason = "no runtime runs here; there is nothing else to do")]
            _ => std::thread::sleep(BETWEEN_LOOKS),
        }
    }
    bail!("nobody allowed this terminal in time; run `yumen login` again")
}

pub fn log_out(arguments: LogoutArguments) -> anyhow::Result<ExitCode> {
    let socket = arguments.which.socket()?;
    let Some(terminal) = terminal::kept(&socket) else {
        print::result("nobody is logged in at this terminal")?;
        return Ok(ExitCode::SUCCESS);
    };
    terminal::forget(&socket);
    if let ControlAnswer::Done { message } = arguments.which.ask(Ask::Logout { terminal })? {
        print::result(message)?;
    }
    Ok(ExitCode::SUCCESS)
}
