//! What a pack of evidence holds, as the log's key signs it: each file with its length and its hash.
//!
//! Invariant: a manifest has one spelling, and names files by plain relative paths, each once, in the order of their bytes. Its text is that of
//! no checkpoint, rotation or cosignature, whichever key signs it: a checkpoint has a number on its second line, this has the log's name.

use data_encoding::HEXLOWER;

use super::key::is_name;

const HEADING: &str = "yumen evidence pack v1";
const MOST_FILES: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which log it is about.
    pub origin: String,
    pub files: Vec<PackedFile>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    pub path: String,
    pub length: u64,
    pub sha256: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("it is no manifest: it must begin with \"{HEADING}\" and the log's name, then have a line for each file")]
    Malformed,
    #[error("its line {0} is not a hash, a length and a plain path, behind the path of the line before")]
    Line(usize),
}

impl Manifest {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let lines = self.files.iter().map(|file| format!("{} {} {}\n", HEXLOWER.encode(&file.sha256), file.length, file.path));
        std::iter::once(format!("{HEADING}\n{}\n", self.origin)).chain(lines).collect()
    }

    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let rest = text.strip_prefix(HEADING).and_then(|rest| rest.strip_prefix('\n')).and_then(|rest| rest.strip_suffix('\n'));
        let mut lines = rest.ok_or(ManifestError::Malformed)?.split('\n');
        let origin = lines.next().filter(|origin| is_name(origin)).ok_or(ManifestError::Malformed)?.to_owned();
        let mut files: Vec<PackedFile> = Vec::new();
        for (number, line) in (3..).zip(lines) {
            let file = PackedFile::parse(line).filter(|file| files.last().is_none_or(|before| before.path < file.path));
            if files.len() >= MOST_FILES {
                return Err(ManifestError::Line(number));
            }
            files.push(file.ok_or(ManifestError::Line(number))?);
        }
        Ok(Self { origin, files })
    }
}

impl PackedFile {
    fn parse(line: &str) -> Option<Self> {
        let (hash, rest) = line.split_once(' ')?;
        let (digits, path) = rest.split_once(' ')?;
        let length = digits.parse().ok().filter(|length: &u64| length.to_string() == digits)?;
        let sha256 = HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
        is_plain(path).then(|| Self { path: path.to_owned(), length, sha256 })
    }
}

/// A relative path that leads nowhere else on any system.
fn is_plain(path: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    path.len() <= 100 && path.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::super::{Checkpoint, Signer};
    use super::*;
    use crate::crypto;

    fn manifest() -> Manifest {
        let file = |path: &str| PackedFile { path: path.to_owned(), length: 7, sha256: crypto::sha256(path.as_bytes()) };
        Manifest {
            origin: "gate.city.test/audit/x".to_owned(),
            files: ["README.txt", "configs/a.toml", "records.jsonl"].map(file).to_vec(),
        }
    }

    #[test]
    fn a_manifest_reads_back_and_has_one_spelling() {
        let manifest = manifest();
        assert_eq!(Manifest::parse(&manifest.text()), Ok(manifest.clone()));
        let text = manifest.text();
        for (from, to) in
            [(" 7 ", " 07 "), (" 7 ", " +7 "), ("README.txt", "zzz"), ("README.txt", "configs/a.toml"), ("records", "../records")]
        {
            assert!(Manifest::parse(&text.replacen(from, to, 1)).is_err(), "{to}");
        }
        for text in [format!("{text}\n"), text.trim_end().to_owned(), text.replace("v1", "v2"), String::new(), text.to_uppercase()] {
            assert!(Manifest::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_pack() {
        for path in ["a", "a.b", "a/b-c_d.e"] {
            assert!(is_plain(path), "{path}");
        }
        for path in ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a\\b", "c:", "a b", "a\u{202e}", "ä", &"x".repeat(101)] {
            assert!(!is_plain(path), "{path}");
        }
    }

    /// The log's key signs heads and manifests: neither may ever be taken for the other.
    #[test]
    fn a_manifest_is_no_checkpoint_and_a_checkpoint_no_manifest() {
        let mut manifest = manifest();
        assert!(Checkpoint::parse(&manifest.text()).is_err());
        manifest.files.clear();
        assert!(Checkpoint::parse(&manifest.text()).is_err());
        // Not with any name that a log can have: a name has no line break, so the second line is all of it and no number would do for both.
        manifest.origin = "12".to_owned();
        assert!(Checkpoint::parse(&manifest.text()).is_err(), "the third line would have to be a root hash alone");
        let head = Checkpoint { origin: HEADING.to_owned(), size: 12, root: super::super::Hash([7; 32]) };
        assert!(Manifest::parse(&head.text()).is_err());
        assert!(!manifest.text().starts_with("cosignature/") && !manifest.text().starts_with("log key rotation"));
        // A signature under the one is none under the other.
        let signer = Signer::generate("gate.city.test/audit/x").unwrap();
        let note = super::super::SignedNote { text: head.text(), signatures: vec![signer.sign(&manifest.text())] };
        assert!(!signer.verifier().has_signed(&note));
    }
}
