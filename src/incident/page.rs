//! A page of a public site that is watched, and what of it counts.
//!
//! Invariant: what is left out is only what stands between two marks that are both there; a page in which one is missing counts whole.

use std::path::PathBuf;
use std::time::Duration;

use crate::crypto;
use crate::model::AppId;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whose work explains a change.
    pub app: AppId,
    /// From where the public reads it; of `http` or `https`.
    pub url: String,
    pub every: Duration,
    /// PEM certificates of which one must have signed the site's; there with `https`.
    pub ca: Option<PathBuf>,
    pub ignore: Vec<Ignored>,
    /// So many bytes are read at most.
    pub max: u64,
}

/// What stands after the one text and before the other changes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    pub from: String,
    pub to: String,
}

impl Page {
    /// SHA-256 of what counts.
    pub fn digest(&self, body: &[u8]) -> [u8; 32] {
        let counts = self.ignore.iter().fold(body.to_vec(), |body, ignored| ignored.cut(&body));
        crypto::sha256(&counts)
    }

    /// Tells digests of which one cannot be compared with the other: what counted was said differently.
    pub fn terms(&self) -> [u8; 32] {
        crypto::sha256(format!("{:?}", self.ignore).as_bytes())
    }
}

impl Ignored {
    /// The marks themselves stay.
    fn cut(&self, body: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(body.len());
        let mut rest = body;
        while let Some((before, after)) = split(rest, self.from.as_bytes())
            && let Some((_, behind)) = split(after, self.to.as_bytes())
        {
            kept.extend_from_slice(before);
            kept.extend_from_slice(self.from.as_bytes());
            kept.extend_from_slice(self.to.as_bytes());
            rest = behind;
        }
        kept.extend_from_slice(rest);
        kept
    }
}

/// What stands before the first `mark`, and after it.
fn split<'b>(body: &'b [u8], mark: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = body.windows(mark.len().max(1)).position(|window| window == mark)?;
    Some((body.get(..at)?, body.get(at.saturating_add(mark.len())..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ignore: &[(&str, &str)]) -> Page {
        let ignore = ignore.iter().map(|(from, to)| Ignored { from: (*from).to_owned(), to: (*to).to_owned() }).collect();
        let app = AppId::parse("sites").unwrap();
        Page { app, url: "http://www.city.test/".to_owned(), every: Duration::from_mins(5), ca: None, ignore, max: 1 << 20 }
    }

    #[track_caller]
    fn same(ignore: &[(&str, &str)], one: &str, other: &str) -> bool {
        page(ignore).digest(one.as_bytes()) == page(ignore).digest(other.as_bytes())
    }

    #[test]
    fn what_stands_between_marks_does_not_count_and_all_else_does() {
        let time = [("<i>", "</i>")];
        assert!(same(&time, "a<i>1</i>b<i>2</i>c", "a<i>33</i>b<i></i>c"));
        assert!(!same(&[], "a<i>1</i>b", "a<i>2</i>b"));
        assert!(!same(&time, "a<i>1</i>b", "a<i>1</i>B"));
        assert!(!same(&time, "a<i>1</i>b", "A<i>1</i>b"));
        assert!(!same(&time, "a<i>1</i>b", "a1b"), "the marks count");
        assert!(same(&[("<i>", "</i>"), ("id=\"", "\"")], "<i>1</i><b id=\"x\">", "<i>2</i><b id=\"y\">"));
        assert!(same(&[("|", "|")], "a|1|b|2|c", "a|3|b|4|c") && !same(&[("|", "|")], "a|1|b|2|c", "a|1|B|2|c"));
    }

    #[test]
    fn a_mark_without_its_other_leaves_nothing_out() {
        let time = [("<i>", "</i>")];
        assert!(!same(&time, "a<i>1", "a<i>2"));
        assert!(!same(&time, "a1</i>", "a2</i>"));
        assert!(!same(&time, "</i>1<i>", "</i>2<i>"));
        assert!(!same(&time, "<i>1</i><i>1", "<i>1</i><i>2"));
    }

    #[test]
    fn digests_of_other_terms_are_told_apart() {
        assert_eq!(page(&[("a", "b")]).terms(), page(&[("a", "b")]).terms());
        assert_ne!(page(&[("a", "b")]).terms(), page(&[]).terms());
        assert_ne!(page(&[("a", "b"), ("c", "d")]).terms(), page(&[("a", "b")]).terms());
    }
}
