//! One list of revoked certificates, as its file says it.
//!
//! Invariant: a list that cannot be read whole is none, and whatever is wrong with a file is told in words.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::check::is_signed_by;
use super::trouble::{Fault, Part, Timing, day};
use crate::clock::Time;
use crate::pki::load::{parse, reason, sections};

const REREAD: &str = "get the authority's full list";

#[derive(Debug)]
pub(super) struct List {
    pub(super) path: PathBuf,
    pub(super) revoked: CertRevocationList<'static>,
    /// When it was made, as it says.
    made: Time,
    /// The last moment at which it may be believed.
    next: Time,
}

impl List {
    /// The list of one of `signers`, and what is wrong with it although it can be read.
    pub(super) fn read(path: &Path, signers: &[&CertificateDer<'_>]) -> Result<(Self, Option<Fault>), Fault> {
        let shown = path.display();
        let der = der_of(path)?;
        let damaged = |why: String| lasting(path, format!("the list {shown} is damaged, or of a kind that is not taken ({why})"), REREAD);
        let (rest, read) = CertificateRevocationList::from_der(&der).map_err(|error| damaged(error.to_string()))?;
        if read.version().is_none() {
            let what = format!("the list {shown} is of version 1, which is not taken");
            let help = "have it made as version 2 (RFC 5280, section 5.1): `openssl ca -gencrl` does where its section names \
                        `crl_extensions`, such as authorityKeyIdentifier = keyid";
            return Err(lasting(path, what, help));
        }
        let next = read.next_update().filter(|_| rest.is_empty());
        let next = next.ok_or_else(|| damaged("it does not say when the next one comes".to_owned()))?;
        let revoked = OwnedCertRevocationList::from_der(&der).map_err(|error| damaged(error.to_string()))?;
        let time = |time: x509_parser::time::ASN1Time| Time::from_millis(time.timestamp().saturating_mul(1000));
        let list = Self { path: path.to_owned(), revoked: revoked.into(), made: time(read.last_update()), next: time(next) };
        Ok((list, foreign(path, &read, signers)))
    }

    /// What is wrong with it at this time.
    pub(super) fn fault(&self, wall: Time) -> Option<Fault> {
        let path = self.path.display();
        let (what, help) = if wall >= self.next {
            let what = format!("the list {path} is out of date since {}, so certificates are refused", day(self.next));
            (what, "get the authority's next one")
        } else if wall < self.made {
            (format!("the list {path} says that it was made on {}, which is yet to come", day(self.made)), "look at this machine's clock")
        } else {
            return None;
        };
        Some(Fault::new(Part::List, Timing::Passing, &self.path, what, help))
    }
}

fn lasting(file: &Path, what: String, help: &str) -> Fault {
    Fault::new(Part::List, Timing::Lasting, file, what, help)
}

fn der_of(path: &Path) -> Result<Vec<u8>, Fault> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| {
        let what = format!("the list {shown} cannot be read: {}", reason(&error));
        let named_none = path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("none"));
        let help = if named_none {
            "where the authority publishes no list, write `crls = \"none\"`, without brackets"
        } else {
            "put the authority's there; relative paths start at the directory of the config, and the gateway's own user must be able to read it"
        };
        lasting(path, what, help)
    })?;
    if bytes.first() == Some(&0x30) {
        return Ok(bytes);
    }
    let list = CertificateRevocationListDer::from_pem_slice(&bytes);
    list.map(|list| list.to_vec()).map_err(|_| {
        let what = format!("{shown} holds no list of revoked certificates ({})", sections(&bytes));
        lasting(path, what, "get the authority's (X.509 CRL, PEM or DER)")
    })
}

/// Whether it is somebody else's, where it is known whose it should be.
fn foreign(path: &Path, read: &CertificateRevocationList<'_>, signers: &[&CertificateDer<'_>]) -> Option<Fault> {
    let parsed: Vec<_> =
        signers.iter().filter_map(|signer| parse(signer).ok()).filter(|signer| signer.subject() == read.issuer()).collect();
    if signers.is_empty() || parsed.iter().any(|signer| is_signed_by(read, signer.public_key())) {
        return None;
    }
    let (shown, issuer) = (path.display(), read.issuer());
    // It is the authority's, by an algorithm that is too weak to be believed.
    if parsed.iter().any(|signer| read.verify_signature(signer.public_key()).is_ok()) {
        let what = format!("the list {shown} is signed in a way that is not taken, such as with SHA-1");
        return Some(lasting(path, what, "have the authority sign it with SHA-256 or better"));
    }
    let what = format!("the list {shown} is of \"{issuer}\" and signed by none of this authority's `certificates`");
    let help = "put this authority's there; where one between made it, add that one's certificate to `certificates`";
    Some(lasting(path, what, help))
}
