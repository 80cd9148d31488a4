//! Taking an address, for this process alone.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 1024;

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{0} is taken by another program; stop it (`ss -ltnp` shows which), or listen elsewhere")]
    Taken(SocketAddr),
    #[error("{0} may not be used by this user; ports below 1024 need CAP_NET_BIND_SERVICE, or listen on a higher port")]
    NotAllowed(SocketAddr),
    #[error("{0} is not an address of this machine")]
    NotHere(SocketAddr),
    #[error("cannot listen on {address}: {source}")]
    Other { address: SocketAddr, source: io::Error },
}

/// Listens on all of `addresses`, or on none. SO_REUSEPORT stays off: it would let a second copy bind beside this one.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    addresses.iter().map(|address| listen(*address).map_err(|source| explain(*address, source))).collect()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Only lets a restart take over an address whose old connections have not quite ended.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn explain(address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        ErrorKind::AddrInUse => BindError::Taken(address),
        ErrorKind::PermissionDenied => BindError::NotAllowed(address),
        ErrorKind::AddrNotAvailable => BindError::NotHere(address),
        _ => BindError::Other { address, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_once() {
        let first = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = first[0].local_addr().unwrap();
        let error = bind(&[address]).unwrap_err();
        assert!(matches!(error, BindError::Taken(taken) if taken == address));
        assert!(error.to_string().starts_with(&format!("{address} is taken")));
        drop(first);
        bind(&[address]).unwrap();
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        assert!(matches!(bind(&["192.0.2.1:0".parse().unwrap()]), Err(BindError::NotHere(_))));
    }

    #[test]
    fn both_families_can_have_the_same_port() {
        let Ok(six) = bind(&["[::]:0".parse().unwrap()]) else { return };
        let port = six[0].local_addr().unwrap().port();
        let four = bind(&[SocketAddr::from(([127, 0, 0, 1], port))]);
        assert!(!matches!(four, Err(BindError::Other { .. })));
    }
}
