//! The file as written -> checked, immutable [`Settings`].
//!
//! Invariant: all problems are reported at once, each with its line, what was found, what was expected and what to do; there are
//! no settings while one is left. Nothing is guessed: a key that nobody knows is a problem.

mod app;
mod files;
mod general;
mod keeping;
mod loosened;
mod makes;
mod monitoring;
mod plan;
mod problem;
mod read;
mod rule;
mod settings;
mod sinks;
mod syntax;
mod trusted;
mod usb_keys;
mod validity;
mod value;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use problem::{Problem, Problems};
pub use settings::{
    Activity, AppSettings, Caps, CertificateFiles, Enrolment, Keeping, KeptForms, LabelTerms, Labels, Limits, LogSettings, MemoryCap,
    Portal, Rate, Session, Settings, SignIn, Timeouts, Upstream, UpstreamAddress, UpstreamHost,
};

pub use makes::{KeyDemand, KeyMake};
pub use plan::{load_plan, parse_plan, plan_warnings};
pub use usb_keys::UsbKeys;

pub use monitoring::DEFAULT_LISTEN as MONITORING_LISTEN;

use files::Files;
use plan::Known;
use problem::FileKind;
use read::Reader;

/// Reads and checks the file with the certificates that it names.
pub fn load(path: &Path) -> Result<Settings, Problems> {
    let (text, name) = read_text(path, FileKind::Config)?;
    let mut checked = check(&text, &name, base_of(path));
    checked.problems.extend(checked.files.check());
    checked.read_plan();
    checked.finish()
}

/// Where the gateway of this config keeps its data, whatever else is wrong in the file: who must switch an account off in a hurry
/// need not mend it first.
pub fn data_directory(path: &Path) -> Result<PathBuf, Problems> {
    let (text, name) = read_text(path, FileKind::Config)?;
    let (document, _) = toml::de::DeTable::parse_recoverable(&text);
    match document.get_ref().get("data").and_then(|value| value.get_ref().as_str()) {
        Some(data) if !data.is_empty() => Ok(base_of(path).join(data)),
        _ => check(&text, &name, base_of(path)).finish().map(|settings| settings.data),
    }
}

/// The emergency plan that this config names, if it names one, whatever else is wrong in the file.
pub fn plan_file(path: &Path) -> Result<Option<PathBuf>, Problems> {
    let (text, name) = read_text(path, FileKind::Config)?;
    let (document, errors) = toml::de::DeTable::parse_recoverable(&text);
    let incident = document.get_ref().get("incident").and_then(|value| value.get_ref().as_table());
    match incident.and_then(|incident| incident.get("plan")).and_then(|value| value.get_ref().as_str()) {
        Some(plan) if !plan.is_empty() => Ok(Some(base_of(path).join(plan))),
        _ if !errors.is_empty() => Err(Problems::new(&name, &text, syntax::problems(&text, &errors))),
        _ => Ok(None),
    }
}

fn read_text(path: &Path, kind: FileKind) -> Result<(String, String), Problems> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Problems::unreadable(kind, &name, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| Problems::not_utf8(kind, &name, &error))?;
    Ok((text, name))
}

fn base_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Checks the text of a config, but not the files that it names; their paths are relative to `base`.
pub fn parse(text: &str, file_name: &str, base: &Path) -> Result<Settings, Problems> {
    check(text, file_name, base).finish()
}

struct Checked {
    settings: Option<Settings>,
    files: Files,
    problems: Problems,
}

impl Checked {
    /// The emergency plan that it names; what is wrong there is told with what is wrong here.
    fn read_plan(&mut self) {
        let apps = self.settings.as_ref().map(Settings::app_ids);
        let usb_keys = self.settings.as_ref().is_some_and(|settings| settings.usb_keys.is_some());
        let known = apps.as_deref().map(|apps| Known { apps, usb_keys });
        match (self.files.read_plan(known), &mut self.settings) {
            (Ok(read), Some(settings)) => (settings.plan, self.files.plan_text) = read.unzip(),
            (Ok(_), None) => {}
            (Err(problems), _) => self.problems.beside(problems),
        }
    }

    fn finish(self) -> Result<Settings, Problems> {
        match self.settings {
            Some(settings) if self.problems.is_empty() => Ok(Settings { files: self.files, ..settings }),
            _ => Err(self.problems),
        }
    }
}

fn check(text: &str, file_name: &str, base: &Path) -> Checked {
    let mut files = Files::of(file_name, text);
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What follows a mistake in the syntax cannot be judged.
        return Checked { settings: None, files, problems: Problems::new(file_name, text, syntax::problems(text, &errors)) };
    }
    let reader = Reader::default();
    let settings = general::read(&reader.root(&document), base, &mut files);
    let (problems, warnings) = reader.into_problems();
    files.doubtful = warnings;
    Checked { settings, files, problems: Problems::new(file_name, text, problems) }
}
