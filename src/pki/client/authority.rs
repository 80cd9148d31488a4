//! One authority whose certificates name people.

use std::path::PathBuf;

use super::names::MatchingRule;
use crate::model::UnitName;

/// What the config says of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritySource {
    pub name: String,
    /// PEM. Those that signed themselves are trusted, the others help to reach them; where none signed itself, all are trusted.
    pub certificates: PathBuf,
    pub crls: Crls,
    /// Whom it may name; `None`: everybody.
    pub units: Option<Vec<UnitName>>,
    /// Whether it certifies keys in hardware alone.
    pub hardware_only: bool,
    pub rule: Option<MatchingRule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crls {
    /// PEM or DER, each of one issuer.
    Files(Vec<PathBuf>),
    /// Nobody tells what was revoked: said deliberately.
    NoneKept,
}

#[derive(Debug)]
pub struct Authority {
    pub(super) source: AuthoritySource,
}
