//! For how long the log is kept, and where its records go then: `[log] keep` and `[log.archive]`.
//!
//! Invariant: without `keep` nothing is ever dropped. Less than the law demands takes a reason in writing.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use url::{Host, Url};

use super::files::Files;
use super::general::path;
use super::problem::Problem;
use super::read::{Section, Span, Value};
use super::settings::Keeping;
use crate::outbound::{ArchiveSettings, Bucket, read_secret};
use crate::pki::reason;

const DAY: Duration = Duration::from_hours(24);
/// The Cybersecurity Law of the PRC (2017), article 21, item 3: network logs are kept for no less than six months.
const LEAST: Duration = DAY.saturating_mul(180);
const MOST: Duration = DAY.saturating_mul(36_500);
/// For a disk to say whether a directory is there.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_REASON: usize = 200;
const EXPECTED: &str = "write \"file:/path\" or \"s3://bucket/prefix\"";
const DEFAULT_REGION: &str = "us-east-1";

pub fn read(log: &Section<'_>, base: &Path, data: Option<&Path>, files: &mut Files) -> Keeping {
    let (keep, why) = (log.get("keep"), log.get("keep_reason"));
    let days = keep.as_ref().and_then(|value| value.duration(DAY..=MOST));
    let written = why.as_ref().and_then(reason_of);
    let is_short = days.is_some_and(|days| days < LEAST);
    if let (Some(value), true, None) = (&keep, is_short, &why) {
        value.wrong::<()>(
            "is less than 180d",
            "write \"180d\" or more: the Cybersecurity Law of the PRC (article 21, item 3) has network logs kept for no less than six months. \
             Whoever may keep them shorter writes why beside it: `keep_reason = \"…\"`, which goes on record each time",
        );
    }
    if let (Some(value), None) = (&why, &keep) {
        value.wrong::<()>("has no use without `log.keep`", "write `keep = \"…\"` too, or take it out: nothing is ever dropped");
    }
    let table = log.section("archive");
    let archive = archive(&table, base, data, files);
    match (&keep, table.get("to")) {
        (None, Some(to)) => {
            let help = "write `keep = \"365d\"` (or another time) into `[log]`, or take `[log.archive]` out: only records that are dropped are archived";
            to.wrong::<()>("would never be written to: `log.keep` is missing, so that nothing is ever dropped", help);
        }
        (Some(keep), None) if !log.has("archive") => {
            keep.doubt("drops old records without a copy", "add `[log.archive]` with `to`: they are in nobody's hands afterwards");
        }
        _ => {}
    }
    Keeping { keep: days, reason: written, archive }
}

fn reason_of(value: &Value<'_>) -> Option<String> {
    let help = "write why in 1 to 200 characters, on one line";
    let text = value.text(help)?.trim();
    let fits = (1..=LONGEST_REASON).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Some(text.to_owned()) } else { value.wrong("is no reason", help) }
}

fn archive(table: &Section<'_>, base: &Path, data: Option<&Path>, files: &mut Files) -> Option<ArchiveSettings> {
    let own = ["endpoint", "region", "access_key", "secret_key_file", "ca", "path_style"].map(|key| table.get(key));
    let to = if table.is_there() { table.need("to", EXPECTED)? } else { table.get("to")? };
    let text = to.text(EXPECTED)?;
    if let Some(rest) = text.strip_prefix("s3://") {
        return bucket(table, &to, rest, base, files).map(|bucket| ArchiveSettings::Bucket(Box::new(bucket)));
    }
    let Some(file) = text.strip_prefix("file:") else { return to.wrong("is no place", EXPECTED) };
    for value in own.into_iter().flatten() {
        value.wrong::<()>("has no use", "take it out, or write \"s3://bucket/prefix\" in `to`");
    }
    if file.is_empty() || file.starts_with("//") || file.chars().any(char::is_control) {
        return to.wrong("names no directory", "write \"file:/path\", with one slash");
    }
    let directory = base.join(file);
    if data.is_some_and(|data| directory.starts_with(data)) {
        to.doubt("is within `data`", "name a directory on another disk or machine: what destroys the log destroys its archive there too");
    }
    files.archives.push((directory.clone(), to.span));
    Some(ArchiveSettings::Directory(directory))
}

