//! What the control socket is asked about terminals: `yumen login` and `yumen logout`.

use super::{ControlAnswer, done, told};
use crate::admin::{AskedTerminal, TerminalState};
use crate::crypto::Token;
use crate::gateway::house::House;
use crate::model::{capped, visible};

/// As much of a name as a page shows.
const LONGEST_NAME: usize = 64;

pub(super) fn ask(house: &House, uid: u32) -> Result<ControlAnswer, String> {
    let user = user_of(&std::fs::read_to_string("/etc/passwd").unwrap_or_default(), uid);
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let asked = house.desk.ask_for_terminal(uid, shown(&user), shown(&machine), house.clock.now());
    let AskedTerminal { token, request } = asked.map_err(|error| told(&error))?;
    Ok(ControlAnswer::Login {
        link: format!("{}/terminal?code={}", house.map.load().portal.origin, request.code),
        code: request.code,
        terminal: token.reveal(),
        expires: request.expires.to_string(),
    })
}

pub(super) fn state(house: &House, uid: u32, terminal: &str) -> Result<ControlAnswer, String> {
    const GONE: &str = "nobody allowed this terminal in time; run `yumen login` again";
    let token = Token::parse(terminal).ok_or(GONE)?;
    match house.desk.terminal_state(&token, uid, house.clock.now()) {
        TerminalState::Waiting => Ok(ControlAnswer::LoginWaits),
        TerminalState::Open { identity, until } => {
            let who = identity.who();
            Ok(ControlAnswer::LoggedIn { name: who.name.to_string(), role: who.role, until: until.to_string() })
        }
        TerminalState::Gone => Err(GONE.to_owned()),
    }
}

pub(super) fn close(house: &House, uid: u32, terminal: &str) -> Result<ControlAnswer, String> {
    let closed = Token::parse(terminal).is_some_and(|token| house.desk.close_terminal(&token, uid, house.clock.now()));
    Ok(done(if closed { "this terminal acts for nobody any more" } else { "this terminal acted for nobody any more" }.to_owned()))
}

/// The name of the user with this number; empty where the machine's list of users has none.
fn user_of(passwd: &str, uid: u32) -> String {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    passwd.lines().find_map(user).unwrap_or_default()
}

fn shown(name: &str) -> String {
    capped(&visible(name), LONGEST_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_called_as_the_machine_calls_her() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nyumen:x:998:998::/var/lib/yumen:/usr/sbin/nologin\n";
        assert_eq!((user_of(passwd, 0).as_str(), user_of(passwd, 998).as_str(), user_of(passwd, 99).as_str()), ("root", "yumen", ""));
        assert_eq!(shown("a\u{202e}b\nc"), "a\\u{202e}b\\nc");
    }
}
