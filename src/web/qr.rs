//! QR codes as drawings, for what a phone is to read off the screen.

use qrcode::{Color, QrCode};

/// Around it nothing may be drawn (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;

/// A QR code: how wide it is in modules, and the path of the dark ones for an SVG of that size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    pub width: usize,
    pub path: String,
}

/// `None`: it is too long for one.
pub fn draw(text: &str) -> Option<Qr> {
    let code = QrCode::new(text).ok()?;
    let side = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (index.checked_rem(side)?, index.checked_div(side)?);
            path.push_str(&format!("M{} {}h1v1h-1z", x.saturating_add(QUIET), y.saturating_add(QUIET)));
        }
    }
    Some(Qr { width: side.saturating_add(QUIET.saturating_mul(2)), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_begins_with_its_corner_behind_the_quiet_zone() {
        let qr = draw("otpauth://totp/x").unwrap();
        assert!(qr.width >= 21 + 8 && qr.path.starts_with("M4 4h1v1h-1z"), "{qr:?}");
        assert_ne!(draw("a"), draw("b"));
        assert_eq!(draw(&"x".repeat(8_000)), None);
    }
}
