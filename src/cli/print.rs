//! What verbs print: results on standard output, remarks on standard error.
//!
//! Invariant: nobody who has closed the other end (`| head`) makes a verb panic. Without a reader of its results a verb ends; without one of
//! its remarks it goes on.

use std::fmt::Display;
use std::io::{Result, Write};

/// A line of results.
pub fn result(line: impl Display) -> Result<()> {
    results(format!("{line}\n"))
}

/// Results as they are, at once.
pub fn results(text: impl Display) -> Result<()> {
    write_to(&mut std::io::stdout().lock(), text)
}

/// A line for the person at the terminal.
pub fn remark(line: impl Display) {
    let _ = write_to(&mut std::io::stderr().lock(), format!("{line}\n"));
}

fn write_to(out: &mut impl Write, text: impl Display) -> Result<()> {
    out.write_all(text.to_string().as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    /// A pipe that its reader has closed.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> Result<usize> {
            Err(Error::from(ErrorKind::BrokenPipe))
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_an_error_by_which_the_program_ends_quietly() {
        let error = write_to(&mut Closed, "good").unwrap_err();
        assert!(crate::cli::is_broken_pipe(&error.into()));
        let mut open = Vec::new();
        write_to(&mut open, "good").unwrap();
        assert_eq!(open, b"good");
    }
}
