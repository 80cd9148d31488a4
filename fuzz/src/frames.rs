//! The budget of HTTP/2 frames: the same verdict as a plain count, however the bytes were cut. The first byte says how often the rest comes.

use yumen::clock::Time;
use yumen::edge::frames::Frames;

const NOW: Time = Time::from_millis(1_800_000_000_000);

pub fn run(bytes: &[u8]) {
    let Some((times, frames)) = bytes.split_first() else { return };
    let stream = [&[b'P'; 24][..], &frames.repeat(usize::from(*times).min(40_000 / frames.len().max(1)))].concat();
    let verdict = Frames::new(NOW).judge(&stream, NOW).is_ok();
    assert_eq!(verdict, is_within_budget(&stream[24..]));
    for size in [1, 5, 1_024] {
        let mut frames = Frames::new(NOW);
        assert_eq!(stream.chunks(size).all(|piece| frames.judge(piece, NOW).is_ok()), verdict, "pieces of {size}");
    }
}

/// RFC 9113, section 4.1, and the budget as `edge::frames` describes it: 250 resets, 1,000 other control frames, SETTINGS for ten.
fn is_within_budget(mut stream: &[u8]) -> bool {
    let (mut resets, mut control) = (0_u32, 0_u32);
    while let Some((&[high, middle, low, kind, flags, ..], rest)) = stream.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        match kind {
            0 if (length < 32 || flags & 8 != 0) && flags & 1 == 0 => control += 1,
            0 | 1 => {}
            3 => resets += 1,
            4 => control += 10,
            _ => control += 1,
        }
        stream = rest.get(length..).unwrap_or_default();
    }
    resets <= 250 && control <= 1_000
}
