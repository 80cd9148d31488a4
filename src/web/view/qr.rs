//! A text as a QR code (ISO/IEC 18004), drawn as one path.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around it, without which readers do not find it (section 9.1).
const QUIET: usize = 4;

/// An `svg` element; `None`: the text is too long for any QR code.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let side = code.width().saturating_add(QUIET.saturating_mul(2));
    let mut path = String::new();
    for (row, modules) in code.to_colors().chunks(code.width()).enumerate() {
        let mut column = QUIET;
        for run in modules.chunk_by(|one, other| one == other) {
            if run.first() == Some(&Color::Dark) {
                let _ = write!(path, "M{column} {}h{length}v1h-{length}z", row.saturating_add(QUIET), length = run.len());
            }
            column = column.saturating_add(run.len());
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" aria-hidden=\"true\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_drawn_and_one_that_fits_into_no_code_is_not() {
        let drawn = svg("https://gate.city.example/enrol/letter#ABCD-EFGH-JKMN-PQRS-TVWX").unwrap();
        assert!(drawn.starts_with("<svg ") && drawn.len() < 6_000, "{}", drawn.len());
        // The finder pattern's first line.
        assert!(drawn.contains("M4 4h7v1h-7z"));
        assert_eq!(svg(&"a".repeat(3_000)), None);
    }
}
