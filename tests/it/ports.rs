//! Addresses of this machine at which nobody listens.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what the kernel gives to whoever takes any port (`ip_local_port_range` begins at 32768), so that no other test has it a moment later.
const FIRST: u16 = 12_000;
const MANY: u16 = 16_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A free one, which this process gives out once.
pub fn free() -> SocketAddr {
    // Two runs on one machine do not go for the same ones.
    let begin = u16::try_from(std::process::id().wrapping_mul(7_919) % u32::from(MANY)).unwrap();
    for _ in 0..MANY {
        let port = FIRST + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % MANY;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("each of {MANY} ports is taken");
}
