//! What became of a request whose answer nobody waits for any more.
//!
//! Invariant: as long as it has not begun, nothing of the request can have reached a back office.

use std::cell::Cell;
use std::rc::Rc;

/// Whether anything of a request may have left. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Departure(Rc<Cell<bool>>);

impl Departure {
    pub fn has_begun(&self) -> bool {
        self.0.get()
    }

    /// The request is about to be given to a connection.
    pub fn begin(&self) {
        self.0.set(true);
    }

    /// The connection gave it back untouched.
    pub(super) fn take_back(&self) {
        self.0.set(false);
    }
}
