//! The style sheet, the script and the icon, compiled in and addressed by their content.
//!
//! Invariant: an address with a version always means the same bytes, so browsers may keep them for ever.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use rust_embed::RustEmbed;

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

/// The asset of that name; `version` is the `v` of the address's query.
pub fn asset(name: &str, version: Option<&str>) -> Option<Asset> {
    let file = Files::get(name)?;
    let hash = short_hash(&file);
    let cache_control = if version == Some(hash.as_str()) { "public, max-age=31536000, immutable" } else { "no-cache" };
    Some(Asset { content_type: content_type(name)?, etag: format!("\"{hash}\""), cache_control, body: file.data })
}

/// The address of the asset on this host, with the version of what was compiled in.
pub fn url(prefix: AssetPrefix, name: &str) -> String {
    let version = Files::get(name).map(|file| short_hash(&file)).unwrap_or_default();
    format!("{}{name}?v={version}", prefix.path())
}

fn short_hash(file: &rust_embed::EmbeddedFile) -> String {
    let mut hash = HEXLOWER.encode(&file.metadata.sha256_hash());
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

    #[test]
    fn every_asset_is_served_with_its_type_and_may_be_kept_under_its_version() {
        let mut names = 0;
        for name in Files::iter() {
            let address = url(AssetPrefix::AppHost, &name);
            let version = address.strip_prefix(&format!("/.yumen/assets/{name}?v=")).unwrap();
            let asset = asset(&name, Some(version)).unwrap();
            assert!(!asset.body.is_empty() && asset.cache_control.contains("immutable"));
            assert_eq!(asset.etag, format!("\"{version}\""));
            names += 1;
        }
        assert_eq!(names, 3);
    }

    #[test]
    fn an_asset_under_another_version_is_not_kept() {
        assert_eq!(asset("style.css", Some("0")).unwrap().cache_control, "no-cache");
        assert_eq!(asset("style.css", None).unwrap().cache_control, "no-cache");
    }

    #[test]
    fn nothing_else_is_served() {
        for name in ["", "../mod.rs", "/style.css", "style.css/", "missing.css"] {
            assert!(asset(name, None).is_none(), "{name}");
        }
    }
}
