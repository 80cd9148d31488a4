//! Whom or what an alarm is about.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Written as `account:wang`, `address:203.0.113.7`, `unit:新闻办`, `app:sites` or `gateway`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    Account(String),
    /// An IPv4 address, or the first of the /48 of an IPv6 one.
    Address(IpAddr),
    Unit(String),
    App(String),
    Page {
        app: String,
        page: String,
    },
    Gateway,
}

impl Subject {
    /// What the hand holds that holds this address.
    pub fn holding(address: IpAddr) -> Self {
        Self::Address(hand(address))
    }
}

/// What one hand holds: an IPv4 address, or the /48 of a site in IPv6 (RFC 6177, section 2).
fn hand(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    let bits = if address.is_ipv4() { 32 } else { 48 };
    IpNet::new(address, bits).map_or(address, |network| network.trunc().addr())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not what an alarm could be about")]
pub struct NoSubject;

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account:{name}"),
            Self::Address(address) => write!(f, "address:{address}"),
            Self::Unit(name) => write!(f, "unit:{name}"),
            Self::App(id) => write!(f, "app:{id}"),
            Self::Page { app, page } => write!(f, "page:{app}:{page}"),
            Self::Gateway => f.write_str("gateway"),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = NoSubject;

    fn try_from(text: String) -> Result<Self, NoSubject> {
        if text == "gateway" {
            return Ok(Self::Gateway);
        }
        match text.split_once(':').ok_or(NoSubject)? {
            ("account", name) => Ok(Self::Account(name.to_owned())),
            ("address", address) => address.parse().map(Self::Address).map_err(|_| NoSubject),
            ("unit", name) => Ok(Self::Unit(name.to_owned())),
            ("app", id) => Ok(Self::App(id.to_owned())),
            ("page", rest) => {
                let (app, page) = rest.split_once(':').ok_or(NoSubject)?;
                Ok(Self::Page { app: app.to_owned(), page: page.to_owned() })
            }
            _ => Err(NoSubject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_back_as_it_was_written() {
        for subject in [
            Subject::Account("wang li".to_owned()),
            Subject::Address("2001:db8::".parse().unwrap()),
            Subject::Unit("a:b".to_owned()),
            Subject::App("sites".to_owned()),
            Subject::Page { app: "sites".to_owned(), page: "https://x/:y".to_owned() },
            Subject::Gateway,
        ] {
            assert_eq!(Subject::try_from(subject.to_string()), Ok(subject));
        }
        for wrong in ["", "account", "address:x", "page:sites", "person:wang"] {
            assert_eq!(Subject::try_from(wrong.to_owned()), Err(NoSubject), "{wrong}");
        }
    }
}
