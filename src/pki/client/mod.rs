//! Trust in the certificates that people show.
//!
//! Invariant: only [`ClientTrust::check`] makes a [`TrustedCertificate`]; what it cannot tell, it denies.

mod authority;
mod certificate;
mod check;
mod kept;
mod list;
mod names;
mod refusal;
mod trouble;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::DistinguishedName;
use rustls::pki_types::CertificateDer;

pub use authority::{AuthoritySource, Crls, Keeper};
pub use certificate::{Fingerprint, TrustedCertificate};
pub(super) use check::is_strong;
pub use names::MatchingRule;
pub use refusal::CertificateRefusal;
pub use trouble::{Contradiction, Fault, Part, Timing, Trouble};

use super::load::{not_after, parse};
use crate::clock::Time;
use crate::crypto::sha256;
use crate::model::{capped, visible};
use authority::Authority;
use check::Untold;

/// Who is trusted to name people. Immutable; made anew when the config or one of its files changes.
#[derive(Clone, Debug, Default)]
pub struct ClientTrust {
    authorities: Vec<Arc<Authority>>,
    /// How the files looked before they were read.
    stamps: Vec<Option<Stamp>>,
}

/// Tells whether a file was replaced: device, inode, length, and when it changed.
type Stamp = (u64, u64, u64, i64, i64);

impl ClientTrust {
    /// Believes no certificate.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Reads the authorities' files. One that cannot be used makes its authority believe less and is a warning, so that the gateway starts
    /// without it.
    pub fn load(sources: &[AuthoritySource]) -> Self {
        let stamps = stamps(sources);
        Self { authorities: sources.iter().cloned().map(Authority::load).map(Arc::new).collect(), stamps }
    }

    /// The same read anew, where one of the files changed since; it reads nothing but their dates and lengths where none did.
    pub fn refreshed(&self) -> Option<Self> {
        let sources: Vec<AuthoritySource> = self.authorities.iter().map(|authority| authority.source.clone()).collect();
        (stamps(&sources) != self.stamps).then(|| Self::load(&sources))
    }

