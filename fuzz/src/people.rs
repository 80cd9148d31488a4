//! Lists of people: everybody is read, named once and with one token, or all mistakes are told with their lines. Codes of letters read back.

use std::collections::HashSet;

use yumen::admin::Roster;
use yumen::auth::LetterCode;

pub fn run(bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    match Roster::read(bytes) {
        Ok(roster) => {
            assert!(!roster.people.is_empty());
            let (mut names, mut tokens) = (HashSet::new(), HashSet::new());
            for person in &roster.people {
                assert!((1..=lines).contains(&person.line), "line {} of {lines}", person.line);
                assert!(names.insert(&person.name), "{} twice", person.name);
                assert!(person.token.as_ref().is_none_or(|token| tokens.insert(token)));
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!((1..=lines).contains(&problem.line), "{problem} of {lines}");
            }
        }
    }
    if let Some(code) = std::str::from_utf8(bytes).ok().and_then(LetterCode::parse) {
        assert_eq!(LetterCode::parse(&code.reveal()), Some(code));
    }
}
