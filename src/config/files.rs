//! Checks the certificates and keys that a config names: readable, well-formed, fitting each other and the hosts, private.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::keeping;
use super::plan::{self, Known, load_with_text};
use super::problem::{Problem, Problems, line_of};
use super::read::Span;
use super::settings::{CertificateFiles, Settings};
use super::sinks;
use super::trusted::{self, Trusted};
use super::validity;
use crate::clock::Time;
use crate::crypto::tls_provider;
use crate::incident::Plan;
use crate::model::{AppId, Host};
use crate::pki::{not_an_authority, reason};

/// What the text of a config says of files, with the places where it says so.
#[derive(Clone, Debug, Default)]
pub struct Files {
    pub pairs: Vec<Pair>,
    /// Of upstreams.
    pub authorities: Vec<(PathBuf, Span)>,
    /// Of makers of security keys.
    pub makers: Vec<(PathBuf, Span)>,
    /// Whose certificates of people are believed.
    pub trusted: Vec<Trusted>,
    pub hosts: Vec<(Host, Span)>,
    /// To which the log is sent.
    pub sinks: Vec<(PathBuf, Span)>,
    /// Of access keys, and directories in which old records of the log are kept.
    pub secrets: Vec<(PathBuf, Span)>,
    pub archives: Vec<(PathBuf, Span)>,
    /// The emergency plan.
    pub plan: Option<PathBuf>,
    /// As it was written, once it is read.
    pub plan_text: Option<String>,
    /// What of the text is worth a warning.
    pub doubtful: Vec<Problem>,
    file_name: String,
    text: String,
}

#[derive(Clone, Debug)]
pub struct Pair {
    pub files: CertificateFiles,
    pub chain_span: Span,
    pub key_span: Span,
    /// Shown to browsers; otherwise to an upstream.
    pub serves: bool,
}

/// Where something was written makes no difference to what it means.
impl PartialEq for Files {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Settings {
    /// The config as it was written.
    pub fn text(&self) -> &str {
        &self.files.text
    }

    /// The emergency plan as it was written, once it is read, if there is one.
    pub fn plan_text(&self) -> Option<&str> {
        self.files.plan_text.as_deref()
    }

    /// Checks the certificates and keys that the config names, which [`super::parse`] alone does not.
    pub fn check_files(&self) -> Problems {
        Problems::new(&self.files.file_name, &self.files.text, self.files.check())
    }

    /// The same with the emergency plan that it names, which [`super::parse`] alone does not read.
    pub fn with_plan(mut self) -> Result<Self, Problems> {
        let read = self.files.read_plan(Some(Known { apps: &self.app_ids(), usb_keys: self.usb_keys.is_some() }))?;
        (self.plan, self.files.plan_text) = read.unzip();
        Ok(self)
    }

    pub(super) fn app_ids(&self) -> Vec<AppId> {
        self.apps.iter().map(|app| app.policy.id.clone()).collect()
    }

    /// What is doubtful in the text, certificates that are not valid now or not for long, and lists of revoked ones that are out of
    /// date, archives that are not there, and hours in which nobody handles incidents. Reads files.
    pub fn warnings(&self, now: Time) -> Problems {
        let mut warnings = self.files.doubtful.clone();
        warnings.extend(validity::warnings(&self.files, now));
        warnings.extend(trusted::warnings(&self.files.trusted, now));
        warnings.extend(keeping::warnings(&self.files.archives));
        warnings.extend(self.plan.iter().flat_map(|plan| plan::warnings(plan, now)));
        Problems::warnings(&self.files.file_name, &self.files.text, warnings)
    }
}

impl Files {
    /// Of this config, which names no file yet.
    pub fn of(file_name: &str, text: &str) -> Self {
        Self { file_name: file_name.to_owned(), text: text.to_owned(), ..Self::default() }
    }

    /// The plan and its text, for such a config; `None`: it is not known.
    pub fn read_plan(&self, known: Option<Known<'_>>) -> Result<Option<(Arc<Plan>, String)>, Problems> {
        self.plan.as_ref().map(|path| load_with_text(path, known)).transpose()
    }

    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut served = Vec::new();
        let mut all_read = true;
        for pair in &self.pairs {
            match check_pair(pair) {
                Ok(certificate) if pair.serves => served.push(certificate),
                Ok(_) => {}
                Err(found) => {
                    all_read &= !pair.serves;
                    problems.extend(found);
                }
            }
        }
        // A certificate that could not be read may be the one that a host needs.
        if all_read && !served.is_empty() {
            problems.extend(self.hosts.iter().filter(|(host, _)| !covers(&served, host)).map(|(host, span)| uncovered(host, span)));
        }
        problems.extend(self.authorities.iter().filter_map(|(path, span)| check_authority(path, span).err()));
        problems.extend(self.makers.iter().filter_map(|(path, span)| check_maker(path, span).err()));
        problems.extend(sinks::check(&self.sinks));
        problems.extend(keeping::check(&self.secrets));
        problems.extend(trusted::errors(&self.trusted, |span| line_of(&self.text, span.start).unwrap_or(0)));
        problems
    }
}

