//! Lists of people: what is read of them, and everything that is wrong with them.

use proptest::prelude::*;

use super::super::{Column, LARGEST_ROSTER_BYTES, Roster, RowReason};

fn said(file: &str) -> Vec<String> {
    Roster::read(file.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn columns_stand_in_any_order_and_what_is_not_needed_may_be_left_out() {
    let file =
        "\u{feff}Token, Unit ,NAME,email,Role\r\nft-1,宣传部,  Wang   Li,li@city.test,\r\n\r\n,\"财政局, 二科\",ئالىم,,member\r\n,,,,\r\n";
    let roster = Roster::read(file.as_bytes()).unwrap();
    let shown: Vec<_> = roster
        .people
        .iter()
        .map(|person| {
            let token = person.token.as_ref().map(|token| token.as_str().to_owned());
            (person.line, person.name.as_str(), person.unit.as_str(), person.email.as_deref(), token)
        })
        .collect();
    assert_eq!(shown, [(2, "wang li", "宣传部", Some("li@city.test"), Some("FT-1".to_owned())), (4, "ئالىم", "财政局, 二科", None, None),]);
    assert_eq!(roster.digest, crate::crypto::sha256(file.as_bytes()));
    assert_eq!(Roster::read(b"name,unit\nli,x\n").unwrap().people.len(), 1);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_line_and_column() {
    let file = "name,unit,role,email,token\n\
                wang,x,auditor,,\n\
                ,x,,,\n\
                li,\u{202e},king,nobody,a b\n\
                zhao,x,,,F1\n\
                sun,x,,,f1\n\
                Zhao,x,,,\n\
                qian,x\n\
                \"two\nlines\",x,,,\n\
                zhou,x,,bad,\n";
    let said = said(file);
    let expected = [
        "line 2, role: a list takes members alone; invite the auditor one by one",
        "line 3, name: \"\" is empty",
        "line 4, unit: \"\\u{202e}\" has a control or invisible character",
        "line 4, role: \"king\" is no role",
        "line 4, email: \"nobody\" is not an e-mail address",
        "line 4, token: the serial number \"a b\" has to be",
        "line 6, token: F1 stands in line 5 already",
        "line 7, name: zhao stands in line 5 already",
        "line 8: there are 2 cells, and the first line names 5 columns",
        "line 11, email: \"bad\" is not an e-mail address",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said} / {expected}");
    }
}

#[test]
fn a_heading_that_is_not_understood_is_the_only_problem() {
    for (file, words) in [
        ("wang,x\nli,y\n", "nobody knows a column \"wang\""),
        ("name;unit\nli;x\n", "nobody knows a column \"name;unit\""),
        ("name,unit,name\nli,x,li\n", "the column \"name\" is there twice"),
        ("name,email\nli,\n", "there is no column \"unit\""),
    ] {
        let said = said(file);
        assert!(said.iter().any(|said| said.starts_with("line 1: ") && said.contains(words)), "{said:?}");
    }
}

#[test]
fn what_is_no_list_is_refused_whole() {
    let only = |file: &[u8]| Roster::read(file).unwrap_err().remove(0).reason;
    for file in ["", "\n\n", "name,unit\n", "name,unit\n,\n"] {
        assert_eq!(only(file.as_bytes()), RowReason::Empty, "{file:?}");
    }
    assert_eq!(only(&[0xd0, 0xd5, 0xc3, 0xfb, b',']), RowReason::NotText);
    assert_eq!(only(&vec![b'a'; LARGEST_ROSTER_BYTES + 1]), RowReason::TooLarge);
    let rows = |count: usize| "name,unit\n".to_owned() + &(0..count).map(|number| format!("p{number},x\n")).collect::<String>();
    assert_eq!(Roster::read(rows(10_000).as_bytes()).unwrap().people.len(), 10_000);
    let problems = Roster::read(rows(10_001).as_bytes()).unwrap_err();
    assert_eq!((problems.len(), problems[0].line, problems[0].reason.clone()), (1, 10_002, RowReason::TooMany));
}

fn written(people: &[(String, String, Option<String>)]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["unit", "token", "name"]).unwrap();
    for (name, unit, token) in people {
        writer.write_record([unit.as_str(), token.as_deref().unwrap_or(""), name.as_str()]).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

proptest! {
    #[test]
    fn what_was_written_is_read_with_the_line_that_it_stands_in(
        people in prop::collection::btree_map("[a-z]{1,8}", ("[ -~王丽]{0,6}[A-Z,\"]", prop::option::of("[A-Z0-9]{1,6}")), 1..20)
    ) {
        let mut serials = std::collections::HashSet::new();
        let people: Vec<_> = people.into_iter().map(|(name, (unit, token))| (name, unit, token.filter(|token| serials.insert(token.clone())))).collect();
        let roster = Roster::read(written(&people).as_bytes()).unwrap();
        prop_assert_eq!(roster.people.len(), people.len());
        for (index, (read, (name, _, token))) in roster.people.iter().zip(&people).enumerate() {
            prop_assert_eq!((read.line, read.name.as_str()), (index as u64 + 2, name.as_str()));
            prop_assert_eq!(read.token.as_ref().map(|token| token.as_str()), token.as_deref());
        }
    }

    #[test]
    fn whatever_stands_in_a_file_it_is_a_list_or_problems_with_lines(file in "(name,unit,token,email\n)?[a-z,\"\n\r王@ ]{0,80}") {
        let lines = file.matches('\n').count() as u64 + 1;
        match Roster::read(file.as_bytes()) {
            Ok(roster) => prop_assert!(!roster.people.is_empty() && roster.people.iter().all(|person| (1..=lines).contains(&person.line))),
            Err(problems) => prop_assert!(!problems.is_empty() && problems.iter().all(|problem| (1..=lines).contains(&problem.line))),
        }
    }
}

#[test]
fn a_column_is_called_as_files_call_it() {
    let words = [Column::Name, Column::Unit, Column::Role, Column::Email, Column::Token].map(Column::word);
    assert_eq!(words, ["name", "unit", "role", "email", "token"]);
}
