//! The gateway's own pages: sign-in, enrolment, portal, console.

pub mod assets;
pub mod view;