    /// Chain, validity, uses, name constraints, lists of revoked certificates, key size and names. `chain[0]` is the person's own.
    ///
    /// Where several authorities lead to it, the nearest one speaks; where one of them refuses it, it is refused.
    pub fn check(&self, chain: &[CertificateDer<'_>], wall: Time) -> Result<TrustedCertificate, CertificateRefusal> {
        self.judge(chain, Untold::Refused, wall)
    }

    /// Looks again at a certificate that was found good, by what [`TrustedCertificate::chain`] gave then. A list that is missing or out of date
    /// refuses nothing here, but whom it names is revoked all the same.
    pub fn check_again(&self, chain: &[u8], wall: Time) -> Result<TrustedCertificate, CertificateRefusal> {
        let chain = kept::unpacked(chain).ok_or(CertificateRefusal::Unreadable)?;
        self.judge(&chain, Untold::Passed, wall)
    }

    fn judge(&self, chain: &[CertificateDer<'_>], untold: Untold, wall: Time) -> Result<TrustedCertificate, CertificateRefusal> {
        let (leaf, sent) = chain.split_first().ok_or(CertificateRefusal::Unreadable)?;
        let parsed = parse(leaf).map_err(|_| CertificateRefusal::Unreadable)?;
        let mut nearest: Option<(usize, &Arc<Authority>)> = None;
        for authority in &self.authorities {
            match check::chain(authority, leaf, sent, untold, wall) {
                Ok(between) if nearest.is_none_or(|(least, _)| between < least) => nearest = Some((between, authority)),
                Ok(_) | Err(CertificateRefusal::UnknownAuthority) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        let (_, authority) = nearest.ok_or(CertificateRefusal::UnknownAuthority)?;
        check::own(&parsed)?;
        let matched = authority.source.rule.map_or(Ok(None), |rule| rule.find_in(&parsed))?;
        let shown = |name: String| capped(&visible(&name), 256);
        Ok(TrustedCertificate {
            fingerprint: sha256(leaf),
            serial: parsed.raw_serial_as_string().replace(':', ""),
            subject: shown(parsed.subject().to_string()),
            issuer: shown(parsed.issuer().to_string()),
            not_after: not_after(leaf).map_err(|_| CertificateRefusal::Unreadable)?,
            matched,
            authority: authority.clone(),
            chain: kept::packed(leaf, sent),
        })
    }

    /// For the handshake's request for a certificate: the names of the authorities.
    pub fn hints(&self) -> Vec<DistinguishedName> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        for certificate in self.authorities.iter().flat_map(|authority| authority.certificates()) {
            let Ok(parsed) = parse(certificate) else { continue };
            let name = parsed.subject().as_raw().to_vec();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter().map(DistinguishedName::from).collect()
    }

    /// What is wrong with files now.
    pub fn troubles(&self, wall: Time) -> Vec<Trouble> {
        self.authorities.iter().flat_map(|authority| authority.troubles(wall)).collect()
    }

    /// The same, a line each.
    pub fn warnings(&self, wall: Time) -> Vec<String> {
        self.troubles(wall).iter().map(Trouble::told).collect()
    }

    /// Where one certificate is trusted twice and for different things: which of them counts would depend on their order.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        for (second, authority) in self.authorities.iter().enumerate() {
            for (first, before) in self.authorities.iter().enumerate().take(second) {
                let keys = authority.differs_from(before);
                if let Some(subject) = authority.anchor_of(before).filter(|_| !keys.is_empty()) {
                    found.push(Contradiction { first, second, subject, keys });
                }
            }
        }
        found
    }

    /// What each authority is trusted with, in words, and a digest that changes with its certificates, units, rule and declaration; lists of
    /// revoked certificates do not count.
    pub fn digests(&self) -> Vec<(String, [u8; 32])> {
        self.authorities.iter().map(|authority| (in_words(authority), digest(authority))).collect()
    }

    /// The same without the authorities of these digests.
    #[must_use]
    pub fn without(&self, digests: &[[u8; 32]]) -> Self {
        let kept = self.authorities.iter().filter(|authority| !digests.contains(&digest(authority)));
        Self { authorities: kept.cloned().collect(), stamps: self.stamps.clone() }
    }

    /// Whether the certificates of every authority could be read: else nobody can say that an authority was withdrawn. The gateway's own may
    /// not be made yet.
    pub fn is_complete(&self) -> bool {
        self.authorities.iter().all(|authority| !authority.anchors.is_empty() || authority.source.keeper == Keeper::Gateway)
    }

    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }
}

fn stamps(sources: &[AuthoritySource]) -> Vec<Option<Stamp>> {
    sources.iter().flat_map(AuthoritySource::files).map(stamp).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

fn in_words(authority: &Authority) -> String {
    let source = &authority.source;
    let subjects = authority.anchors.iter().filter_map(|anchor| parse(&anchor.der).ok().map(|parsed| parsed.subject().to_string()));
    let who = source.units.as_ref().map_or_else(
        || "people of every unit".to_owned(),
        |units| format!("people of {}", units.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    );
    let rule = source.rule.map_or_else(|| "by registered certificates alone".to_owned(), |rule| format!("by {} too", rule.word()));
    let hardware = if source.hardware_only { ", its keys in hardware alone" } else { "" };
    let text = format!("{} ({}): {who}, {rule}{hardware}", source.name, subjects.collect::<Vec<_>>().join("; "));
    capped(&visible(&text), 1024)
}

/// Each part with its length before it, so that no two trusts look alike.
fn digest(authority: &Authority) -> [u8; 32] {
    let source = &authority.source;
    let mut text = Vec::new();
    let mut add = |part: &[u8]| {
        text.extend((part.len() as u64).to_be_bytes());
        text.extend(part);
    };
    add(source.name.as_bytes());
    add(source.rule.map_or("", MatchingRule::word).as_bytes());
    add(&[u8::from(source.hardware_only), u8::from(source.units.is_some()), u8::from(source.crls == Crls::NoneKept)]);
    add(&(authority.anchors.len() as u64).to_be_bytes());
    authority.anchors.iter().for_each(|anchor| add(&anchor.der));
    source.units.iter().flatten().for_each(|unit| add(unit.as_str().as_bytes()));
    sha256(&text)
}

#[cfg(test)]
mod tests;
