//! What is tried with bytes that nobody chose: each target states what must hold for all of them, and panics where it does not.
//!
//! `fuzz_targets/` runs these under libFuzzer; `tests/it/corpora.rs` includes this file and runs the committed inputs.

pub mod client_names;
pub mod config;
pub mod cookies;
pub mod forms;
pub mod frames;
pub mod heads;
pub mod path;
pub mod people;
pub mod proxy_protocol;
pub mod return_to;
pub mod seeds;
pub mod transparency;
pub mod webauthn;

/// Panics where something does not hold for the bytes.
pub type Target = fn(&[u8]);

/// By name, which is also that of the corpus and of the program.
pub const TARGETS: [(&str, Target); 13] = [
    ("client_names", client_names::run),
    ("config", config::run),
    ("cookies", cookies::run),
    ("forms", forms::run),
    ("frames", frames::run),
    ("heads", heads::run),
    ("path", path::run),
    ("people", people::run),
    ("proxy_protocol", proxy_protocol::run),
    ("return_to", return_to::run),
    ("seeds", seeds::run),
    ("transparency", transparency::run),
    ("webauthn", webauthn::run),
];
