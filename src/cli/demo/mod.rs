//! `yumen demo`: the gateway as a newcomer meets it. Three sample back offices, a development CA, and a config
//! that is written out so that it can be read.
//!
//! Invariant: the demo goes through the same config, store and log as a real gateway; only its answers to "which" are given.

mod directory;
mod samples;
mod told;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use crate::admin::{Actor, NewAccount};
use crate::clock::Clock;
use crate::config::{self, MONITORING_LISTEN, Settings};
use crate::edge;
use crate::gateway::{Gateway, Options};
use crate::model::{AccountName, AccountState, Role, UnitName};
use crate::pki::{DevelopmentCa, Issued};

use super::logging::Logging;
use super::paint::Paint;
use super::print;
use samples::Sample;
use told::{App, First, Opening};

/// The example, which is for any gateway.
const PLAN: &str = include_str!("../../../config/plan.toml");
/// What is read-only from level III on.
const READ_ONLY: &str = "disclosure";
/// As the example has it.
const BREAK_GLASS: &str = "break_glass = [\"zhao\", \"qian\", \"sun\"]";
/// Who may work at any hour.
const AT_NIGHT: &str = "except = { accounts = [\"sun\"] }";
const PORT: u16 = 8443;
const PORTAL: &str = "gate.localhost";
const ADMIN: &str = "admin";
/// The sample in which publishing takes a fresh proof.
const PUBLISHING: &str = "sites";

