//! A host name as the gateway compares it: without case, trailing dot and port.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Host(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a host name (letters, digits, hyphens and dots; RFC 1123, section 2.1)")]
pub struct NotAHost;

impl Host {
    /// A name alone, as in a config or in SNI.
    pub fn parse(text: &str) -> Result<Self, NotAHost> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let label_fits = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if name.len() > 253 || numeric || !name.split('.').all(label_fits) {
            return Err(NotAHost);
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }

    /// A Host field or `:authority` (RFC 9110, section 7.2): a name and, if it follows, a port.
    pub fn parse_authority(text: &str) -> Result<(Self, Option<u16>), NotAHost> {
        match text.split_once(':') {
            None => Ok((Self::parse(text)?, None)),
            Some((name, "")) => Ok((Self::parse(name)?, None)),
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok((Self::parse(name)?, Some(port.parse().map_err(|_| NotAHost)?)))
            }
            Some(_) => Err(NotAHost),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `self` is a name below `parent` (`a.b.c` is below `b.c`).
    pub fn is_below(&self, parent: &Host) -> bool {
        self.0.strip_suffix(&*parent.0).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_compare_without_case_dot_and_port() {
        let host = Host::parse("gate.example.cn").unwrap();
        for variant in ["GATE.example.CN", "gate.example.cn.", "gate.example.cn:8443", "gate.example.cn.:443", "gate.example.cn:"] {
            assert_eq!(Host::parse_authority(variant).unwrap().0, host, "{variant}");
        }
        assert_eq!(Host::parse_authority("gate.example.cn:8443").unwrap().1, Some(8443));
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        for bad in [
            "",
            ".",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b",
            "user@host",
            "host:port",
            "host:99999",
            "[::1]",
            "127.0.0.1",
            "a/b",
            "a\u{0}b",
            "港.cn",
        ] {
            assert_eq!(Host::parse_authority(bad), Err(NotAHost), "{bad:?}");
        }
    }

    #[test]
    fn a_host_is_below_its_parent_but_not_below_a_name_that_only_ends_alike() {
        let portal = Host::parse("gate.example.cn").unwrap();
        assert!(Host::parse("app.gate.example.cn").unwrap().is_below(&portal));
        assert!(!Host::parse("agate.example.cn").unwrap().is_below(&portal));
        assert!(!portal.is_below(&portal));
    }
}
