//! A long list in pages: which of its rows are shown, and where the pages beside it are.
//!
//! Invariant: the page is one that the list has, and the addresses of its neighbours keep what the list was narrowed by.

use std::borrow::Cow;

use super::Frame;
use crate::lang::{self, Value};

/// With more, a list of sessions in Uyghur would weigh more than 100 kB with the style sheet and the script.
pub const ROWS: usize = 40;

#[derive(Clone, Debug)]
pub struct Paging {
    /// The address of the list with its filters, without a page.
    list: String,
    found: usize,
    /// So many are on one page.
    rows: usize,
    /// Counted from 1.
    page: usize,
    /// Counted from the end, so that the last page is full; without a page, the address would be its.
    from_the_end: bool,
}

impl Paging {
    /// `wanted` is the page as it was asked for: what is no number is the first, what is past the end is the last.
    pub fn new(list: String, found: usize, wanted: &str) -> Self {
        Self::of_rows(list, found, wanted, ROWS)
    }

    /// With so many rows on a page.
    pub fn of_rows(list: String, found: usize, wanted: &str, rows: usize) -> Self {
        let rows = rows.max(1);
        let page = wanted.parse().unwrap_or(1).clamp(1, pages_of(found, rows));
        Self { list, found, rows, page, from_the_end: false }
    }

    /// Of a list that is read from its end: what was not asked for is the last.
    pub fn from_the_end(list: String, found: usize, wanted: &str, rows: usize) -> Self {
        let last = pages_of(found, rows.max(1)).to_string();
        Self { from_the_end: true, ..Self::of_rows(list, found, if wanted.is_empty() { &last } else { wanted }, rows) }
    }

    /// What is shown of all that was found.
    pub fn of<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        if self.from_the_end {
            return all.rchunks(self.rows).nth(pages_of(self.found, self.rows).saturating_sub(self.page)).unwrap_or_default();
        }
        all.chunks(self.rows).nth(self.page.saturating_sub(1)).unwrap_or_default()
    }

    /// How many stand before those of the page.
    pub(super) fn before(&self) -> u64 {
        let before = match self.from_the_end {
            false => self.page.saturating_sub(1).saturating_mul(self.rows),
            true => self
                .found
                .saturating_sub(pages_of(self.found, self.rows).saturating_sub(self.page).saturating_add(1).saturating_mul(self.rows)),
        };
        u64::try_from(before).unwrap_or(u64::MAX)
    }

    /// The address of the page that is shown.
    pub fn here(&self) -> String {
        self.address(self.page)
    }

    pub(super) fn found(&self) -> usize {
        self.found
    }

    pub(super) fn is_several(&self) -> bool {
        pages_of(self.found, self.rows) > 1
    }

    pub(super) fn previous(&self) -> Option<String> {
        (self.page > 1).then(|| self.address(self.page.saturating_sub(1)))
    }

    pub(super) fn next(&self) -> Option<String> {
        (self.page < pages_of(self.found, self.rows)).then(|| self.address(self.page.saturating_add(1)))
    }

    pub(super) fn told(&self, frame: &Frame) -> Cow<'static, str> {
        let count = |number: usize| Value::Count(u64::try_from(number).unwrap_or(u64::MAX));
        lang::text_with(frame.language, "list-page-of", &[("page", count(self.page)), ("pages", count(pages_of(self.found, self.rows)))])
    }

    fn address(&self, page: usize) -> String {
        let between = if self.list.contains('?') { '&' } else { '?' };
        if page == 1 && !self.from_the_end { self.list.clone() } else { format!("{}{between}page={page}", self.list) }
    }
}

/// A list without rows has a page, too.
fn pages_of(found: usize, rows: usize) -> usize {
    found.div_ceil(rows.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wanted: &str, found: usize) -> Paging {
        Paging::new("/console/accounts?q=li".into(), found, wanted)
    }

    #[test]
    fn every_row_stands_on_one_page_in_its_order() {
        for found in [0, 1, ROWS - 1, ROWS, ROWS + 1, 10 * ROWS, 10 * ROWS + 1] {
            let all: Vec<usize> = (0..found).collect();
            let (mut seen, mut page) = (Vec::new(), at("", found));
            loop {
                assert!(page.of(&all).len() <= ROWS);
                seen.extend_from_slice(page.of(&all));
                let Some(next) = page.next() else { break };
                page = at(next.rsplit_once("&page=").unwrap().1, found);
            }
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn neighbours_keep_the_filters_and_end_where_the_list_ends() {
        let found = 3 * ROWS;
        assert_eq!((at("", found).previous(), at("", found).next()), (None, Some("/console/accounts?q=li&page=2".into())));
        assert_eq!(at("2", found).previous(), Some("/console/accounts?q=li".into()));
        assert_eq!((at("3", found).previous(), at("3", found).next()), (Some("/console/accounts?q=li&page=2".into()), None));
        assert_eq!(Paging::new("/console/accounts".into(), found, "").next(), Some("/console/accounts?page=2".into()));
    }

    #[test]
    fn a_list_that_is_read_from_its_end_begins_with_its_last_page() {
        let at = |wanted: &str| Paging::from_the_end("/console/incidents/7".into(), 45, wanted, 20);
        let all: Vec<usize> = (0..45).collect();
        assert_eq!(at("").of(&all), (25..45).collect::<Vec<_>>(), "the newest are all there");
        assert_eq!(at("2").previous(), Some("/console/incidents/7?page=1".into()));
        assert_eq!((at("2").of(&all), at("1").of(&all)), (&all[5..25], &all[..5]));
        assert_eq!([at("3"), at("2"), at("1")].map(|page| page.before()), [25, 5, 0]);
        assert_eq!((at("1").previous(), at("").next()), (None, None));
    }

    #[test]
    fn a_page_that_the_list_has_not_is_its_nearest() {
        for (wanted, page) in [("0", 1), ("-1", 1), ("x", 1), ("2", 2), ("3", 3), ("4", 3), ("99999999", 3), ("9e99", 1)] {
            assert_eq!(at(wanted, 2 * ROWS + 1).page, page, "{wanted}");
            assert_eq!(at(wanted, 0).page, 1, "{wanted}");
        }
    }

    #[test]
    fn a_list_that_fits_has_no_pages_beside() {
        for found in [0, 1, ROWS] {
            let page = at("2", found);
            assert!(!page.is_several() && page.previous().is_none() && page.next().is_none());
        }
        assert!(at("", ROWS + 1).is_several());
    }
}
