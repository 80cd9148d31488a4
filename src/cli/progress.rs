//! How far something has come, on one line of a terminal; nothing where nobody watches.

use std::io::{IsTerminal, Write};

const WIDTH: usize = 30;

pub struct Progress {
    is_watched: bool,
    all: usize,
    what: &'static str,
}

impl Progress {
    /// On standard error, so that what is printed stays what it is.
    pub fn of(all: usize, what: &'static str) -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { is_watched: std::io::stderr().is_terminal() && !is_dumb, all, what }
    }

    pub fn show(&self, done: usize) {
        if self.is_watched {
            // Back to the start of the line, and whatever stood there away. A terminal that is gone is no reason to stop.
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{}", line(done, self.all, self.what));
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_watched {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn line(done: usize, all: usize, what: &str) -> String {
    let done = done.min(all);
    let full = done.saturating_mul(WIDTH).checked_div(all).unwrap_or(WIDTH);
    let rest = WIDTH.saturating_sub(full);
    format!("[{}{}] {done} of {all} {what}", "=".repeat(full), " ".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_long_at_the_end_as_at_the_start() {
        assert_eq!(line(0, 500, "people"), format!("[{}] 0 of 500 people", " ".repeat(30)));
        assert_eq!(line(250, 500, "people"), format!("[{}{}] 250 of 500 people", "=".repeat(15), " ".repeat(15)));
        assert_eq!(line(999, 500, "people"), format!("[{}] 500 of 500 people", "=".repeat(30)));
        assert_eq!(line(0, 0, "people"), format!("[{}] 0 of 0 people", "=".repeat(30)));
    }
}
