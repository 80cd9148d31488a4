//! `yumen serve`: the gateway with an operator's config.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::gateway::{self, Gateway, Options};

#[derive(clap::Args)]
pub struct Arguments {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "config/yumen.toml")]
    config: PathBuf,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    log_to_stderr();
    let settings = super::check::load(&arguments.config)?;
    let path = arguments.config;
    let options = Options { clock: None, reload: Some(Arc::new(move || super::check::load(&path).map_err(|error| error.to_string()))) };
    let portal = settings.portal.origin.clone();
    let lock = gateway::lock(&settings.data)?;
    let gateway = Gateway::start(settings, lock, options)?;
    let addresses: Vec<String> = gateway.addresses().iter().map(ToString::to_string).collect();
    eprintln!("yumen: serving on {}; the portal is {portal}", addresses.join(" and "));
    gateway.run();
    Ok(ExitCode::SUCCESS)
}

/// Diagnostics of the process itself; accesses go to the audit log. `RUST_LOG` chooses more or less.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,yumen=info".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).try_init();
}
