//! The translations that were compiled in, and how a text of them is asked for.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use super::{Direction, Language};

/// The text of `key`.
pub fn text(language: Language, key: &str) -> Cow<'static, str> {
    TEXTS.say(language, key, None)
}

/// The text of `key` with `values` in their places.
pub fn text_with(language: Language, key: &str, values: &[(&str, Value<'_>)]) -> Cow<'static, str> {
    let mut arguments = FluentArgs::with_capacity(values.len());
    for (name, value) in values {
        arguments.set(*name, value.for_fluent(language));
    }
    TEXTS.say(language, key, Some(&arguments))
}

/// What stands in a text's place: something that has a name, or a number that the grammar may depend on.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Name(&'a str),
    /// Words of the same language, made of another text.
    Text(&'a str),
    Count(u64),
}

impl Value<'_> {
    fn for_fluent(self, language: Language) -> FluentValue<'static> {
        match self {
            Self::Name(name) => FluentValue::from(isolated(language, name)),
            Self::Text(text) => FluentValue::from(text.to_owned()),
            Self::Count(count) => FluentValue::from(count),
        }
    }
}

/// A name in a text of the other direction must not turn its neighbours round, nor may marks inside it. (UAX #9,
/// section 2.4; Fluent's own isolation would wrap numbers too and keep the marks.)
fn isolated(language: Language, name: &str) -> String {
    let bare: String = name.chars().filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')).collect();
    if language.direction() == Direction::LeftToRight && bare.is_ascii() { bare } else { format!("\u{2068}{bare}\u{2069}") }
}

struct Texts {
    chinese: FluentBundle<FluentResource>,
    uyghur: FluentBundle<FluentResource>,
    english: FluentBundle<FluentResource>,
}

static TEXTS: LazyLock<Texts> =
    LazyLock::new(|| Texts { chinese: bundle(Language::Chinese), uyghur: bundle(Language::Uyghur), english: bundle(Language::English) });

/// The files lie with the pages that they speak for.
const fn source(language: Language) -> &'static str {
    match language {
        Language::Chinese => include_str!("../web/text/zh-Hans.ftl"),
        Language::Uyghur => include_str!("../web/text/ug.ftl"),
        Language::English => include_str!("../web/text/en.ftl"),
    }
}

/// What the parser could not read is left out; a test sees to it that there is nothing of the kind.
fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let tags = language.tag().parse().map_or_else(|_| Vec::new(), |tag| vec![tag]);
    let mut bundle = FluentBundle::new_concurrent(tags);
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source(language).to_owned()).unwrap_or_else(|(readable, _)| readable);
    bundle.add_resource_overriding(resource);
    bundle
}

impl Texts {
    fn bundle(&self, language: Language) -> &FluentBundle<FluentResource> {
        match language {
            Language::Chinese => &self.chinese,
            Language::Uyghur => &self.uyghur,
            Language::English => &self.english,
        }
    }

