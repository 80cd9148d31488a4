//! The style sheet, the script and the icon, compiled in and addressed by their content.
//!
//! Invariant: an address with a version always means the same bytes, so browsers may keep them for ever.

use std::borrow::Cow;

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use rust_embed::RustEmbed;

use crate::crypto;

/// Where assets are served: portal hosts own their paths, app hosts lend the gateway one folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetPrefix {
    Portal,
    AppHost,
}

impl AssetPrefix {
    pub const fn path(self) -> &'static str {
        match self {
            Self::Portal => "/assets/",
            Self::AppHost => "/.yumen/assets/",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Asset {
    pub content_type: &'static str,
    /// With its quotes, as the header has it.
    pub etag: String,
    pub cache_control: &'static str,
    pub body: Cow<'static, [u8]>,
}

#[derive(RustEmbed)]
#[folder = "src/web/assets/"]
struct Files;

/// Written in parts, sent as one: a browser waits for no more than one request before it paints.
const STYLE: &[&str] = &[
    include_str!("style/tokens.css"),
    include_str!("style/type.css"),
    include_str!("style/frame.css"),
    include_str!("style/blocks.css"),
    include_str!("style/forms.css"),
    include_str!("style/key.css"),
    include_str!("style/tables.css"),
    include_str!("style/log.css"),
    include_str!("style/incident.css"),
    include_str!("style/print.css"),
];

static SHEET: LazyLock<Vec<u8>> = LazyLock::new(|| lean(&STYLE.concat()).into_bytes());
static SHEET_HASH: LazyLock<String> = LazyLock::new(|| short_hash(&crypto::sha256(&SHEET)));

/// The asset of that name; `version` is the `v` of the address's query.
pub fn asset(name: &str, version: Option<&str>) -> Option<Asset> {
    let (hash, body) = found(name)?;
    let cache_control = if version == Some(hash.as_str()) { "public, max-age=31536000, immutable" } else { "no-cache" };
    Some(Asset { content_type: content_type(name)?, etag: format!("\"{hash}\""), cache_control, body })
}

/// The address of the asset on this host, with the version of what was compiled in.
pub fn url(prefix: AssetPrefix, name: &str) -> String {
    let version = found(name).map(|(hash, _)| hash).unwrap_or_default();
    format!("{}{name}?v={version}", prefix.path())
}

fn found(name: &str) -> Option<(String, Cow<'static, [u8]>)> {
    if name == "style.css" {
        return Some((SHEET_HASH.clone(), Cow::Borrowed(SHEET.as_slice())));
    }
    let file = Files::get(name)?;
    Some((short_hash(&file.metadata.sha256_hash()), file.data))
}

/// Without what only we read: comments, empty lines, and what sets lines in.
fn lean(sheet: &str) -> String {
    let said = sheet.split("/*").enumerate().map(|(at, part)| match part.split_once("*/") {
        Some((_, rest)) if at > 0 => rest,
        _ => part,
    });
    let whole: String = said.collect();
    whole.lines().map(str::trim).filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}

fn short_hash(hash: &[u8; 32]) -> String {
    let mut hash = HEXLOWER.encode(hash);
    hash.truncate(16);
    hash
}

fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the forms about an incident alone, so that no list of the console waits for it.
    const PAPER: &str = include_str!("assets/paper.css");

    #[test]
    fn every_asset_is_served_with_its_type_and_may_be_kept_under_its_version() {
        let mut names = 0;
        for name in Files::iter().chain(["style.css".into()]) {
            let address = url(AssetPrefix::AppHost, &name);
            let version = address.strip_prefix(&format!("/.yumen/assets/{name}?v=")).unwrap();
            let asset = asset(&name, Some(version)).unwrap();
            assert!(!asset.body.is_empty() && asset.cache_control.contains("immutable"));
            assert_eq!(asset.etag, format!("\"{version}\""));
            names += 1;
        }
        assert_eq!(names, 4);
    }

    #[test]
    fn an_asset_under_another_version_is_not_kept() {
        assert_eq!(asset("style.css", Some("0")).unwrap().cache_control, "no-cache");
        assert_eq!(asset("style.css", None).unwrap().cache_control, "no-cache");
    }

    #[test]
    fn every_part_of_the_style_sheet_is_in_it() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/style");
        let sheet = String::from_utf8(asset("style.css", None).unwrap().body.into_owned()).unwrap();
        let sent: std::collections::BTreeSet<&str> = sheet.lines().collect();
        for part in std::fs::read_dir(folder).unwrap() {
            let part = std::fs::read_to_string(part.unwrap().path()).unwrap();
            for line in part.lines().map(str::trim).filter(|line| line.ends_with(['{', ';', '}'])) {
                assert!(sent.contains(line), "{line}");
            }
        }
        assert_eq!(sheet.matches('{').count(), sheet.matches('}').count());
        assert!(!sheet.contains("/*") && !sheet.contains("*/") && !sheet.contains("\n\n"));
    }

    #[test]
    fn the_style_sheet_knows_no_left_and_no_right() {
        let sheet = STYLE.concat() + PAPER;
        let declarations = sheet.lines().map(str::trim).filter(|line| line.ends_with(';'));
        for line in declarations {
            let (property, value) = line.split_once(':').unwrap();
            assert!(!property.contains("left") && !property.contains("right"), "{line}");
            assert!(!["left;", "right;"].iter().any(|side| value.trim() == *side), "{line}");
            let physical =
                ["margin-top", "margin-bottom", "padding-top", "padding-bottom", "width", "height", "min-width", "max-width", "top"];
            assert!(!physical.contains(&property), "{line}");
        }
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        let sheet = STYLE.concat() + PAPER;
        assert!(!sheet.contains("url(") && !sheet.contains("@import") && !sheet.contains("@font-face"));
    }

    #[test]
    fn nothing_else_is_served() {
        for name in ["", "../mod.rs", "/style.css", "style.css/", "missing.css", "style/type.css", "type.css"] {
            assert!(asset(name, None).is_none(), "{name}");
        }
    }
}
