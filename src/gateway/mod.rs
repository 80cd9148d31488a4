//! Wires the floors: opens the store and the log, binds, starts one worker a core, reloads, drains.
//!
//! Two kinds of runtimes: the way of a request runs on workers, one thread each with its own upstream pool and no shared locks;
//! sign-in, pages, store, control socket and timers run on a runtime of their own, so that a password hash never delays a request.

mod answer;
mod body;
mod build;
mod chores;
mod configs;
mod control;
mod descriptors;
mod effects;
pub mod emergency;
mod entrance;
mod exposition;
mod flows;
mod house;
mod incidents;
mod indexing;
mod keeping;
mod kept;
mod key_host;
mod lapses;
mod log_check;
mod memory;
mod metrics;
mod monitoring;
mod notices;
mod pages;
mod pipeline;
mod portal;
mod process;
mod record;
mod reload;
mod retention;
mod run;
mod self_test;
mod sending;
mod sinks;
mod space;
mod standing;
mod status;
mod triggers;
mod trust;
mod vouching;

pub use configs::{kept_config, kept_plan};
pub use control::{
    AccountLine, Ask, ControlAnswer, DrillFacts, DueLine, IncidentFacts, IncidentLine, LetterLine, MAX_MESSAGE_BYTES, Message, ProblemLine,
    TokenVerb, told,
};
pub use emergency::EmergencyStatus;
pub use house::{Site, StartError};
pub use incidents::IncidentStatus;
pub use indexing::{IndexingError, catch_up};
pub use reload::{Reloaded, Reloader};
pub use retention::RetentionStatus;
pub use run::{DataLock, Gateway, Options, lock};
pub use sinks::SinkStatus;
pub use status::{
    AppStatus, CertificateStatus, ClosedStatus, ConnectionStatus, LogStatus, MemoryStatus, SessionStatus, Status, UpstreamState,
    UpstreamStatus,
};
pub use triggers::PlanStatus;
