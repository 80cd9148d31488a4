//! `yumen serve`: the gateway with an operator's config.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::gateway::{self, Gateway, Options};

use super::logging::Logging;

#[derive(clap::Args)]
pub struct Arguments {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "config/yumen.toml")]
    config: PathBuf,
    #[command(flatten)]
    logging: Logging,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.logging.begin()?;
    let settings = super::check::load(&arguments.config)?;
    let path = arguments.config;
    let options = Options { clock: None, reload: Some(Arc::new(move || super::check::load(&path).map_err(|error| error.to_string()))) };
    let portal = settings.portal.origin.clone();
    let lock = gateway::lock(&settings.data)?;
    let gateway = Gateway::start(settings, lock, options)?;
    let addresses: Vec<String> = gateway.addresses().iter().map(ToString::to_string).collect();
    if arguments.logging.is_json() {
        let metrics = gateway.monitoring().map(|address| format!("http://{address}/metrics")).unwrap_or_default();
        tracing::info!(%portal, %metrics, addresses = %addresses.join(", "), "serving");
    } else {
        eprintln!("yumen: serving on {}; the portal is {portal}", addresses.join(" and "));
    }
    gateway.run();
    Ok(ExitCode::SUCCESS)
}
