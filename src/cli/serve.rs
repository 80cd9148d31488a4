//! `yumen serve`: the gateway with an operator's config.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Settings;
use crate::gateway::{self, Gateway, Options};

use super::logging::Logging;
use super::paint::Paint;
use super::print;

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
    let (path, json) = (arguments.config, arguments.logging.is_json());
    let load = move || super::check::load(&path);
    let settings = load()?;
    warn(&settings, json);
    let options = Options {
        clock: None,
        reload: Some(Arc::new(move || load().map_err(|error| error.to_string()))),
        packs: Some(super::pack_maker()),
        monitoring: None,
    };
    let portal = settings.portal.origin.clone();
    let lock = gateway::lock(&settings.data)?;
    let gateway = Gateway::start(settings, lock, options)?;
    let addresses: Vec<String> = gateway.addresses().iter().map(ToString::to_string).collect();
    if json {
        let metrics = gateway.monitoring().map(|address| format!("http://{address}/metrics")).unwrap_or_default();
        tracing::info!(%portal, %metrics, addresses = %addresses.join(", "), "serving");
    } else {
        print::remark(format_args!("yumen: serving on {}; the portal is {portal}", addresses.join(" and ")));
    }
    gateway.run();
    Ok(ExitCode::SUCCESS)
}

/// What is worth saying although the config is good.
fn warn(settings: &Settings, json: bool) {
    let warnings = settings.warnings(Clock::machine().wall());
    if json {
        warnings.iter().for_each(|warning| tracing::warn!(help = %warning.help, "{}", warning.what));
    } else if !warnings.is_empty() {
        print::remark(format_args!("{}\n", warnings.render(Paint::of_stderr().is_coloured())));
    }
}
