//! How far the handling of an incident is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::account::words;

words! {
    /// In the order of the handling (国家网络安全事件应急预案, sections 4 and 5); the last two lie beside it.
    Stage {
        /// The gateway, or somebody, found something.
        Detected = "detected",
        /// A named person has confirmed its level.
        Assessed = "assessed",
        Responding = "responding",
        /// It does not spread any more.
        Contained = "contained",
        /// Its cause is gone, and what it broke is being mended.
        Recovering = "recovering",
        Closed = "closed",
        /// What is to be learned of it is written down.
        Reviewed = "reviewed",
        /// It was a false alarm.
        Dismissed = "dismissed",
        /// It is handled as part of another one.
        Merged = "merged",
    }
}

impl Stage {
    /// Whether somebody has to do something still.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Detected | Self::Assessed | Self::Responding | Self::Contained | Self::Recovering => true,
            Self::Closed | Self::Reviewed | Self::Dismissed | Self::Merged => false,
        }
    }

    /// Whether the level that was confirmed holds.
    pub const fn holds_level(self) -> bool {
        self.is_open() && !matches!(self, Self::Detected)
    }

    /// Where it may go from here by somebody's word. Its level is confirmed by the step to `Assessed`, which says more.
    pub const fn next(self) -> &'static [Stage] {
        match self {
            Self::Detected => &[Self::Assessed, Self::Dismissed],
            Self::Assessed => &[Self::Responding, Self::Dismissed],
            Self::Responding => &[Self::Contained, Self::Dismissed],
            // It may break out again.
            Self::Contained => &[Self::Recovering, Self::Responding, Self::Dismissed],
            Self::Recovering => &[Self::Closed, Self::Responding, Self::Dismissed],
            Self::Closed => &[Self::Reviewed, Self::Responding],
            // The alarm was none, or it was one after all.
            Self::Dismissed => &[Self::Detected],
            Self::Reviewed | Self::Merged => &[],
        }
    }
}
