//! The colours against each other, as the tokens have them in both schemes (WCAG 2.2, criteria 1.4.3 and 1.4.11).

use std::collections::{BTreeMap, BTreeSet};

const TOKENS: &str = include_str!("style/tokens.css");
const PARTS: [&str; 6] = [
    include_str!("style/type.css"),
    include_str!("style/frame.css"),
    include_str!("style/blocks.css"),
    include_str!("style/forms.css"),
    include_str!("style/key.css"),
    include_str!("style/tables.css"),
];

const TEXT: f64 = 4.5;
const EDGE: f64 = 3.0;

/// The grounds of pages, of panels and fields, and of heads of tables, rows under the pointer and what cannot be pressed now.
const GROUNDS: [&str; 3] = ["ground", "surface", "sunken"];
/// Words that stand on any of these.
const WORDS: [&str; 5] = ["ink", "soft", "jade", "jade-deep", "cinnabar"];
/// Words that stand in a colour of their own, and words that are as usual there.
const WASHED: [(&str, &str); 10] = [
    ("jade-deep", "jade-wash"),
    ("jade", "jade-wash"),
    ("ink", "jade-wash"),
    ("indigo", "indigo-wash"),
    ("amber", "amber-wash"),
    ("cinnabar", "cinnabar-wash"),
    ("ink", "cinnabar-wash"),
    ("on-jade", "jade"),
    ("on-jade", "jade-deep"),
    ("surface", "cinnabar"),
];
/// Edges by which one knows a field or a button, the ring of what has the focus, the line beneath the tab where one is.
const EDGES: [&str; 3] = ["edge", "jade", "cinnabar"];
/// Lines and rings that only adorn: nothing is known by them alone.
const ADORNMENTS: [&str; 2] = ["line", "ring"];

type Scheme = BTreeMap<String, [u8; 3]>;

/// Light and dark; what the dark one does not change is as in the light one.
fn schemes() -> [(&'static str, Scheme); 2] {
    let (light, rest) = TOKENS.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let dark = rest.split_once("@media").unwrap().0;
    let light = colours(light);
    let mut in_the_dark = light.clone();
    in_the_dark.extend(colours(dark));
    [("light", light), ("dark", in_the_dark)]
}

fn colours(part: &str) -> Scheme {
    let declared = part.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"));
    declared.map(|(name, hex)| (name.to_owned(), channels(hex))).collect()
}

fn channels(hex: &str) -> [u8; 3] {
    assert_eq!(hex.len(), 6, "#{hex}");
    [0, 2, 4].map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
}

/// Relative luminance (WCAG 2.2).
fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let part = f64::from(channel) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn assert_contrast(pairs: &[(&str, &str)], least: f64) {
    for (name, scheme) in schemes() {
        for (front, back) in pairs {
            let found = contrast(scheme[*front], scheme[*back]);
            assert!(found >= least, "--{front} on --{back} in the {name} scheme: {found:.2}, at least {least}");
        }
    }
}

fn each<'a>(fronts: &[&'a str], backs: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    fronts.iter().flat_map(|front| backs.iter().map(move |back| (*front, *back))).collect()
}

#[test]
fn the_measure_is_that_of_the_guidelines() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([255; 3], [255; 3]) - 1.0).abs() < 1e-9);
    // The lightest grey that text on white may have, and the one after it.
    assert!(contrast([0x76; 3], [255; 3]) >= TEXT && contrast([0x77; 3], [255; 3]) < TEXT);
}

#[test]
fn words_stand_out_from_what_is_behind_them_in_both_schemes() {
    assert_contrast(&each(&WORDS, &GROUNDS), TEXT);
    assert_contrast(&WASHED, TEXT);
}

#[test]
fn edges_of_fields_and_buttons_and_the_focus_stand_out_in_both_schemes() {
    assert_contrast(&each(&EDGES, &GROUNDS), EDGE);
}

#[test]
fn what_a_rule_of_the_style_sheet_sets_as_text_and_ground_stands_out_in_both_schemes() {
    let mut pairs = BTreeSet::new();
    for block in PARTS.iter().flat_map(|part| part.split('}')) {
        let of = |property: &str| {
            let mut values = block.lines().filter_map(|line| line.trim().strip_prefix(property)?.strip_suffix(");"));
            values.next_back()
        };
        if let (Some(front), Some(back)) = (of("color: var(--"), of("background: var(--")) {
            pairs.insert((front, back));
        }
    }
    assert!(pairs.len() >= 12, "the rules are no longer read: {pairs:?}");
    assert_contrast(&pairs.into_iter().collect::<Vec<_>>(), TEXT);
}

#[test]
fn no_colour_is_left_out_of_these_tests() {
    let mut known: BTreeSet<&str> = [&WORDS[..], &GROUNDS, &EDGES, &ADORNMENTS].concat().into_iter().collect();
    known.extend(WASHED.iter().flat_map(|(front, back)| [*front, *back]));
    for (name, scheme) in schemes() {
        let there: BTreeSet<&str> = scheme.keys().map(String::as_str).collect();
        assert_eq!(there, known, "{name}");
    }
    let dark = TOKENS.split_once("dark)").unwrap().1.split_once("@media").unwrap().0;
    assert_eq!(colours(dark).len(), known.len(), "the dark scheme has every colour of its own");
}
