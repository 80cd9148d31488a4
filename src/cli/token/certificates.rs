//! `yumen token issue-certificate` and its kin: certificates of the gateway's own authority, for USB-KEYs.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;

use super::text;
use crate::admin::CertificateLine;
use crate::cli::account::minute;
use crate::cli::control::Which;
use crate::cli::paint::{Cell, Paint, Tint, columns};
use crate::gateway::{Ask, ControlAnswer};
use crate::pki::MOST_DAYS;

#[derive(Subcommand)]
pub enum Verb {
    /// Make the gateway's own authority for certificates of USB-KEYs, for those who have no other
    CreateAuthority {
        /// What its certificates call it
        #[arg(long, default_value = "Yumen token CA")]
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Certify the key that was made in a USB-KEY, and hand the USB-KEY to a person
    IssueCertificate {
        /// The request that was made with the USB-KEY (PKCS #10, PEM); the names in it do not count
        request: PathBuf,
        #[arg(long)]
        account: String,
        /// What stands on the USB-KEY
        #[arg(long)]
        serial: String,
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
        days: u32,
        /// Where the certificate goes; without it, to the terminal
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
    /// Give a USB-KEY another certificate; the one before counts no more
    RenewCertificate {
        serial: String,
        /// A request for another key; without it, the key stays
        #[arg(long, value_name = "FILE")]
        request: Option<PathBuf>,
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
        days: u32,
        /// Where the certificate goes; without it, to the terminal
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
    /// Take a USB-KEY's certificate out of use, and end what it opened; the USB-KEY may be given another
    RevokeCertificate {
        serial: String,
        #[command(flatten)]
        which: Which,
    },
    /// Fetch a USB-KEY's certificate that counts, of the gateway's own authority
    Certificate {
        serial: String,
        /// Where the certificate goes; without it, to the terminal
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
    /// List the certificates of USB-KEYs
    Certificates {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
}

pub fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    let (answer, out) = match verb {
        Verb::CreateAuthority { name, which } => (which.ask(Ask::CreateAuthority { name })?, None),
        Verb::IssueCertificate { request, account, serial, days, out, which } => {
            absent(out.as_deref())?;
            (which.ask(Ask::IssueCertificate { serial, account, request: text(&request)?, days })?, out)
        }
        Verb::RenewCertificate { serial, request, days, out, which } => {
            absent(out.as_deref())?;
            let request = request.as_deref().map(text).transpose()?;
            (which.ask(Ask::RenewCertificate { serial, request, days })?, out)
        }
        Verb::RevokeCertificate { serial, which } => (which.ask(Ask::RevokeCertificate { serial })?, None),
        Verb::Certificate { serial, out, which } => {
            absent(out.as_deref())?;
            (which.ask(Ask::Certificate { serial })?, out)
        }
        Verb::Certificates { json, which } => return list(&which.ask(Ask::Certificates)?, json),
    };
    match answer {
        ControlAnswer::Certificate { pem, message } => {
            match &out {
                Some(path) => keep(path, &pem)?,
                None => std::io::stdout().write_all(pem.as_bytes())?,
            }
            writeln!(std::io::stderr(), "{message}")?;
        }
        ControlAnswer::Done { message } => writeln!(std::io::stdout(), "{message}")?,
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Before anything is asked for, so that no certificate is issued and then lost.
fn absent(out: Option<&Path>) -> anyhow::Result<()> {
    if let Some(path) = out.filter(|path| path.exists()) {
        bail!("{} is there already; name another file", path.display());
    }
    Ok(())
}

fn keep(path: &Path, pem: &str) -> anyhow::Result<()> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    let written = file.and_then(|mut file| file.write_all(pem.as_bytes()));
    // A certificate is no secret, so it is not lost with a disk that is full.
    written.with_context(|| format!("cannot write {}; the certificate is:\n{pem}", path.display()))
}

fn list(answer: &ControlAnswer, json: bool) -> anyhow::Result<ExitCode> {
    let ControlAnswer::Certificates { certificates } = answer else { return Ok(ExitCode::SUCCESS) };
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, certificates)?;
        writeln!(out)?;
    } else {
        out.write_all(table(certificates).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(certificates: &[CertificateLine]) -> String {
    let head = ["token", "holder", "state", "until", "number", "issuer"].map(|word| Cell::new(Tint::Faint, word)).to_vec();
    let row = |one: &CertificateLine| {
        let state = if one.revoked.is_some() { "counts no more" } else { one.state.word() };
        let holder = one.holder.clone().unwrap_or_else(|| "-".to_owned());
        [&one.serial, &holder, state, &minute(&one.not_after), &one.number, &one.issuer].map(Cell::plain).to_vec()
    };
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(certificates.iter().map(row)).collect();
    columns(&rows, Paint::of_stdout())
}