fn bucket(table: &Section<'_>, to: &Value<'_>, rest: &str, base: &Path, files: &mut Files) -> Option<Bucket> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let is_prefix = |part: &str| {
        !matches!(part, "" | "." | "..") && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    let prefix = prefix.trim_end_matches('/');
    let place = match (3..=63).contains(&name.len()) && name.bytes().all(is_name) {
        false => to.wrong("names no bucket", "a bucket has 3 to 63 lower-case letters, digits, hyphens and dots: \"s3://bucket/prefix\""),
        true if !prefix.is_empty() && !prefix.split('/').all(is_prefix) => {
            to.wrong("has a prefix that names cannot begin with", "write letters, digits, hyphens, dots and underscores between slashes")
        }
        true => Some(name),
    };
    let endpoint_value = table.need("endpoint", "where the store is, such as \"https://s3.city.example\"");
    let endpoint = endpoint_value.as_ref().and_then(endpoint);
    let path_style = table.or("path_style", true, |value| {
        let by_path = value.boolean()?;
        match &endpoint {
            Some(url) if !by_path && url.domain().is_none() => value.wrong(
                "needs a host name in `endpoint`",
                "write `true`, or name the store by a host name: the bucket's name is put before it",
            ),
            _ => Some(by_path),
        }
    });
    let region = table.or("region", DEFAULT_REGION.to_owned(), |value| word(&value, "write the store's region, such as \"us-east-1\""));
    let access_key = table.need("access_key", "the name of the key that may put and get objects");
    let secret = table.need("secret_key_file", "the file that holds its secret and nothing else, readable by its owner alone");
    let ca = ca(table, endpoint.as_ref(), base, files);
    let access_key = access_key.and_then(|value| word(&value, "write it as the store names it, without spaces"));
    let secret_key_file = secret.and_then(|value| {
        let file = path(&value, base)?;
        files.secrets.push((file.clone(), value.span));
        Some(file)
    });
    Some(Bucket {
        name: place?.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: endpoint?,
        region,
        access_key: access_key?,
        secret_key_file: secret_key_file?,
        ca: ca?,
        path_style,
    })
}

fn word(value: &Value<'_>, expected: &str) -> Option<String> {
    let text = value.text(expected)?;
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Some(text.to_owned()) } else { value.wrong("is not one word", expected) }
}

fn endpoint(value: &Value<'_>) -> Option<Url> {
    let expected = "write \"https://host\" or \"https://host:port\"";
    let text = value.text(expected)?;
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => url,
        _ => return value.wrong("is no address of a store", expected),
    };
    let is_bare =
        url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !is_bare || matches!(url.host(), None | Some(Host::Domain(""))) {
        return value.wrong("has more than a host and a port", expected);
    }
    if url.scheme() == "http" {
        value.doubt(
            "sends the log in the clear",
            "write \"https://…\" with `ca`: whoever is between reads who did what, and can give other bytes back",
        );
    }
    Some(url)
}

/// There for TLS and only for it; `None` where something was wrong.
fn ca(table: &Section<'_>, endpoint: Option<&Url>, base: &Path, files: &mut Files) -> Option<Option<PathBuf>> {
    let value = table.get("ca");
    match (endpoint?.scheme(), value) {
        ("https", None) => {
            table.need(
                "ca",
                "who must have signed the store's certificate (PEM); no public authority is trusted by itself. For a public store name its \
                 authority's file, or the machine's list: \"/etc/ssl/certs/ca-certificates.crt\"",
            );
            None
        }
        ("https", Some(value)) => {
            let file = path(&value, base)?;
            files.authorities.push((file.clone(), value.span));
            Some(Some(file))
        }
        (_, Some(value)) => value.wrong("has no use", "take it out, or write \"https://…\" in `endpoint`"),
        (_, None) => Some(None),
    }
}

/// Secrets that cannot be used.
pub fn check(secrets: &[(PathBuf, Span)]) -> Vec<Problem> {
    let problem = |(path, span): &(PathBuf, Span)| {
        let why = read_secret(path).err()?;
        let what = format!("the secret key file {} {why}", path.display());
        let help =
            format!("it holds the secret of `access_key` on one line, and is readable by its owner alone: chmod 600 {}", path.display());
        Some(Problem { span: Some(span.clone()), what, found: String::new(), help })
    };
    secrets.iter().filter_map(problem).collect()
}

/// Directories that cannot be written now. The gateway serves without: old records stay until theirs is there.
pub fn warnings(archives: &[(PathBuf, Span)]) -> Vec<Problem> {
    let doubt = |(path, span): &(PathBuf, Span)| {
        let asked = path.clone();
        let what = match within(PATIENCE, move || unwritable(&asked)) {
            Some(found) => found?,
            None => format!("the directory {} did not answer within {} s", path.display(), PATIENCE.as_secs()),
        };
        let help = "old records stay here until it can be written: mount its disk, or name a directory that is there; the gateway's own user must \
                    be able to write it";
        Some(Problem { span: Some(span.clone()), what, found: String::new(), help: help.to_owned() })
    };
    archives.iter().filter_map(doubt).collect()
}

/// Why not, a sentence. Blocks for as long as the disk does.
fn unwritable(path: &Path) -> Option<String> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(there) if !there.is_dir() => Some(format!("{shown} is no directory")),
        Ok(_) => {
            let error = rustix::fs::access(path, rustix::fs::Access::WRITE_OK).err()?;
            Some(format!("the directory {shown} cannot be written: {}", reason(&error.into())))
        }
        Err(_) => Some(format!("there is no directory {shown}")),
    }
}

/// `None`: it took longer. A disk whose server is away may never answer, and nothing ends such a question.
fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, answer) = mpsc::channel();
    // Nobody may wait for it any more.
    let asking = thread::Builder::new().spawn(move || drop(sender.send(work())));
    asking.ok()?;
    answer.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests;
