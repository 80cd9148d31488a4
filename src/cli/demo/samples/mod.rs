//! Three small back offices for the demo: stand-ins for a website cluster, an information disclosure system and
//! a Uyghur-language site. Each has a page, a form, files, and a WebSocket, and shows who the gateway says is there.
//!
//! Invariant: they keep everything in memory, listen on loopback alone, and believe whatever the gateway says:
//! they are never to be reached except through it.

mod disclosure;
mod files;
mod form;
mod live;
mod office;
mod sites;
mod uyghur;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use office::{Office, serve};

/// A back office that is running; dropping it does not stop it, aborting `task` does.
#[derive(Debug)]
pub struct Sample {
    pub id: &'static str,
    pub names: Names,
    pub address: SocketAddr,
    pub task: JoinHandle<()>,
}

/// What an app is called, by language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    pub zh: &'static str,
    pub ug: &'static str,
    pub en: &'static str,
}

/// Starts all three, each on a free loopback port.
pub async fn start() -> io::Result<Vec<Sample>> {
    Ok(vec![
        open(
            "sites",
            Names {
                zh: "政务网站群系统", ug: "ھۆكۈمەت تور بېكەتلىرى سىستېمىسى", en: "Government website cluster"
            },
            sites::Cluster::default(),
        )
        .await?,
        open(
            "disclosure",
            Names {
                zh: "政府信息公开系统", ug: "ھۆكۈمەت ئۇچۇرلىرىنى ئاشكارىلاش سىستېمىسى", en: "Information disclosure"
            },
            disclosure::Disclosure::default(),
        )
        .await?,
        open(
            "ug",
            Names { zh: "维文政务网站后台", ug: "ئۇيغۇرچە ھۆكۈمەت تور بېكىتى", en: "Uyghur-language site" },
            uyghur::Editor::default(),
        )
        .await?,
    ])
}

async fn open(id: &'static str, names: Names, office: impl Office) -> io::Result<Sample> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok(Sample { id, names, address, task: tokio::spawn(serve(listener, office)) })
}