#[derive(clap::Args)]
pub struct Arguments {
    /// Where the demo keeps its certificates, accounts and log
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The address to listen on; without it 127.0.0.1:8443 and [::1]:8443
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Begin anew: remove what an earlier demo left in the data directory
    #[arg(long)]
    fresh: bool,
    /// Do not ask before removing
    #[arg(long, requires = "fresh")]
    yes: bool,
    /// Say what is open as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    logging: Logging,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let address: Option<SocketAddr> = text.parse().ok();
    address.filter(|address| address.port() != 0).ok_or("write an address with its port, such as 127.0.0.1:8443 or [::1]:8443")
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.logging.begin()?;
    let lock = directory::take(&arguments.data)?;
    if arguments.fresh && !directory::clear(&arguments.data, arguments.yes)? {
        print::result("Nothing was removed.")?;
        return Ok(ExitCode::FAILURE);
    }
    let data = std::path::absolute(&arguments.data)?;
    let listen = arguments.listen.map_or_else(default_addresses, |address| vec![address]);
    let port = listen.first().map_or(PORT, SocketAddr::port);
    // The samples live on a runtime of their own, as if they were other machines.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("sample").enable_all().build()?;
    let samples = runtime.block_on(samples::start()).context("cannot start the sample back offices")?;
    let certificates = issue_certificates(&data, &samples)?;
    let (monitoring, monitoring_address) = monitoring()?;
    let text = write_config(&data, (&listen, port), monitoring_address, &samples, &certificates)?;
    let settings = config::parse(&text, "yumen.toml", &data).and_then(Settings::with_plan);
    let settings = settings.map_err(|problems| anyhow!("{}", problems.render(false)))?;
    let file = data.join("yumen.toml");
    let options = Options {
        clock: None,
        reload: Some(Arc::new(move || super::check::load(&file).map_err(|error| error.to_string()))),
        packs: Some(crate::cli::pack_maker()),
        monitoring: Some(monitoring),
    };
    let gateway = Gateway::start(settings, lock, options)?;
    match first_administrator(&gateway) {
        Ok(first) => {
            let opening = opening(&data, port, &samples, gateway.monitoring(), first);
            let text = if arguments.json { opening.json() + "\n" } else { opening.told(Paint::of_stdout()) };
            // A demo of which nobody has seen where it is would serve nobody.
            if let Err(error) = print::results(text) {
                gateway.shut_down();
                return Err(error.into());
            }
        }
        Err(error) => {
            gateway.shut_down();
            return Err(error);
        }
    }
    gateway.run();
    samples.iter().for_each(|sample| sample.task.abort());
    if !arguments.json {
        print::result("The gate is closed; the log is complete.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Browsers find `*.localhost` under both addresses; a machine without IPv6 has only one.
fn default_addresses() -> Vec<SocketAddr> {
    let mut addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        addresses.push(SocketAddr::from((Ipv6Addr::LOCALHOST, PORT)));
    }
    addresses
}

/// At the usual address, or any that is free: another gateway may be watched there. Nobody else has it before the gateway does.
fn monitoring() -> anyhow::Result<(TcpListener, SocketAddr)> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = edge::bind(&[MONITORING_LISTEN]).or_else(|_| edge::bind(&[any]));
    let listener = bound.context("cannot listen for monitoring")?.into_iter().next().context("cannot listen for monitoring")?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The example, with the demo's administrator on the duty list in the place of people whom the demo does not have.
fn plan() -> String {
    let plan = PLAN.replace("account = \"zhao\"", &format!("account = \"{ADMIN}\""));
    let plan = plan.replace(BREAK_GLASS, &format!("break_glass = [\"{ADMIN}\"]"));
    // Whoever tries the demo by night in Asia/Shanghai is no incident.
    let plan = plan.replace(AT_NIGHT, &format!("except = {{ accounts = [\"sun\", \"{ADMIN}\"] }}"));
    // So that there is something to see from level III on.
    plan.replace("fresh = \"1h\"\n", &format!("fresh = \"1h\"\nread_only = [\"{READ_ONLY}\"]\n"))
}

/// One for each host: browsers use one connection for all hosts that a certificate names, and would have to be told otherwise.
fn issue_certificates(data: &Path, samples: &[Sample]) -> anyhow::Result<Vec<Issued>> {
    let (certs, now) = (data.join("certs"), Clock::machine().wall());
    std::fs::create_dir_all(&certs).with_context(|| format!("cannot use {}", certs.display()))?;
    let ca = DevelopmentCa::open(&certs, now).context("the development CA")?;
    let hosts: Vec<String> = std::iter::once(PORTAL.to_owned()).chain(samples.iter().map(|sample| host(sample.id))).collect();
    hosts.iter().map(|host| ca.issue(&[host], now).context("the demo's certificates")).collect()
}

fn host(id: &str) -> String {
    format!("{id}.localhost")
}

fn write_config(
    data: &Path,
    (listen, port): (&[SocketAddr], u16),
    monitoring: SocketAddr,
    samples: &[Sample],
    certificates: &[Issued],
) -> anyhow::Result<String> {
    use std::fmt::Write;
    let listen: Vec<String> = listen.iter().map(|address| format!("\"{address}\"")).collect();
    let mut text = String::from("# Written by `yumen demo` at each start, with plan.toml; `yumen reload` reads both again until then.\n");
    text.push_str("# For a gateway of your own, begin with config/yumen.toml.\n");
    writeln!(text, "listen = [{}]\ndata = '{}'\npublic_port = {port}\nhsts = false\n", listen.join(", "), data.display())?;
    writeln!(text, "[monitoring]\nlisten = \"{monitoring}\"\n")?;
    std::fs::write(data.join("plan.toml"), plan()).context("the demo's emergency plan")?;
    writeln!(text, "[incident]\nplan = 'plan.toml'\n")?;
    writeln!(text, "[timeouts]\ndrain = \"2s\"\n")?;
    writeln!(text, "[portal]\nhost = \"{PORTAL}\"\n")?;
    for Issued { chain, key } in certificates {
        writeln!(text, "[[tls.certificates]]\nchain = '{}'\nkey = '{}'", chain.display(), key.display())?;
    }
    for sample in samples {
        let names = &sample.names;
        writeln!(text, "\n[[app]]\nid = \"{}\"\nhost = \"{}\"", sample.id, host(sample.id))?;
        writeln!(text, "name = {{ zh = \"{}\", ug = \"{}\", en = \"{}\" }}", names.zh, names.ug, names.en)?;
        writeln!(text, "upstreams = [\"http://{}\"]\nlabel = \"internal\"\nwebsocket = true", sample.address)?;
        let roles = "roles = [\"member\", \"security-administrator\", \"system-administrator\", \"auditor\"]";
        if sample.id == PUBLISHING {
            writeln!(text, "# Whoever publishes here has used her key in the last five minutes, or is asked to; her form waits for it.")?;
            writeln!(text, "[[app.rule]]\nname = \"publishing\"\n{roles}\nmethods = [\"POST\"]\npaths = [\"/submit\"]\nfresh = \"5m\"")?;
        }
        writeln!(text, "[[app.rule]]\nname = \"everyone who has enrolled\"\n{roles}")?;
    }
    std::fs::write(data.join("yumen.toml"), &text).context("cannot write yumen.toml into the data directory")?;
    Ok(text)
}

/// Invites the first security administrator, as long as there is none.
fn first_administrator(gateway: &Gateway) -> anyhow::Result<First> {
    let house = gateway.house();
    gateway.block_on(async {
        if house.desk.has_security_administrator().await? {
            return Ok(First::Enrolled);
        }
        let actor = Actor::Machine { uid: rustix::process::geteuid().as_raw() };
        let name = AccountName::parse(ADMIN)?;
        if let Some(account) = house.store.account_by_name(&name).await?.filter(|account| account.state != AccountState::Invited) {
            return Ok(First::Unusable(account.state));
        }
        let unit = UnitName::parse("信息中心")?;
        let new = NewAccount { name, unit, role: Role::SecurityAdministrator, email: None };
        Ok(First::Invited(house.desk.invite(&actor, new, house.clock.now()).await?.link))
    })
}

fn opening(data: &Path, port: u16, samples: &[Sample], metrics: Option<SocketAddr>, first: First) -> Opening {
    let app = |sample: &Sample| App {
        id: sample.id.to_owned(),
        name: sample.names.zh.to_owned(),
        address: format!("https://{}:{port}", host(sample.id)),
    };
    Opening {
        portal: format!("https://{PORTAL}:{port}"),
        apps: samples.iter().map(app).collect(),
        metrics,
        ca: data.join("certs/ca.pem").display().to_string(),
        data: data.display().to_string(),
        admin: ADMIN,
        first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_demo_changes_in_the_example_is_there_to_be_changed() {
        let (plan, admin) = (plan(), format!("\"{ADMIN}\""));
        for changed in [
            format!("account = {admin}"),
            format!("break_glass = [{admin}]"),
            format!("except = {{ accounts = [\"sun\", {admin}] }}"),
            format!("read_only = [\"{READ_ONLY}\"]"),
        ] {
            assert!(plan.contains(&changed), "{changed}");
        }
        assert!(!plan.contains("\"zhao\""));
    }
}
