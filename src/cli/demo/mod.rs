//! `yumen demo`: the gateway as a newcomer meets it. Three sample back offices, a development CA, and a config
//! that is written out so that it can be read.
//!
//! Invariant: the demo goes through the same config, store and log as a real gateway; only its answers to "which" are given.

mod directory;
mod samples;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use crate::admin::{Actor, NewAccount};
use crate::clock::Clock;
use crate::config;
use crate::gateway::{Gateway, Options};
use crate::model::{AccountName, Role, UnitName};
use crate::pki::{DevelopmentCa, Issued};

use samples::Sample;

const PORT: u16 = 8443;
const PORTAL: &str = "gate.localhost";

#[derive(clap::Args)]
pub struct Arguments {
    /// Where the demo keeps its certificates, accounts and log
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The address to listen on; without it 127.0.0.1:8443 and [::1]:8443
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Begin anew: remove what an earlier demo left in the data directory
    #[arg(long)]
    fresh: bool,
    /// Do not ask before removing
    #[arg(long, requires = "fresh")]
    yes: bool,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::serve::log_to_stderr();
    if arguments.fresh && !directory::clear(&arguments.data, arguments.yes)? {
        println!("Nothing was removed.");
        return Ok(ExitCode::FAILURE);
    }
    directory::prepare(&arguments.data)?;
    let data = std::path::absolute(&arguments.data)?;
    let listen = arguments.listen.map_or_else(default_addresses, |address| vec![address]);
    let port = listen.first().map_or(PORT, SocketAddr::port);
    // The samples live on a runtime of their own, as if they were other machines.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("sample").enable_all().build()?;
    let samples = runtime.block_on(samples::start()).context("cannot start the sample back offices")?;
    let certificates = issue_certificates(&data, &samples)?;
    let text = write_config(&data, &listen, port, &samples, &certificates)?;
    let settings = config::parse(&text, "yumen.toml", &data).map_err(|problems| anyhow!("{}", problems.render(false)))?;
    let gateway = Gateway::start(settings, Options::default())?;
    tell(&data, port, &samples, first_administrator(&gateway)?.as_deref());
    gateway.run();
    samples.iter().for_each(|sample| sample.task.abort());
    println!("The gate is closed; the log is complete.");
    Ok(ExitCode::SUCCESS)
}

/// Browsers find `*.localhost` under both addresses; a machine without IPv6 has only one.
fn default_addresses() -> Vec<SocketAddr> {
    let mut addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))];
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        addresses.push(SocketAddr::from((Ipv6Addr::LOCALHOST, PORT)));
    }
    addresses
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

fn write_config(data: &Path, listen: &[SocketAddr], port: u16, samples: &[Sample], certificates: &[Issued]) -> anyhow::Result<String> {
    use std::fmt::Write;
    let listen: Vec<String> = listen.iter().map(|address| format!("\"{address}\"")).collect();
    let mut text = String::from("# Written by `yumen demo` at each start. For a gateway of your own, begin with config/yumen.toml.\n");
    writeln!(text, "listen = [{}]\ndata = \".\"\npublic_port = {port}\nhsts = false\n", listen.join(", "))?;
    writeln!(text, "[portal]\nhost = \"{PORTAL}\"\nname = {{ zh = \"玉门\", ug = \"يۈيمېن\", en = \"Yumen\" }}\n")?;
    for Issued { chain, key } in certificates {
        writeln!(text, "[[tls.certificates]]\nchain = '{}'\nkey = '{}'", chain.display(), key.display())?;
    }
    for sample in samples {
        let names = &sample.names;
        writeln!(text, "\n[[app]]\nid = \"{}\"\nhost = \"{}\"", sample.id, host(sample.id))?;
        writeln!(text, "name = {{ zh = \"{}\", ug = \"{}\", en = \"{}\" }}", names.zh, names.ug, names.en)?;
        writeln!(text, "upstreams = [\"http://{}\"]\nlabel = \"internal\"\nwebsocket = true", sample.address)?;
        writeln!(
            text,
            "[[app.rule]]\nname = \"everyone who has enrolled\"\nroles = [\"member\", \"security-administrator\", \"system-administrator\", \"auditor\"]"
        )?;
    }
    std::fs::write(data.join("yumen.toml"), &text).context("cannot write yumen.toml into the data directory")?;
    Ok(text)
}

/// The single-use link for the first security administrator, as long as there is none.
fn first_administrator(gateway: &Gateway) -> anyhow::Result<Option<String>> {
    let house = gateway.house();
    gateway.block_on(async {
        if house.desk.has_security_administrator().await? {
            return Ok(None);
        }
        let actor = Actor::Machine { uid: rustix::process::geteuid().as_raw() };
        let new = NewAccount {
            name: AccountName::parse("admin")?,
            unit: UnitName::parse("信息中心")?,
            role: Role::SecurityAdministrator,
            email: None,
        };
        let invitation = house.desk.invite(&actor, new, house.clock.now()).await?;
        Ok(Some(invitation.link))
    })
}

fn tell(data: &Path, port: u16, samples: &[Sample], link: Option<&str>) {
    println!("Yumen 玉门 is open.\n");
    println!("  Portal        https://{PORTAL}:{port}");
    for sample in samples {
        println!("  Back office   https://{}:{port}  {}", host(sample.id), sample.names.zh);
    }
    let ca = data.join("certs/ca.pem");
    println!("\n1. Make your browser trust the demo's own CA. It can vouch for names under localhost and nothing else:");
    println!("   {}", ca.display());
    println!("   Chromium on Linux:  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n yumen-demo -i {}", ca.display());
    println!("   Firefox:            Settings > Privacy & Security > Certificates > View Certificates > Authorities > Import");
    match link {
        Some(link) => {
            println!(
                "\n2. Enrol the first security administrator (account \"admin\") with a security key. The link works once, for 15 minutes:"
            );
            println!("   {link}");
            println!("   No key at hand? In Chromium: Developer tools > More tools > WebAuthn > Enable virtual authenticator environment,");
            println!("   then add one with ctap2, usb, resident keys and user verification.");
            println!("\n3. Sign in at the portal with your password and the key, and open a back office.");
        }
        None => println!("\n2. Sign in at the portal with your password and key, and open a back office."),
    }
    println!("\n   Read the log:  yumen audit tail --data {}", data.display());
    println!("   Ctrl-C closes the gate.");
}
