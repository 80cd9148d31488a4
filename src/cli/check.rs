//! `yumen check`: everything that is wrong with a config file, at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::clock::Clock;
use crate::config::{self, Problems, Settings};

use super::paint::Paint;
use super::print;

#[derive(clap::Args)]
pub struct Arguments {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "config/yumen.toml")]
    config: PathBuf,
    /// Read an emergency plan instead
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    plan: Option<PathBuf>,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(path) = &arguments.plan {
        return check_plan(path);
    }
    let settings = load(&arguments.config)?;
    let warnings = settings.warnings(Clock::machine().wall());
    let good = good(&warnings);
    print::result(format_args!("{} is {good}: {}", arguments.config.display(), told(&settings)))?;
    Ok(ExitCode::SUCCESS)
}

/// How good it is; says what is doubtful in it.
fn good(warnings: &Problems) -> String {
    if warnings.is_empty() {
        return "good".to_owned();
    }
    print::remark(format_args!("{}\n", warnings.render(Paint::of_stderr().is_coloured())));
    format!("good, with {}", counted(warnings.iter().count(), "warning"))
}

fn check_plan(path: &Path) -> anyhow::Result<ExitCode> {
    let plan = config::load_plan(path, None).map_err(|problems| BadConfig::new(problems, path))?;
    let (triggers, people, reports) =
        (counted(plan.triggers.len(), "trigger"), counted(plan.shifts.len(), "shift"), counted(plan.reports.len(), "report"));
    let warnings = config::plan_warnings(&plan, &path.display().to_string(), Clock::machine().wall());
    let good = good(&warnings);
    print::result(format_args!("{} is {good}: {}, {triggers}, {people}, {reports}", path.display(), plan.names.en))?;
    Ok(ExitCode::SUCCESS)
}

/// What the file amounts to, so that one who forgot half of it sees that.
fn told(settings: &Settings) -> String {
    let rules = settings.apps.iter().map(|app| app.policy.rules.len()).sum();
    format!(
        "{}, {}, {}, behind https://{}",
        counted(settings.apps.len(), "app"),
        counted(rules, "rule"),
        counted(settings.certificates.len(), "certificate"),
        settings.portal.host
    )
}

pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A config that is not taken, with everything that is wrong with it; several lines that begin with their own "error:".
#[derive(Debug, thiserror::Error)]
#[error("{}\n\n{}: {}", .problems.render(false), .path.display(), counted(.problems.iter().count(), "problem"))]
pub struct BadConfig {
    problems: Problems,
    path: PathBuf,
}

impl BadConfig {
    pub fn new(problems: Problems, path: &Path) -> Self {
        Self { problems, path: path.to_owned() }
    }

    /// On standard error, in colour where a terminal shows it.
    pub fn say(&self) {
        let report = self.problems.render(Paint::of_stderr().is_coloured());
        let count = counted(self.problems.iter().count(), "problem");
        print::remark(format_args!("{report}\n\n{}: {count}", self.path.display()));
    }
}

/// Reads a config and the files that it names.
pub fn load(path: &Path) -> anyhow::Result<Settings> {
    config::load(path).map_err(|problems| BadConfig::new(problems, path).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
listen = ["127.0.0.1:8443"]
data = "data"
[portal]
host = "gate.city.test"
name = "Gate"
[[tls.certificates]]
chain = "chain.pem"
key = "chain.key"
[[app]]
id = "sites"
name = "Sites"
host = "sites.city.test"
upstreams = ["http://127.0.0.1:9001"]
label = "internal"
[[app.rule]]
name = "members"
roles = ["member"]
[[app.rule]]
name = "auditors"
roles = ["auditor"]
"#;

    #[test]
    fn a_good_file_is_told_with_what_it_amounts_to() {
        let settings = config::parse(GOOD, "yumen.toml", Path::new(".")).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(told(&settings), "1 app, 2 rules, 1 certificate, behind https://gate.city.test");
    }

    #[test]
    fn a_bad_file_is_told_with_its_problems_and_how_many_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("yumen.toml");
        let last_line = |text: &str| {
            std::fs::write(&path, text).unwrap();
            load(&path).err().unwrap().to_string().lines().last().unwrap().to_owned()
        };
        let wrong = GOOD.replace("label = \"internal\"", "label = \"secret\"").replace("[\"auditor\"]", "[\"boss\"]");
        let count = config::parse(&wrong, "yumen.toml", Path::new(".")).err().unwrap().iter().count();
        assert!(count >= 2);
        // The certificate's files are not there either.
        let last = last_line(&wrong);
        let told: usize = last.strip_prefix(&format!("{}: ", path.display())).unwrap().strip_suffix(" problems").unwrap().parse().unwrap();
        assert!(told > count, "{last}");
        assert_eq!(last_line("= 1"), format!("{}: 1 problem", path.display()));
    }
}
