//! How many files and sockets the process may have open, and so how many connections it can hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the log, the store, listeners, the control socket and whatever else is no connection.
const OWN: u64 = 256;

/// Raises the soft limit to the hard one, and gives the connections that fit below it.
pub fn connections_that_fit(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let Some(most) = limit.maximum else { return wanted };
    // What cannot be raised is lived with: then the limit is what it was.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) }).is_ok();
    let most = if raised { most } else { limit.current.unwrap_or(most) };
    let fits = fitting(most);
    if fits < wanted {
        tracing::warn!(
            "only {fits} connections at once instead of {wanted}, because the process may have {most} files open; raise its limit (LimitNOFILE= in systemd, ulimit -n in a shell)"
        );
    }
    wanted.min(fits)
}

/// A connection may need a second one to a back office.
fn fitting(descriptors: u64) -> usize {
    let pairs = descriptors.saturating_sub(OWN).checked_div(2).unwrap_or(0).max(16);
    usize::try_from(pairs).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_log_and_for_back_offices() {
        assert_eq!(fitting(1_024), 384);
        assert_eq!(fitting(20_000), 9_872);
        assert_eq!(fitting(100), 16, "too few to be of use, but somebody must be able to look");
    }
}
