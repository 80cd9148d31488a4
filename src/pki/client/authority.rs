//! One authority whose certificates name people, as its files say it.
//!
//! Invariant: a file that cannot be used makes the authority believe less, never more, and is told in words.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::names::MatchingRule;
use crate::clock::Time;
use crate::model::UnitName;
use crate::pki::load::{load_chain, parse, validity};

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
    pub keeper: Keeper,
}

impl AuthoritySource {
    /// Every file that it is read from.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let lists = match &self.crls {
            Crls::Files(paths) => paths.as_slice(),
            Crls::NoneKept => &[],
        };
        std::iter::once(&self.certificates).chain(lists).map(PathBuf::as_path)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crls {
    /// PEM or DER, each of one issuer.
    Files(Vec<PathBuf>),
    /// Nobody tells what was revoked: said deliberately.
    NoneKept,
}

/// Whose the authority is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    Others,
    /// The gateway's own issuing authority, whose files it makes itself at the first use.
    Gateway,
}

#[derive(Debug)]
pub struct Authority {
    pub(super) source: AuthoritySource,
    pub(super) anchors: Vec<Anchor>,
    /// Certificates between people's own and the anchors.
    pub(super) between: Vec<CertificateDer<'static>>,
    /// `None`: none are kept.
    pub(super) lists: Option<Vec<List>>,
    /// What is wrong with the files, whatever the time is.
    pub(super) problems: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) trust: TrustAnchor<'static>,
    pub(super) der: CertificateDer<'static>,
    pub(super) begins: Time,
    pub(super) ends: Time,
}

/// A list of revoked certificates.
#[derive(Debug)]
pub(super) struct List {
    pub(super) path: PathBuf,
    pub(super) revoked: CertRevocationList<'static>,
    /// The last moment at which it may be believed.
    pub(super) next: Time,
}

impl Authority {
    pub(super) fn load(source: AuthoritySource) -> Self {
        let mut authority = Self { anchors: Vec::new(), between: Vec::new(), lists: None, problems: Vec::new(), source };
        let certificates = match authorities_in(&authority.source.certificates) {
            Ok(certificates) => certificates,
            Err(why) => {
                authority.problems.push(match authority.source.keeper {
                    Keeper::Gateway if !authority.source.certificates.exists() => {
                        "the gateway's own authority is not made yet: `yumen token create-authority` makes it".to_owned()
                    }
                    _ => why,
                });
                Vec::new()
            }
        };
        let rooted = certificates.iter().any(|certificate| certificate.signed_itself);
        for Found { der, signed_itself } in certificates {
            let anchor = (signed_itself || !rooted).then(|| Anchor::of(&der)).flatten();
            match anchor {
                Some(anchor) => authority.anchors.push(anchor),
                None => authority.between.push(der),
            }
        }
        let not_made_yet = authority.source.keeper == Keeper::Gateway && authority.anchors.is_empty();
        if let Crls::Files(paths) = authority.source.crls.clone() {
            let paths = if not_made_yet { Vec::new() } else { paths };
            let lists = paths.iter().filter_map(|path| match authority.list(path) {
                Ok((list, warning)) => {
                    authority.problems.extend(warning);
                    Some(list)
                }
                Err(why) => {
                    authority.problems.push(format!("{why}; till then its certificates are refused"));
                    None
                }
            });
            authority.lists = Some(lists.collect());
        }
        authority
    }

    /// Those whose names the handshake gives, so that browsers offer what can be used.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.anchors.iter().map(|anchor| &anchor.der).chain(&self.between)
    }

    pub(super) fn warnings(&self, wall: Time) -> Vec<String> {
        let day = |time: Time| time.timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string();
        let file = self.source.certificates.display();
        let anchors = self.anchors.iter().filter_map(|anchor| match () {
            () if wall < anchor.begins => {
                Some(format!("{file} is valid only from {} on; look at this machine's clock", day(anchor.begins)))
            }
            () if wall > anchor.ends => {
                Some(format!("{file} ended on {}: nobody is known by it; get the authority's new one", day(anchor.ends)))
            }
            () => None,
        });
        let stale = self.lists.iter().flatten().filter(|list| wall >= list.next).map(|list| {
            let path = list.path.display();
            format!("the list {path} is out of date since {}, so certificates are refused; get the authority's next one", day(list.next))
        });
        let all = self.problems.iter().cloned().chain(anchors).chain(stale);
        all.map(|why| format!("usb_keys, authority \"{}\": {why}", self.source.name)).collect()
    }

    fn list(&self, path: &Path) -> Result<(List, Option<String>), String> {
        let shown = path.display();
        let bytes = std::fs::read(path)
            .map_err(|error| format!("the list {shown} cannot be read ({}); put the authority's there", error.kind()))?;
        let der = if bytes.first() == Some(&0x30) {
            bytes
        } else {
            let list = CertificateRevocationListDer::from_pem_slice(&bytes);
            list.map_err(|_| format!("{shown} holds no list of revoked certificates (PEM or DER); get the authority's"))?.to_vec()
        };
        let damaged = |why: &dyn Display| {
            format!("the list {shown} is damaged, or of a kind that is not taken ({why}); get the authority's full list")
        };
        let (rest, read) = CertificateRevocationList::from_der(&der).map_err(|error| damaged(&error))?;
        let next = read.next_update().filter(|_| rest.is_empty()).ok_or_else(|| damaged(&"it does not say when the next one comes"))?;
        let revoked = OwnedCertRevocationList::from_der(&der).map_err(|error| damaged(&error))?;
        let signer = |certificate: &CertificateDer<'_>| {
            let Ok(parsed) = parse(certificate) else { return false };
            parsed.subject() == read.issuer() && read.verify_signature(parsed.public_key()).is_ok()
        };
        let warning = (!self.certificates().any(signer)).then(|| {
            let issuer = read.issuer();
            format!(
                "the list {shown} is of \"{issuer}\" and signed by none of {}; put this authority's there",
                self.source.certificates.display()
            )
        });
        let next = Time::from_millis(next.timestamp().saturating_mul(1000));
        Ok((List { path: path.to_owned(), revoked: revoked.into(), next }, warning))
    }
}

impl Anchor {
    fn of(der: &CertificateDer<'static>) -> Option<Self> {
        let trust = webpki::anchor_from_trusted_cert(der).ok()?.to_owned();
        let (begins, ends) = validity(der).ok()?;
        Some(Self { trust, der: der.clone(), begins, ends })
    }
}

struct Found {
    der: CertificateDer<'static>,
    signed_itself: bool,
}

/// Whether the file holds authorities' certificates and nothing else; why not, in words.
pub fn check_authorities(path: &Path) -> Result<(), String> {
    authorities_in(path).map(drop)
}

fn authorities_in(path: &Path) -> Result<Vec<Found>, String> {
    let shown = path.display();
    let chain = load_chain(path).map_err(|error| error.to_string())?;
    let found = chain.into_iter().map(|der| {
        let parsed = parse(&der)?;
        if !parsed.is_ca() {
            return Err(format!("{shown} holds the certificate of \"{}\", which is no authority; take it out", parsed.subject()));
        }
        if webpki::anchor_from_trusted_cert(&der).is_err() {
            return Err(format!("the certificate of \"{}\" in {shown} is of a kind that is not taken", parsed.subject()));
        }
        let signed_itself = parsed.subject() == parsed.issuer();
        drop(parsed);
        Ok(Found { signed_itself, der })
    });
    found.collect()
}