/// The certificate itself, if all is well with it and its key.
fn check_pair(pair: &Pair) -> Result<CertificateDer<'static>, Vec<Problem>> {
    let chain = read_chain(&pair.files.chain, &pair.chain_span);
    let key = read_key(&pair.files.key, &pair.key_span);
    let (chain, key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
    };
    let first = chain.first().cloned();
    let path = pair.files.key.display();
    match (CertifiedKey::from_der(chain, key, &tls_provider()), first) {
        (Ok(_), Some(certificate)) => Ok(certificate),
        (Err(rustls::Error::InconsistentKeys(_)), _) => {
            let what = format!("the key {path} does not belong to the certificate {}", pair.files.chain.display());
            Err(vec![problem(
                &pair.key_span,
                what,
                "name the key with which the certificate was asked for; the certificate stands first in its file",
            )])
        }
        _ => Err(vec![problem(
            &pair.key_span,
            format!("the key {path} cannot be used"),
            "ECDSA (P-256, P-384), Ed25519 and RSA from 2048 bits work, as PKCS#8, SEC1 or PKCS#1",
        )]),
    }
}

fn read_chain(path: &Path, span: &Span) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| unreadable("certificate", path, span, &error))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| {
        problem(span, format!("the file {shown} is not PEM"), "it holds lines between BEGIN CERTIFICATE and END CERTIFICATE")
    })?;
    let Some(first) = chain.first() else {
        return Err(problem(
            span,
            format!("the file {shown} holds no certificate"),
            "`chain` names a file with the certificate first, then those that lead to its authority (PEM); `key` its private key",
        ));
    };
    ParsedCertificate::try_from(first).map_err(|_| {
        problem(
            span,
            format!("the certificate in {shown} is damaged or not for a server"),
            "get it again from its authority; X.509 version 3",
        )
    })?;
    Ok(chain)
}

fn read_key(path: &Path, span: &Span) -> Result<PrivateKeyDer<'static>, Problem> {
    let shown = path.display();
    let unreadable = |error| unreadable("key", path, span, &error);
    let text = zeroize::Zeroizing::new(fs::read(path).map_err(unreadable)?);
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => problem(span, format!("the file {shown} holds no private key"), no_key(&text)),
        _ => problem(span, format!("the file {shown} is not PEM"), "it holds lines between BEGIN PRIVATE KEY and END PRIVATE KEY"),
    })?;
    if mode & 0o077 != 0 {
        let what = format!("the key {shown} is open to others than its owner (mode {:04o})", mode & 0o7777);
        return Err(problem(span, what, &format!("chmod 600 {shown}")));
    }
    Ok(key)
}

/// What to do about a file without a key, by what it holds instead.
fn no_key(text: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(text);
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        "its key is encrypted: take the passphrase off (openssl pkey -in … -out …); the file's mode protects it"
    } else if text.contains("-----BEGIN CERTIFICATE") {
        "it holds a certificate: `chain` names the certificate, `key` its private key"
    } else {
        "it holds a private key that is not encrypted (PEM)"
    }
}

pub fn check_authority(path: &Path, span: &Span) -> Result<(), Problem> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| unreadable("certificate", path, span, &error))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let added = certificate.ok().map(|certificate| store.add(certificate));
        if !matches!(added, Some(Ok(()))) {
            return Err(problem(span, format!("a certificate in {shown} is damaged"), "get it again from the authority (PEM)"));
        }
    }
    if store.is_empty() {
        return Err(problem(span, format!("the file {shown} holds no certificate"), "it holds the certificate of the authority (PEM)"));
    }
    Ok(())
}

/// A certificate that is no authority's would vouch for nothing, and nobody would be told.
fn check_maker(path: &Path, span: &Span) -> Result<(), Problem> {
    check_authority(path, span)?;
    let shown = path.display();
    let text = fs::read(path).map_err(|error| unreadable("certificate", path, span, &error))?;
    match CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).find_map(|certificate| not_an_authority(&certificate)) {
        Some(subject) => Err(problem(
            span,
            format!("{shown} holds the certificate of \"{subject}\", which is no authority"),
            "name the file with the authority that signs for such keys (PEM), from their maker",
        )),
        None => Ok(()),
    }
}

fn covers(certificates: &[CertificateDer<'static>], host: &Host) -> bool {
    let Ok(name) = ServerName::try_from(host.as_str()) else { return false };
    let fits = |certificate| ParsedCertificate::try_from(certificate).is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok());
    certificates.iter().any(fits)
}

fn uncovered(host: &Host, span: &Span) -> Problem {
    let help = "add a `[[tls.certificates]]` whose subject alternative names have it (the common name does not count)";
    problem(span, format!("no certificate is for the host {host}"), help)
}

fn unreadable(kind: &str, path: &Path, span: &Span, error: &io::Error) -> Problem {
    let help = "relative paths start at the directory of this file; the gateway's own user must be able to read it";
    problem(span, format!("the {kind} file {} cannot be read: {}", path.display(), reason(error)), help)
}

fn problem(span: &Span, what: String, help: &str) -> Problem {
    Problem { span: Some(span.clone()), what, found: String::new(), help: help.to_owned() }
}

#[cfg(test)]
mod tests;
