//! One authority whose certificates name people, as its files say it.
//!
//! Invariant: a file that cannot be used makes the authority believe less, never more, and is told in words.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::check::can_sign;
use super::list::List;
use super::names::MatchingRule;
use super::trouble::{Fault, Part, Timing, Trouble, day};
use crate::clock::Time;
use crate::model::UnitName;
use crate::pki::load::{load_chain, parse, validity};

const CERTIFICATES: &str =
    "it holds certificates of authorities and nothing else (PEM); relative paths start at the directory of the config";

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
    faults: Vec<Fault>,
}

#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) trust: TrustAnchor<'static>,
    pub(super) der: CertificateDer<'static>,
    pub(super) begins: Time,
    pub(super) ends: Time,
}

impl Authority {
    pub(super) fn load(source: AuthoritySource) -> Self {
        let mut authority = Self { anchors: Vec::new(), between: Vec::new(), lists: None, faults: Vec::new(), source };
        let file = authority.source.certificates.clone();
        let certificates = match authorities_in(&file) {
            Ok(certificates) => certificates,
            Err(why) => {
                authority.faults.push(match authority.source.keeper {
                    Keeper::Gateway if !file.exists() => {
                        let (what, help) = ("the gateway's own authority is not made yet", "`yumen token create-authority` makes it");
                        Fault::new(Part::Certificates, Timing::Passing, &file, what.to_owned(), help)
                    }
                    _ => Fault::new(Part::Certificates, Timing::Lasting, &file, why, CERTIFICATES),
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
        if let Crls::Files(paths) = &authority.source.crls {
            let paths = if not_made_yet { &[] } else { paths.as_slice() };
            let signers: Vec<&CertificateDer<'_>> = authority.certificates().collect();
            let (mut lists, mut faults) = (Vec::new(), Vec::new());
            for read in paths.iter().map(|path| List::read(path, &signers)) {
                match read {
                    Ok((list, fault)) => {
                        faults.extend(fault);
                        lists.push(list);
                    }
                    Err(fault) => faults.push(fault),
                }
            }
            authority.faults.extend(faults);
            authority.lists = Some(lists);
        }
        authority
    }

    /// Those whose names the handshake gives, so that browsers offer what can be used.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.anchors.iter().map(|anchor| &anchor.der).chain(&self.between)
    }

    pub(super) fn troubles(&self, wall: Time) -> Vec<Trouble> {
        let anchors = self.anchors.iter().filter_map(|anchor| anchor.fault(&self.source.certificates, wall));
        let lists = self.lists.iter().flatten().filter_map(|list| list.fault(wall));
        let trouble = |fault| Trouble { authority: self.source.name.clone(), keeper: self.source.keeper, fault };
        self.faults.iter().cloned().chain(anchors).chain(lists).map(trouble).collect()
    }

    /// Whom both trust, if anybody: the same name with the same key, whatever certificate says so.
    pub(super) fn anchor_of(&self, other: &Self) -> Option<String> {
        let same = |mine: &&Anchor| {
            let of_mine = (&mine.trust.subject, &mine.trust.subject_public_key_info);
            other.anchors.iter().any(|yours| (&yours.trust.subject, &yours.trust.subject_public_key_info) == of_mine)
        };
        let anchor = self.anchors.iter().find(same)?;
        parse(&anchor.der).ok().map(|parsed| parsed.subject().to_string())
    }

    /// The keys of the config that say something else of `other`.
    pub(super) fn differs_from(&self, other: &Self) -> Vec<&'static str> {
        let (mine, yours) = (&self.source, &other.source);
        let units = |source: &AuthoritySource| source.units.as_ref().map(|units| units.iter().cloned().collect::<BTreeSet<_>>());
        let differences = [
            ("hardware_only", mine.hardware_only != yours.hardware_only),
            ("units", units(mine) != units(yours)),
            ("match", mine.rule != yours.rule),
        ];
        differences.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

impl Anchor {
    fn of(der: &CertificateDer<'static>) -> Option<Self> {
        let trust = webpki::anchor_from_trusted_cert(der).ok()?.to_owned();
        let (begins, ends) = validity(der).ok()?;
        Some(Self { trust, der: der.clone(), begins, ends })
    }

    fn fault(&self, file: &Path, wall: Time) -> Option<Fault> {
        let subject = parse(&self.der).map(|parsed| parsed.subject().to_string()).unwrap_or_default();
        let shown = file.display();
        let passing = |what: String, help: &str| Some(Fault::new(Part::Certificates, Timing::Passing, file, what, help));
        if wall < self.begins {
            let what = format!(
                "the authority \"{subject}\" in {shown} is valid only from {} on: till then all its certificates are refused",
                day(self.begins)
            );
            return passing(what, "look at this machine's clock");
        }
        if wall > self.ends {
            let what = format!("the authority \"{subject}\" in {shown} ended on {}: all its certificates are refused", day(self.ends));
            return passing(what, "get the authority's new one");
        }
        None
    }
}

struct Found {
    der: CertificateDer<'static>,
    signed_itself: bool,
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
        if !can_sign(parsed.public_key()) {
            return Err(format!(
                "the key of \"{}\" in {shown} is too weak or of a kind that is not taken: RSA with 2048 to 8192 bits, ECDSA P-256 or P-384",
                parsed.subject()
            ));
        }
        let signed_itself = parsed.subject() == parsed.issuer();
        drop(parsed);
        Ok(Found { signed_itself, der })
    });
    found.collect()
}
