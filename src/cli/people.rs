//! `yumen account import` and `yumen account letters`: many people at once.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use askama::Template;

use crate::admin::{LARGEST_ROSTER_BYTES, Roster};
use crate::gateway::{Ask, ControlAnswer, DueLine, LetterLine};
use crate::web::view::{LETTERS_END, LetterFacts, LetterPage, LettersHead};

use super::control::Which;
use super::print;
use super::progress::Progress;

/// Letters that are asked for together: what an interruption may lose.
const PART: usize = 50;

/// Looks the whole list through; takes it in if nothing is wrong with it.
pub fn import(file: &Path, dry_run: bool, which: &Which) -> anyhow::Result<ExitCode> {
    let people = text(file)?;
    let looked = which.ask(Ask::ImportPeople { people: people.clone(), from: None })?;
    let ControlAnswer::PeopleFound { rows, new, same, differing, tokens, problems, all_problems } = looked else { bail!(NOT_AN_ANSWER) };
    for problem in &problems {
        let column = problem.column.as_ref().map_or(String::new(), |column| format!("{column}: "));
        print::remark(format_args!("{}:{}: {column}{}", file.display(), problem.line, problem.reason));
    }
    if all_problems > 0 {
        let what = counted(all_problems, "problem", "problems");
        let read = if rows > 0 {
            format!(" Of its {rows} rows {new} are new, {same} are there already, {differing} differ.")
        } else {
            String::new()
        };
        bail!("nothing was imported; the file has {what}.{read}");
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{}: {new} new, {same} there already and the same; {} to hand out",
        counted(rows, "row", "rows"),
        counted(tokens, "token", "tokens")
    )?;
    if dry_run {
        writeln!(out, "nothing was done")?;
        return Ok(ExitCode::SUCCESS);
    }
    let progress = Progress::of(rows, "people");
    let (mut from, mut imported, mut known) = (Some(0), 0_usize, 0_usize);
    while let Some(row) = from {
        progress.show(row);
        let part = which.ask(Ask::ImportPeople { people: people.clone(), from: Some(row) });
        let part = part.with_context(|| format!("the first {row} rows were imported; run the same command again to go on"))?;
        let ControlAnswer::PeopleImported { new, same, next, .. } = part else { bail!(NOT_AN_ANSWER) };
        imported = imported.saturating_add(new);
        known = known.saturating_add(same);
        from = next;
    }
    drop(progress);
    writeln!(out, "{imported} imported, {known} were there already; `yumen account letters` makes their letters")?;
    Ok(ExitCode::SUCCESS)
}

/// Whose letters are made.
pub struct Letters<'a> {
    /// A file, or a directory for `letters.html`.
    pub out: &'a Path,
    pub unit: Option<&'a str>,
    /// Those whom this list names.
    pub people: Option<&'a Path>,
    /// Those, too, who have a letter or an invitation that still works.
    pub again: bool,
}

/// Makes letters part by part, and writes each part before it asks for the next.
pub fn letters(wanted: &Letters<'_>, which: &Which) -> anyhow::Result<ExitCode> {
    let named = wanted.people.map(names).transpose()?;
    let ControlAnswer::LettersDue { due } = which.ask(Ask::LettersDue)? else { bail!(NOT_AN_ANSWER) };
    let fits =
        |due: &&DueLine| wanted.unit.is_none_or(|unit| due.unit == unit) && named.as_ref().is_none_or(|named| named.contains(&due.name));
    let fitting: Vec<&DueLine> = due.iter().filter(fits).collect();
    let kept = if wanted.again { 0 } else { fitting.iter().filter(|due| due.has_invitation).count() };
    let names: Vec<String> = fitting.iter().filter(|due| wanted.again || !due.has_invitation).map(|due| due.name.clone()).collect();
    let still = format!(
        "{} a letter or an invitation that still works; --again makes new ones in their place",
        counted(kept, "person has", "people have")
    );
    if names.is_empty() {
        bail!(
            "nobody waits for a letter: that takes a member who has not enrolled and was given a token. {}",
            if kept > 0 { still } else { String::new() }
        );
    }
    let path = if wanted.out.is_dir() { wanted.out.join("letters.html") } else { wanted.out.to_owned() };
    let mut file = create(&path)?;
    file.write_all(LettersHead.render()?.as_bytes())?;
    let progress = Progress::of(names.len(), "letters");
    let mut made = 0_usize;
    for part in names.chunks(PART) {
        progress.show(made);
        let ControlAnswer::Letters { portal, contact, letters } = which.ask(Ask::MakeLetters { names: part.to_vec() })? else {
            bail!(NOT_AN_ANSWER)
        };
        made = made.saturating_add(letters.len());
        for letter in letters {
            file.write_all(LetterPage::new(&portal, facts(letter, contact.clone())).render()?.as_bytes())?;
        }
        // What is lost here would have to be made, and handed out, anew.
        file.sync_data()?;
    }
    file.write_all(LETTERS_END.as_bytes())?;
    file.sync_all()?;
    drop(progress);
    writeln!(
        std::io::stdout(),
        "{} in {}; print them, hand each out with its token, then delete the file",
        counted(made, "letter", "letters"),
        path.display()
    )?;
    if kept > 0 {
        print::remark(still);
    }
    Ok(ExitCode::SUCCESS)
}

const NOT_AN_ANSWER: &str = "the gateway's answer is not understood; is it of another version?";

fn facts(letter: LetterLine, contact: Option<String>) -> LetterFacts {
    let LetterLine { name, unit, serial, code, expires } = letter;
    let until = expires
        .parse::<jiff::Timestamp>()
        .map_or(expires, |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M (UTC%:z)").to_string());
    LetterFacts { name, unit, serial, code, until, contact }
}

/// Readable by its owner alone, since it is full of codes; what is there is not overwritten.
fn create(path: &Path) -> anyhow::Result<File> {
    match File::options().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} is there already, and letters are not overwritten; name another file", path.display())
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// The names in a list, as accounts have them.
fn names(file: &Path) -> anyhow::Result<HashSet<String>> {
    match Roster::read(text(file)?.as_bytes()) {
        Ok(roster) => Ok(roster.people.into_iter().map(|person| person.name.to_string()).collect()),
        Err(problems) => {
            for problem in &problems {
                print::remark(format_args!("{}: {problem}", file.display()));
            }
            bail!("no letter was made; the list has {}", counted(problems.len(), "problem", "problems"))
        }
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let named = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(named)?;
    let mut bytes = Vec::new();
    let most = u64::try_from(LARGEST_ROSTER_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).with_context(named)?;
    if bytes.len() > LARGEST_ROSTER_BYTES {
        bail!("{} is larger than 3 MiB; split it", path.display());
    }
    String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{} is not UTF-8 text; save it as \"CSV UTF-8\"", path.display()))
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
