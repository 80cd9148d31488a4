//! `yumen check`: everything that is wrong with a config file, at once.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;

use crate::config::{self, Settings};

#[derive(clap::Args)]
pub struct Arguments {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "config/yumen.toml")]
    config: PathBuf,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = load(&arguments.config)?;
    println!("{} is right: {} apps behind https://{}", arguments.config.display(), settings.apps.len(), settings.portal.host);
    Ok(ExitCode::SUCCESS)
}

/// Reads a config and the files that it names.
pub fn load(path: &Path) -> anyhow::Result<Settings> {
    let colour = std::io::stderr().is_terminal();
    config::load(path).map_err(|problems| anyhow!("{}", problems.render(colour)))
}
