//! Yumen, the Jade Gate: an access gateway that lets nobody through without a hardware second factor.
//!
//! The modules are the floors of one house. A module imports only from strictly lower floors, which
//! `tests/floors.rs` holds; the table stands there.

// Floor 0
pub mod clock;
pub mod crypto;
// Floor 1
pub mod model;
