//! Text for terminals: colours where there is a terminal that wants them, and columns that mind how wide a character is.

use std::fmt::Write;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    Plain,
    Strong,
    Faint,
    Good,
    Warn,
    Bad,
}

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Colour,
    Plain,
}

impl Paint {
    /// For standard output: a terminal that can, whose owner did not say no (no-color.org).
    pub fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// The same for standard error.
    pub fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    fn of(is_terminal: bool) -> Self {
        let says_no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_terminal && !says_no && !is_dumb { Self::Colour } else { Self::Plain }
    }

    pub fn is_coloured(self) -> bool {
        self == Self::Colour
    }

    pub fn on(self, tint: Tint, text: &str) -> String {
        let style = match tint {
            Tint::Plain => Style::new(),
            Tint::Strong => Style::new().bold(),
            Tint::Faint => Style::new().dimmed(),
            Tint::Good => AnsiColor::Green.on_default(),
            Tint::Warn => AnsiColor::Yellow.on_default().bold(),
            Tint::Bad => AnsiColor::Red.on_default().bold(),
        };
        match self {
            Self::Colour if tint != Tint::Plain => format!("{style}{text}{style:#}"),
            Self::Colour | Self::Plain => text.to_owned(),
        }
    }
}

/// A text in a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tint: Tint,
}

impl Cell {
    pub fn new(tint: Tint, text: impl Into<String>) -> Self {
        Self { text: text.into(), tint }
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(Tint::Plain, text)
    }
}

/// Rows below each other, two spaces in and two between columns; nothing follows the last text of a line.
pub fn columns(rows: &[Vec<Cell>], paint: Paint) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            match widths.get_mut(index) {
                Some(width) => *width = (*width).max(cell.text.width()),
                None => widths.push(cell.text.width()),
            }
        }
    }
    rows.iter().fold(String::new(), |mut text, row| {
        let mut gap = 2;
        for (cell, width) in row.iter().zip(&widths) {
            if !cell.text.is_empty() {
                let _ = write!(text, "{:gap$}{}", "", paint.on(cell.tint, &cell.text));
                gap = 0;
            }
            gap = gap.saturating_add(width.saturating_sub(cell.text.width())).saturating_add(2);
        }
        text.push('\n');
        text
    })
}

#[cfg(test)]
/// Without what begins with ESC and ends with `m`.
pub fn stripped(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells.iter().map(|text| Cell::plain(*text)).collect()
    }

    #[test]
    fn columns_stand_below_each_other_however_wide_the_characters_are() {
        let text =
            columns(&[row(&["sites", "政务网站群系统", "up"]), row(&["ug", "Uyghur", "failing"]), row(&["", "", "up"])], Paint::Plain);
        let places: Vec<usize> = text.lines().map(|line| line[..line.find("up").or(line.find("failing")).unwrap()].width()).collect();
        assert_eq!(places, [25; 3], "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "nothing follows the last text");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let rows = [vec![Cell::new(Tint::Bad, "failing"), Cell::plain("x")], vec![Cell::new(Tint::Good, "up"), Cell::plain("y")]];
        let (plain, coloured) = (columns(&rows, Paint::Plain), columns(&rows, Paint::Colour));
        assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[31m"), "{coloured:?}");
        assert_eq!(stripped(&coloured), plain);
    }
}
