//! A chain as bytes that can be kept: each certificate with its length (four bytes, the greatest first) before it.
//!
//! Invariant: no more is kept than is looked at; and since it came in one TLS handshake, it is less than 64 KiB.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::check::LONGEST_CHAIN;

pub(super) fn packed(leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> Arc<[u8]> {
    let mut bytes = Vec::new();
    for certificate in std::iter::once(leaf).chain(sent.iter().take(LONGEST_CHAIN)) {
        let Ok(length) = u32::try_from(certificate.len()) else { break };
        bytes.extend(length.to_be_bytes());
        bytes.extend(certificate.as_ref());
    }
    bytes.into()
}

/// `None`: it was not packed here.
pub(super) fn unpacked(mut bytes: &[u8]) -> Option<Vec<CertificateDer<'_>>> {
    let mut chain = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (certificate, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        chain.push(CertificateDer::from(certificate));
        bytes = rest;
    }
    Some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_comes_back_as_it_was_kept_and_nothing_else_is_taken_for_one() {
        let chain: Vec<_> = (0..12_u8).map(|n| CertificateDer::from(vec![n; usize::from(n) * 40])).collect();
        let kept = packed(&chain[1], &chain[2..]);
        assert_eq!(unpacked(&kept).unwrap(), chain[1..2 + LONGEST_CHAIN]);
        assert_eq!(unpacked(&kept[..kept.len() - 1]), None);
        assert_eq!(unpacked(&[0, 0, 0]), None);
        assert_eq!(unpacked(&[0xff; 5]), None);
        assert_eq!(unpacked(&[]), Some(Vec::new()));
    }
}
