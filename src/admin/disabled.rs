//! What the desk answers when it has switched somebody off.

/// What came of switching an account off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// It was off already; sessions that it had all the same have ended.
    pub was_already: bool,
    pub ended: usize,
}
