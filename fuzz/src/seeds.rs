//! Deliveries of seeds, PSKC and CSV: all tokens are read, or all mistakes are told with their lines. The transport key is a fixed one.

use yumen::oath::{Progress, TransportKey, TypedCode, read};

pub fn run(bytes: &[u8]) {
    let key = TransportKey::parse("12345678901234567890123456789012").expect("a key");
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    match read(bytes, Some(&key)) {
        Ok(tokens) => {
            assert!(!tokens.is_empty());
            for token in tokens {
                assert!((1..=lines).contains(&token.line), "line {} of {lines}", token.line);
                let progress = Progress { next: token.counter, drift: 0 };
                let code = TypedCode::parse(&token.seed.code(token.scheme, token.counter)).expect("a code is a code");
                if let Some(taken) = progress.take(&token.seed, token.scheme, &code, token.counter) {
                    assert!(taken.next > progress.next || progress.next == u64::MAX);
                }
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!((1..=lines).contains(&problem.line), "{problem} of {lines}");
            }
        }
    }
}
