//! The texts of the configs and emergency plans that were ever in force, each under its hash, so that evidence can show them later.
//!
//! Invariant: a text stands under its own SHA-256, mode 0600, and is never rewritten as long as it is what its name says; it is on the disk
//! before the record that names it. That none can be kept stops no gateway: the record has the hash in any case.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use crate::config::Settings;
use crate::crypto;
use crate::files;
use crate::model::Event;

/// As many as a detail has room for.
const MOST_NAMED: usize = 12;

/// Where the text with this hash, in hexadecimal, is kept in the data directory.
pub fn kept_config(data: &Path, sha256: &str) -> PathBuf {
    data.join("configs").join(format!("{sha256}.toml"))
}

/// Where the text of the emergency plan with this hash is kept.
pub fn kept_plan(data: &Path, sha256: &str) -> PathBuf {
    data.join("configs").join(format!("{sha256}.plan.toml"))
}

/// SHA-256 of what is in force, for the record.
pub(super) struct Hashes {
    config: String,
    plan: Option<String>,
}

impl Hashes {
    pub(super) fn name_in(self, event: Event) -> Event {
        let event = event.with("config", self.config);
        match self.plan {
            Some(plan) => event.with("plan", plan),
            None => event,
        }
    }
}

/// Keeps the texts that are to be in force in the data directory of the gateway.
pub(super) fn keep(data: &Path, settings: &Settings) -> Hashes {
    Hashes {
        config: keep_text(settings.text(), "config", |sha256| kept_config(data, sha256)),
        plan: settings.plan_text().map(|text| keep_text(text, "emergency plan", |sha256| kept_plan(data, sha256))),
    }
}

fn keep_text(text: &str, what: &str, place: impl FnOnce(&str) -> PathBuf) -> String {
    let sha256 = HEXLOWER.encode(&crypto::sha256(text.as_bytes()));
    let path = place(&sha256);
    if let Err(error) = write(&path, text) {
        tracing::warn!(
            %error,
            "the text of the {what} cannot be kept as {}: evidence of this time will have its hash alone; make room there, then reload",
            path.display()
        );
    }
    sha256
}

/// A record of a config that came into force says which authorities of it are not believed, since two have not confirmed them: by the beginnings of
/// the digests with which they would be.
pub(super) fn naming_left_out(event: Event, digests: &[[u8; 32]]) -> Event {
    if digests.is_empty() {
        return event;
    }
    let begins = |digest: &[u8; 32]| HEXLOWER.encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]));
    let named: Vec<String> = digests.iter().take(MOST_NAMED).map(begins).collect();
    let more = digests.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    event.with("left-out", format!("{}{more}", named.join(", ")))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|kept| kept == text.as_bytes()) {
        return Ok(());
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    files::replace(path, text.as_bytes(), 0o600)?;
    directory.parent().map_or(Ok(()), |data| File::open(data)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn keep(data: &Path, text: &str) -> String {
        keep_text(text, "config", |sha256| kept_config(data, sha256))
    }

    #[test]
    fn a_config_is_kept_under_its_hash_for_its_owner_alone_and_a_damaged_one_is_mended() {
        let data = tempfile::tempdir().unwrap();
        let hash = keep(data.path(), "listen = []\n");
        let path = kept_config(data.path(), &hash);
        assert_eq!(fs::read_to_string(&path).unwrap(), "listen = []\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(keep(data.path(), "listen = []\n"), hash);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before, "not written again");
        assert_ne!(keep(data.path(), "listen = [] \n"), hash);
        fs::write(&path, "listen").unwrap();
        keep(data.path(), "listen = []\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "listen = []\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
    }

    #[test]
    fn authorities_that_are_not_believed_are_named_by_their_digests_as_far_as_there_is_room() {
        let start = || Event::done(crate::model::Action::Start);
        assert!(naming_left_out(start(), &[]).details.is_empty());
        let few = naming_left_out(start(), &[[1; 32], [2; 32]]);
        assert_eq!(few.details["left-out"], "0101010101010101, 0202020202020202");
        let many = naming_left_out(start(), &[[1; 32]; 100]);
        assert!(many.details["left-out"].ends_with(" +88") && many.details["left-out"].len() <= 256);
    }

    #[test]
    fn the_plan_that_a_config_names_is_kept_beside_it_as_it_was_written_and_both_are_on_record() {
        let (data, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plan = format!("# ours\n{}", include_str!("../../config/plan.toml"));
        fs::write(written.path().join("plan.toml"), &plan).unwrap();
        let named = include_str!("../../config/yumen.toml");
        let unnamed = named.replace("plan = \"plan.toml\"", "");
        let settings = |text: &str| crate::config::parse(text, "yumen.toml", written.path()).and_then(Settings::with_plan).unwrap();
        let record = super::keep(data.path(), &settings(named)).name_in(Event::done(crate::model::Action::Start));
        assert_eq!(fs::read_to_string(kept_plan(data.path(), &record.details["plan"])).unwrap(), plan);
        assert_eq!(record.details["plan"], HEXLOWER.encode(&crypto::sha256(plan.as_bytes())));
        assert_eq!(fs::read_to_string(kept_config(data.path(), &record.details["config"])).unwrap(), named);
        let record = super::keep(data.path(), &settings(&unnamed)).name_in(Event::done(crate::model::Action::Start));
        assert!(!record.details.contains_key("plan"));
    }

    #[test]
    fn where_nothing_can_be_kept_the_hash_is_told_all_the_same() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("configs"), "in the way").unwrap();
        assert_eq!(keep(data.path(), "x").len(), 64);
    }
}