    fn say(&'static self, language: Language, key: &str, arguments: Option<&FluentArgs<'_>>) -> Cow<'static, str> {
        self.said_in(language, key, arguments)
            .or_else(|| self.said_in(Language::English, key, arguments))
            .unwrap_or_else(|| Cow::Owned(key.to_owned()))
    }

    fn said_in(&'static self, language: Language, key: &str, arguments: Option<&FluentArgs<'_>>) -> Option<Cow<'static, str>> {
        let bundle = self.bundle(language);
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, arguments, &mut errors);
        // A text whose arguments did not fit is still better than none.
        Some(Cow::Owned(text.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;

    /// Each message of a file, with the arguments that its text names.
    fn messages(language: Language) -> BTreeMap<String, (String, BTreeSet<String>)> {
        let mut messages: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
        let mut current = String::new();
        for line in source(language).lines().filter(|line| !line.starts_with('#')) {
            let rest = match line.split_once(" =") {
                Some((key, rest)) if line.starts_with(|c: char| c.is_ascii_lowercase()) => {
                    current = key.to_owned();
                    assert!(!messages.contains_key(key), "{key} stands twice in {language:?}");
                    rest
                }
                _ => line,
            };
            if !rest.trim().is_empty() {
                let (text, names) = messages.entry(current.clone()).or_default();
                text.push_str(rest.trim());
                for after in rest.split('$').skip(1) {
                    names.insert(after.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect());
                }
            }
        }
        messages
    }

    fn sources_of_views() -> Vec<(String, String)> {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
        let mut sources = Vec::new();
        let mut folders = vec![web];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "html" || ending == "rs") && !path.ends_with("tests.rs") {
                    sources.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        sources
    }

    #[test]
    fn every_file_is_read_to_its_end() {
        for language in Language::ALL {
            let read = FluentResource::try_new(source(*language).to_owned());
            assert!(read.is_ok(), "{language:?}: {:?}", read.err().map(|(_, errors)| errors));
        }
    }

    #[test]
    fn every_language_has_the_same_keys_with_the_same_arguments_and_no_empty_text() {
        let english = messages(Language::English);
        assert!(english.len() > 100);
        for language in Language::ALL {
            let messages = messages(*language);
            let missing: Vec<_> = english.keys().filter(|key| !messages.contains_key(*key)).collect();
            let surplus: Vec<_> = messages.keys().filter(|key| !english.contains_key(*key)).collect();
            assert!(missing.is_empty() && surplus.is_empty(), "{language:?} lacks {missing:?} and alone has {surplus:?}");
            for (key, (text, names)) in &messages {
                assert!(!text.is_empty(), "{key} is empty in {language:?}");
                assert_eq!(names, &english[key].1, "{key} in {language:?}");
                assert!(TEXTS.bundle(*language).has_message(key), "{key} in {language:?}");
            }
        }
    }

    #[test]
    fn every_key_that_a_template_asks_for_exists() {
        let english = messages(Language::English);
        let mut asked = 0;
        for (path, source) in sources_of_views() {
            for call in ["t(", "t_name(", "t_count("] {
                for after in source.split(&format!("frame.{call}\"")).skip(1) {
                    let key = after.split('"').next().unwrap();
                    assert!(english.contains_key(key), "{path} asks for {key}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 100);
    }

    #[test]
    fn every_key_that_exists_is_asked_for() {
        // Asked for by the words of the log, which are no literals.
        let of_words = ["log-kind-", "log-reason-", "log-detail-"];
        let sources = sources_of_views();
        let is_literal = |text: &str| sources.iter().any(|(_, source)| source.contains(&format!("\"{text}\"")));
        for key in messages(Language::English).keys() {
            let asked = of_words.iter().find(|start| key.starts_with(*start)).copied().unwrap_or(key);
            assert!(is_literal(asked), "nothing says {key}");
        }
    }

    #[test]
    fn no_ending_stands_apart_from_a_name_that_was_put_in() {
        let endings = ["غا", "قا", "گە", "كە", "نى", "نىڭ", "دا", "دە", "تا", "تە", "دىن", "تىن", "دىكى", "سى", "سىنى", "ىڭىز", "ىڭىزنى"];
        let is_ending = |word: &str| endings.contains(&word.trim_end_matches(['.', '،', ':', '؛', '؟']));
        for (key, (text, _)) in messages(Language::Uyghur) {
            let apart = text.split("} ").skip(1).filter_map(|rest| rest.split_whitespace().next()).find(|word| is_ending(word));
            assert_eq!(apart, None, "{key}: {text}");
        }
    }

    #[test]
    fn what_is_missing_everywhere_is_its_key() {
        assert_eq!(text(Language::Uyghur, "no-such-key"), "no-such-key");
    }

    #[test]
    fn an_argument_that_is_missing_does_not_panic() {
        assert!(!text(Language::English, "error-retry-after").is_empty());
    }

    #[test]
    fn a_name_cannot_turn_its_neighbours_round() {
        assert_eq!(isolated(Language::English, "alice"), "alice");
        assert_eq!(isolated(Language::Uyghur, "alice"), "\u{2068}alice\u{2069}");
        assert_eq!(isolated(Language::English, "\u{2069}\u{202e}ئالىم"), "\u{2068}ئالىم\u{2069}");
    }

    #[test]
    fn a_number_follows_the_grammar() {
        let seconds = |count| text_with(Language::English, "error-retry-after", &[("seconds", Value::Count(count))]);
        assert_ne!(seconds(1), seconds(2).replace('2', "1"));
        assert!(seconds(30).contains("30 seconds"));
    }
}
