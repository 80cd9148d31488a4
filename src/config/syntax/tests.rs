use std::path::Path;

use super::super::{Problems, parse};

const GOOD: &str = r#"data = "d"
[portal]
host = "gate.example.cn"
[[tls.certificates]]
chain = "c"
key = "k"
[timeouts]
idle = "60s"
[monitoring]
enabled = false
[[app]]
id = "a"
name = "A"
host = "a.example.cn"
upstreams = ["http://127.0.0.1:1"]
label = "public"
[[app.rule]]
name = "r"
units = ["u"]
"#;

fn problems(text: &str) -> Problems {
    parse(text, "yumen.toml", Path::new("/etc/yumen")).expect_err("this must be refused")
}

/// The good config with `right` spoiled; each problem as `line: what / found / help`.
#[track_caller]
fn spoiled(right: &str, wrong: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(right).count(), 1, "{right}");
    let problems = problems(&GOOD.replace(right, wrong));
    let told = |problem| problems.line(problem).unwrap_or(0);
    problems.iter().map(|problem| format!("{}: {} / {} / {}", told(problem), problem.what, problem.found, problem.help)).collect()
}

/// One problem, in which every one of `words` stands.
#[track_caller]
fn one(right: &str, wrong: &str, words: &[&str]) {
    let told = spoiled(right, wrong);
    let [only] = told.as_slice() else { panic!("{told:#?}") };
    for word in words {
        assert!(only.contains(word), "no {word:?} in {only:?}");
    }
}

#[test]
fn the_good_config_is_good() {
    assert!(parse(GOOD, "yumen.toml", Path::new("/etc/yumen")).is_ok());
}

#[test]
fn a_value_without_quotes_is_told_with_them() {
    one("\"public\"", "public", &["16: this text has no quotes", "write it in double quotes: \"public\""]);
    one("\"60s\"", "60s", &["8: this text has no quotes", "\"60s\""]);
    one("\"gate.example.cn\"", "gate.example.cn", &["3: this text has no quotes", "\"gate.example.cn\""]);
    one("= false", "= False", &["10: `true` and `false` are written in small letters", "write `false`"]);
}

#[test]
fn a_quote_or_a_bracket_that_is_never_closed_is_told_where_it_ends() {
    one("\"gate.example.cn\"", "\"gate.example.cn", &["3: this is not TOML", "expected `\"`", "text in double quotes"]);
    one("[\"u\"]", "[\"u\"", &["19: this is not TOML", "expected `]`"]);
    one("[portal]", "[portal", &["2: this is not TOML", "expected `]`"]);
}

#[test]
fn signs_that_look_like_those_of_toml_are_told_with_the_right_ones() {
    one("\"gate.example.cn\"", "“gate.example.cn”", &["3: these quotation marks", "\"gate.example.cn\""]);
    one("host = \"gate", "host ＝ \"gate", &["3: `＝` is a sign of full width", "write the plain one: `=`"]);
}

#[test]
fn a_backslash_and_a_colon_are_told_with_their_ways_out() {
    one("\"d\"", "\"C:\\data\"", &["1: a backslash", "single quotes"]);
    let words = ["3: between a key and its value stands an equals sign", "write `host = \"gate.example.cn\"`"];
    one("host = \"gate.example.cn\"", "host: \"gate.example.cn\"", &words);
}

#[test]
fn what_is_there_twice_is_told_with_the_line_of_the_first() {
    one("data = \"d\"\n", "data = \"d\"\ndata = \"e\"\n", &["2: `data` is there already", "first in line 1", "keep one"]);
    let second = "[portal]\nhost = \"x.example.cn\"\n[[app]]\n";
    one("[[app]]\n", second, &["11: the table `portal` is there already", "first in line 2", "keep one of them"]);
    one("name = \"A\"\n", "name = \"A\"\nname = \"B\"\n", &["14: `name` is there already", "first in line 13"]);
    // Another table may have the same key.
    assert!(parse(&GOOD.replace("[timeouts]\n", "[timeouts]\nhead = \"5s\"\n"), "f", Path::new("/")).is_ok());
}

#[test]
fn a_list_of_tables_is_told_by_its_brackets_and_its_order() {
    one("units = [\"u\"]\n", "units = [\"u\"]\n[app]\nid = \"b\"\n", &["20: the table `app`", "first in line 11", "`[[app]]`"]);
    let early = "[[app.rule]]\nname = \"x\"\nroles = [\"member\"]\n[timeouts]\n";
    one("[timeouts]\n", early, &["14: the table `app`", "first in line 7", "write `[[app]]` first"]);
}

#[test]
fn line_ends_of_windows_are_taken_and_a_lone_carriage_return_is_one_problem() {
    assert!(parse(&GOOD.replace('\n', "\r\n"), "f", Path::new("/")).is_ok());
    assert!(parse(&format!("\u{feff}{GOOD}"), "f", Path::new("/")).is_ok());
    let told = problems(&GOOD.replace('\n', "\r"));
    assert_eq!(told.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>(), ["its lines end with a carriage return alone"]);
    let wrong = problems(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n").replace("\"public\"", "\"publik\"")));
    assert_eq!(wrong.iter().map(|problem| wrong.line(problem)).collect::<Vec<_>>(), [Some(16)]);
    assert!(wrong.to_string().contains("did you mean \"public\"?"), "{wrong}");
}

#[test]
fn no_error_of_the_parser_is_lost() {
    for wrong in
        ["= 1", "[", "]", "a = [1, 2", "\"", "a.b.c", "a = 1 2", "a = \u{0}", "\u{7f}", "[[a]]\n[a]", "a = {b = 1, b = 2}", "＝", "：", "é"]
    {
        let told = problems(wrong);
        assert!(told.iter().count() > 0, "{wrong:?}");
        assert!(told.render(false).contains("error"), "{wrong:?}");
    }
}
