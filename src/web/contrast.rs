//! The colours against each other, as the tokens have them in both schemes, for those who ask for more contrast, and on paper
//! (WCAG 2.2, criteria 1.4.3, 1.4.6 and 1.4.11).

use std::collections::{BTreeMap, BTreeSet};

const TOKENS: &str = include_str!("style/tokens.css");
const PRINT: &str = include_str!("style/print.css");
const PARTS: [&str; 8] = [
    include_str!("style/type.css"),
    include_str!("style/frame.css"),
    include_str!("style/blocks.css"),
    include_str!("style/forms.css"),
    include_str!("style/key.css"),
    include_str!("style/tables.css"),
    include_str!("style/log.css"),
    include_str!("style/incident.css"),
];

/// What the media queries of the tokens ask for, from the first rule to the one that goes furthest.
const DARK: &str = "@media (prefers-color-scheme: dark) {";
const MORE: &str = "@media (prefers-contrast: more) {";
const MORE_IN_THE_DARK: &str = "@media (prefers-contrast: more) and (prefers-color-scheme: dark) {";

/// At least so much contrast for text and for edges.
#[derive(Clone, Copy)]
struct Least {
    text: f64,
    edge: f64,
}

const USUAL: Least = Least { text: 4.5, edge: 3.0 };
/// Level AAA for text; the guidelines have no such level for edges.
const ENHANCED: Least = Least { text: 7.0, edge: 4.5 };

/// The grounds of pages, of panels and fields, and of heads of tables, rows under the pointer and what cannot be pressed now.
const GROUNDS: [&str; 3] = ["ground", "surface", "sunken"];
/// Words that stand on any of these.
const WORDS: [&str; 5] = ["ink", "soft", "jade", "jade-deep", "cinnabar"];
/// Words that stand in a colour of their own, and words that are as usual there.
const WASHED: [(&str, &str); 15] = [
    ("jade-deep", "jade-wash"),
    ("jade", "jade-wash"),
    ("ink", "jade-wash"),
    ("indigo", "indigo-wash"),
    ("amber", "amber-wash"),
    ("rust", "rust-wash"),
    ("cinnabar", "cinnabar-wash"),
    ("ink", "cinnabar-wash"),
    ("on-jade", "jade"),
    ("on-jade", "jade-deep"),
    ("surface", "cinnabar"),
    ("on-dark", "red"),
    ("on-light", "orange"),
    ("on-light", "yellow"),
    ("on-dark", "blue"),
];
/// Edges by which one knows a field or a button, the ring of what has the focus, the line beneath the tab where one is.
const EDGES: [&str; 3] = ["edge", "jade", "cinnabar"];
/// Lines and rings that only adorn: nothing is known by them alone.
const ADORNMENTS: [&str; 2] = ["line", "ring"];

type Colours = BTreeMap<String, [u8; 3]>;

struct Scheme {
    name: &'static str,
    colours: Colours,
    least: Least,
}

/// Each as a browser adds it up: what a later rule does not name is as the earlier ones have it.
fn schemes() -> Vec<Scheme> {
    let scheme = |name, rules: &[&str], least| {
        let mut colours = self::colours(TOKENS.split_once("@media").unwrap().0);
        rules.iter().for_each(|rule| colours.extend(self::colours(block(TOKENS, rule))));
        Scheme { name, colours, least }
    };
    let mut schemes = vec![
        scheme("light", &[], USUAL),
        scheme("dark", &[DARK], USUAL),
        scheme("light with more contrast", &[MORE], ENHANCED),
        scheme("dark with more contrast", &[DARK, MORE, MORE_IN_THE_DARK], ENHANCED),
    ];
    for name in ["paper, from the light", "paper, from the dark"] {
        let mut colours = schemes[usize::from(name.ends_with("dark"))].colours.clone();
        colours.extend(self::colours(block(PRINT, ":root {")));
        schemes.push(Scheme { name, colours, least: USUAL });
    }
    schemes
}

/// What stands within the braces that `head` opens, up to the first that closes.
fn block<'s>(sheet: &'s str, head: &str) -> &'s str {
    let (_, rest) = sheet.split_once(head).unwrap_or_else(|| panic!("no `{head}`"));
    rest.split_once('}').unwrap().0
}

fn colours(part: &str) -> Colours {
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

fn assert_contrast(pairs: &[(&str, &str)], least: impl Fn(Least) -> f64) {
    let mut too_little = Vec::new();
    for scheme in schemes() {
        for (front, back) in pairs {
            let (found, least) = (contrast(scheme.colours[*front], scheme.colours[*back]), least(scheme.least));
            if found < least {
                too_little.push(format!("--{front} on --{back}, {}: {found:.2}, at least {least}", scheme.name));
            }
        }
    }
    assert!(too_little.is_empty(), "{}", too_little.join("\n"));
}

fn each<'a>(fronts: &[&'a str], backs: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    fronts.iter().flat_map(|front| backs.iter().map(move |back| (*front, *back))).collect()
}

#[test]
fn the_measure_is_that_of_the_guidelines() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([255; 3], [255; 3]) - 1.0).abs() < 1e-9);
    // The lightest grey that text on white may have, and the one after it.
    assert!(contrast([0x76; 3], [255; 3]) >= USUAL.text && contrast([0x77; 3], [255; 3]) < USUAL.text);
}

#[test]
fn words_stand_out_from_what_is_behind_them_in_every_scheme() {
    assert_contrast(&each(&WORDS, &GROUNDS), |least| least.text);
    assert_contrast(&WASHED, |least| least.text);
}

#[test]
fn edges_of_fields_and_buttons_and_the_focus_stand_out_in_every_scheme() {
    assert_contrast(&each(&EDGES, &GROUNDS), |least| least.edge);
}

#[test]
fn what_a_rule_of_the_style_sheet_sets_as_text_and_ground_stands_out_in_every_scheme() {
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
    assert_contrast(&pairs.into_iter().collect::<Vec<_>>(), |least| least.text);
}

#[test]
fn no_colour_is_left_out_of_these_tests() {
    let mut known: BTreeSet<&str> = [&WORDS[..], &GROUNDS, &EDGES, &ADORNMENTS].concat().into_iter().collect();
    known.extend(WASHED.iter().flat_map(|(front, back)| [*front, *back]));
    for scheme in schemes() {
        let there: BTreeSet<&str> = scheme.colours.keys().map(String::as_str).collect();
        assert_eq!(there, known, "{}", scheme.name);
    }
    for whole in [block(TOKENS, DARK), block(PRINT, ":root {")] {
        assert_eq!(colours(whole).len(), known.len(), "neither the dark scheme nor paper takes a colour over: {whole}");
    }
}

#[test]
fn who_asks_for_more_contrast_gets_more_of_it() {
    let schemes = schemes();
    let of = |scheme: usize, front: &str, back: &str| contrast(schemes[scheme].colours[front], schemes[scheme].colours[back]);
    for (usual, more) in [(0, 2), (1, 3)] {
        for front in WORDS.iter().chain(&EDGES).chain(&["line"]) {
            for back in GROUNDS {
                assert!(of(more, front, back) > of(usual, front, back), "--{front} on --{back}, {}", schemes[more].name);
            }
        }
        // Lines by which one tells panels and rows apart count as edges then.
        assert!(GROUNDS.iter().all(|back| of(more, "line", back) >= ENHANCED.edge), "{}", schemes[more].name);
    }
}
