//! What this module promises, each promise both ways.

mod codes;
mod enrolment;
mod handover;
mod keys;
mod makes;
mod my_keys;
mod own_tokens;
mod petition_proof;
mod phone;
mod proving;
mod recovery;
mod sessions;
mod sign_in;
mod usb_key_enrolment;
mod withdrawn;
