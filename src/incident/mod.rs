//! The emergency plan, and what it makes of the log: a pure engine that reads records in their order and says what they mean together.
//!
//! Invariants: what comes out depends on the records, the plan and nothing else, so that a log that is read again, or read on after a stop,
//! gives the same; time is that of the records; memory is bounded, whatever strangers do.

mod acted;
mod book;
mod bounded;
mod case;
mod concerned;
mod drill;
mod due;
mod engine;
mod extent;
mod fact;
mod length;
mod marks;
mod measured;
pub mod notice;
mod page;
mod papers;
mod plan;
mod policy;
mod report;
mod roster;
mod shut;
mod since;
mod step;
mod subject;
mod trigger;
mod watch;

#[cfg(test)]
mod tests;

pub use acted::{Acted, Beside};
pub use book::{Book, Drill, InForce};
pub use case::{Case, Confirmed, Line, NotAllowed, Sent, Ticked, What};
pub use drill::{Scenario, found as found_in_drill};
pub use due::{DueReport, DueTask, has_task, on_duty, reports, tasks};
pub use engine::{Engine, NotKept, Signal};
pub use length::length;
pub use measured::{Measure, Measured, Verdict, measured};
pub use page::{Ignored, Page};
pub use papers::{Paper, Papers};
pub use plan::{Category, Colour, Duty, LevelTerms, Operator, Plan, Report, ReportRule, Shift, Task, Texts, Thresholds};
pub use policy::{Apps, Measures, Narrowed, Once, Whose};
pub use report::{
    Answer, Field, FieldName, Filled, FormLanguage, Ground, KeptLog, Review, ReviewMeasure, ReviewStage, Sending, StoryTold, TreeHead,
    fill, review,
};
pub use roster::gaps;
pub use step::{Extent, MOST_WORDS, Opening, Step};
pub use subject::Subject;
pub use trigger::{Exceptions, Kind, Per, Trigger};
