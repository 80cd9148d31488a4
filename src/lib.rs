//! Yumen, the Jade Gate: an access gateway that lets nobody through without a hardware second factor.
//!
//! The modules are the floors of one house. A module imports only from strictly lower floors, which
//! `tests/floors.rs` holds; the table stands there.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unreachable,
        // They panic where nobody reads any more; `cli::print` does not.
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

// Floor 0
pub mod clock;
pub mod crypto;
pub mod files;
// Floor 1
pub mod lang;
pub mod model;
pub mod pki;
pub mod tlog;
// Floor 2
pub mod oath;
pub mod store;
// Floor 3
pub mod audit;
pub mod incident;
pub mod limit;
// Floor 4
pub mod auth;
// Floor 5
pub mod access;
// Floor 6
pub mod admin;
pub mod outbound;
pub mod proxy;
// Floor 7
pub mod edge;
pub mod web;
// Floor 8
pub mod config;
// Floor 9
pub mod gateway;
// Floor 10
pub mod cli;
