//! Whom and what an incident is about, by kind.

use std::collections::BTreeSet;

use super::case::Case;
use super::subject::Subject;
use crate::model::AppId;

impl Case {
    /// The accounts that it is about, as far as they are known.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.subjects.iter().filter_map(|subject| match subject {
            Subject::Account(name) => Some(name.as_str()),
            _ => None,
        })
    }

    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.subjects.iter().filter_map(|subject| match subject {
            Subject::Unit(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The systems that it is about, by what triggers found and by what people said.
    pub fn apps(&self) -> BTreeSet<AppId> {
        let found = self.subjects.iter().filter_map(|subject| match subject {
            Subject::App(app) | Subject::Page { app, .. } => AppId::parse(app),
            _ => None,
        });
        found.chain(self.extent.apps.iter().cloned()).collect()
    }
}
