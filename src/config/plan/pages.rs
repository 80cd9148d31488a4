//! Pages of public sites that are watched: `[[pages]]`.
//!
//! Invariant: no site is believed to be itself because some public authority says so, and none is looked at so seldom that work which
//! explains a change would be forgotten by then.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::super::general::path;
use super::super::read::{Section, Value};
use super::super::value::show_duration;
use super::Around;
use crate::incident::{Ignored, Kind, Page, Trigger};
use crate::model::AppId;

const EVERY: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24);
const DEFAULT_EVERY: Duration = Duration::from_mins(5);
const MAX: RangeInclusive<u64> = (1 << 10)..=(16 << 20);
const DEFAULT_MAX: u64 = 2 << 20;
const MOST: usize = 256;
const MOST_IGNORED: usize = 32;
/// Stands whole in records.
const LONGEST_URL: usize = 200;
const URL: &str = "write the address at which the public reads the page, such as \"https://www.city.example/\"";
const IGNORE: &str = "write [{ from = \"<!--time-->\", to = \"<!--/time-->\" }]: what stands between does not count";

pub fn read(root: &Section<'_>, triggers: &[Trigger], around: &mut Around<'_>) -> Vec<Page> {
    let tables = root.sections("pages");
    if let Some(table) = tables.get(MOST) {
        root.reader().report(&table.span, format!("there are more than {MOST} pages"), String::new(), "watch fewer of them".to_owned());
    }
    let mut pages: Vec<Page> = Vec::new();
    for table in &tables {
        if let Some(page) = page(table, &pages, triggers, around) {
            pages.push(page);
        }
    }
    pages
}

fn page(table: &Section<'_>, before: &[Page], triggers: &[Trigger], around: &mut Around<'_>) -> Option<Page> {
    let app = table.need("app", "the `id` of the app whose work explains a change").and_then(|value| app(&value, around));
    let url = table.need("url", "where the public reads it, such as \"https://www.city.example/\"");
    let url = url.and_then(|value| url_of(&value, before));
    let every = every(table, app.as_ref(), triggers);
    let ca = table.get("ca");
    let ignore = table.or("ignore", Vec::new(), |value| ignored(&value));
    let max = table.or("max", DEFAULT_MAX, |value| value.size(MAX));
    let url = url?;
    let ca = authority(table, &url, ca, around)?;
    Some(Page { app: app?, url: url.into(), every: every?, ca, ignore, max })
}

/// An app of the config, where that is known.
pub fn app(value: &Value<'_>, around: &Around<'_>) -> Option<AppId> {
    let app = value.meaning("write the `id` of an app", |text| AppId::parse(text).ok_or("is not an id"))?;
    match around.known {
        Some(known) if !known.apps.contains(&app) => {
            let all: Vec<&str> = known.apps.iter().map(AppId::as_str).collect();
            value.wrong("is no app of the config", &format!("write one of: {}", all.join(", ")))
        }
        _ => Some(app),
    }
}

fn url_of(value: &Value<'_>, before: &[Page]) -> Option<Url> {
    let text = value.text(URL)?;
    let Ok(url) = Url::parse(text) else { return value.wrong("is not an address", URL) };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return value.wrong("is not an address of http or https", URL);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return value
            .wrong("has a name or a password in it", "watch a page that the public reads without: plans and records hold no secrets");
    }
    if url.fragment().is_some() || url.port() == Some(0) {
        return value.wrong("has a part that no server is asked for", "leave out what follows \"#\", and the port 0");
    }
    if url.as_str().len() > LONGEST_URL {
        return value.wrong("is too long", &format!("write at most {LONGEST_URL} bytes, so that records hold it whole"));
    }
    match before.iter().any(|page| page.url == url.as_str()) {
        true => value.wrong("is another page's too", "watch each page once"),
        false => Some(url),
    }
}

/// Work counts as long as a trigger says; what is looked at less often changes with nobody at work.
fn every(table: &Section<'_>, app: Option<&AppId>, triggers: &[Trigger]) -> Option<Duration> {
    let mut watching = triggers.iter().filter_map(|trigger| match trigger.kind {
        Kind::PageChanged { after } if !app.is_some_and(|app| trigger.except.apps.contains(app)) => Some((after, &trigger.name)),
        _ => None,
    });
    let value = table.get("every");
    let every = value.as_ref().map_or(Some(DEFAULT_EVERY), |value| value.duration(EVERY))?;
    let Some((after, name)) = watching.find(|(after, _)| *after < every) else { return Some(every) };
    let what = format!("is longer than `after` of the trigger {name}, which would be raised by changes that somebody made there");
    let help = format!("write \"{}\" or less in `every`, or more in `after`", show_duration(after));
    match value {
        Some(value) => value.wrong(what, &help),
        None => {
            table.reader().report(&table.span, format!("`pages.every` (\"5m\" where it is not there) {what}"), String::new(), help);
            None
        }
    }
}

/// `None` where something was wrong.
fn authority(table: &Section<'_>, url: &Url, ca: Option<Value<'_>>, around: &mut Around<'_>) -> Option<Option<PathBuf>> {
    match (url.scheme(), ca) {
        ("https", Some(value)) => {
            let file = path(&value, around.base)?;
            around.authorities.push((file.clone(), value.span.clone()));
            Some(Some(file))
        }
        ("https", None) => {
            table.need("ca", "who must have signed the site's certificate (PEM); no public authority is trusted by itself");
            None
        }
        (_, Some(value)) => value.wrong("has no use", "take it out, or write \"https://…\" in `url`"),
        (_, None) => Some(None),
    }
}

fn ignored(value: &Value<'_>) -> Option<Vec<Ignored>> {
    let all = value.list(|item| {
        let table = item.table()?;
        let mark = |key, expected| {
            let value = table.need(key, expected)?;
            match value.text(IGNORE)? {
                text if (1..=200).contains(&text.len()) => Some(text.to_owned()),
                _ => value.wrong("is empty or too long", "write 1 to 200 bytes, as they stand in the page"),
            }
        };
        let (from, to) = (mark("from", "the text before what changes by itself"), mark("to", "the text after it"));
        Some(Ignored { from: from?, to: to? })
    });
    if all.len() > MOST_IGNORED {
        return value.wrong(format!("has more than {MOST_IGNORED} pairs"), "name fewer places: what does not count is not watched");
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{load_plan, parse_plan};
    use super::*;

    const EXAMPLE: &str = include_str!("../../../config/plan.toml");
    const PAGE: &str = "[[pages]]\napp = \"sites\"\nurl = \"http://www.city.example/\"\n";

    #[track_caller]
    fn tells(pages: &str, what: &str, help: &str) {
        let problems = parse_plan(&format!("{EXAMPLE}\n{pages}"), "plan.toml").unwrap_err();
        let found: Vec<_> = problems.iter().map(|problem| (problem.what.as_str(), problem.help.as_str())).collect();
        assert!(matches!(found.as_slice(), [(w, h)] if w.contains(what) && h.contains(help)), "{found:#?}");
    }

    #[track_caller]
    fn pages(text: &str) -> Vec<Page> {
        parse_plan(&format!("{EXAMPLE}\n{text}"), "plan.toml").unwrap_or_else(|problems| panic!("{problems}")).pages.clone()
    }

    #[test]
    fn a_page_is_read_with_what_it_does_not_say() {
        let all = pages(&format!(
            "{PAGE}\n[[pages]]\napp = \"sites\"\nurl = \"HTTPS://例子.cn\"\nca = \"ca.pem\"\nevery = \"1m\"\nmax = \"64KiB\"\nignore = [{{ from = \"<i>\", to = \"</i>\" }}]"
        ));
        let app = AppId::parse("sites").unwrap();
        let url = "http://www.city.example/".to_owned();
        let first = Page { app: app.clone(), url, every: Duration::from_mins(5), ca: None, ignore: Vec::new(), max: 2 << 20 };
        let ignore = vec![Ignored { from: "<i>".to_owned(), to: "</i>".to_owned() }];
        let url = "https://xn--fsqu00a.cn/".to_owned();
        assert_eq!(all, [first, Page { app, url, every: Duration::from_mins(1), ca: Some("ca.pem".into()), ignore, max: 64 << 10 }]);
    }

    #[test]
    fn the_example_of_a_page_in_the_example_is_good() {
        let (_, shown) = EXAMPLE.split_once("#[[pages]]").unwrap();
        let shown: String = shown.lines().map(|line| format!("{}\n", line.trim_start_matches('#'))).collect();
        let all = pages(&format!("[[pages]]{shown}"));
        assert!(!all.is_empty() && all.iter().any(|page| page.ca.is_some() && !page.ignore.is_empty()), "{all:?}");
    }

    #[test]
    fn a_mistake_in_a_page_is_told_at_its_place_with_what_to_do() {
        let with = |line: &str| format!("{PAGE}{line}\n");
        let at = |url: &str| PAGE.replace("http://www.city.example/", url);
        tells(&PAGE.replace("sites", "Sites"), "`pages.app` is not an id", "`id` of an app");
        tells(&at("www.city.example"), "`pages.url` is not an address", "https://www.city.example/");
        tells(&at("ftp://www.city.example/"), "is not an address of http or https", "https://www.city.example/");
        tells(&at("http://wang:secret@www.city.example/"), "has a name or a password", "no secrets");
        tells(&at("http://www.city.example/#top"), "has a part that no server is asked for", "leave out");
        tells(&at(&format!("http://www.city.example/{}", "x".repeat(200))), "is too long", "at most 200 bytes");
        tells(&format!("{PAGE}{PAGE}"), "is another page's too", "watch each page once");
        tells(&at("https://www.city.example/"), "`pages.ca` is missing", "no public authority is trusted by itself");
        tells(&with("ca = \"ca.pem\""), "`pages.ca` has no use", "https://");
        tells(&with("every = \"30s\""), "`pages.every` is out of range", "from \"1m\" to \"1d\"");
        tells(&with("max = \"1GiB\""), "`pages.max` is out of range", "\"16MiB\"");
        tells(&with("ignore = [{ from = \"<i>\" }]"), "`pages.ignore.to` is missing", "the text after it");
        tells(&with("ignore = [{ from = \"\", to = \"x\" }]"), "is empty or too long", "1 to 200 bytes");
        tells(&with("ignore = [\"x\"]"), "must be a table", "in braces");
        tells(&with("evry = \"5m\""), "nobody knows the key `pages.evry`", "did you mean `every`?");
    }

    #[test]
    fn a_page_that_is_looked_at_less_often_than_work_counts_is_refused() {
        let after = |after: &str| {
            format!("[[triggers]]\nname = \"p\"\nkind = \"page-changed\"\nafter = \"{after}\"\nlevel = \"III\"\ncategory = \"content\"\n")
        };
        let refused = "is longer than `after` of the trigger p";
        tells(&format!("{}{PAGE}every = \"3m\"\n", after("2m")), refused, "\"2m\" or less in `every`");
        tells(&format!("{}{PAGE}", after("2m")), refused, "\"2m\" or less");
        assert_eq!(pages(&format!("{}{PAGE}every = \"2m\"\n", after("2m"))).len(), 1);
        let elsewhere = format!("{}except = {{ apps = [\"sites\"] }}\n", after("2m"));
        assert_eq!(pages(&format!("{elsewhere}{PAGE}every = \"3m\"\n")).len(), 1);
    }

    #[test]
    fn a_plan_that_watches_a_page_less_is_looser_and_one_that_watches_more_is_not() {
        let config = include_str!("../../../config/yumen.toml");
        let config = super::super::super::parse(config, "yumen.toml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}"));
        let with = |pages: &str| {
            let plan = parse_plan(&format!("{EXAMPLE}\n{pages}"), "plan.toml").unwrap_or_else(|problems| panic!("{problems}"));
            crate::config::Settings { plan: Some(plan), ..config.clone() }
        };
        let ignoring = format!("{PAGE}ignore = [{{ from = \"<\", to = \">\" }}]\n");
        assert_eq!(with("").looser_than(&with(PAGE)).as_deref(), Some("incident.plan"));
        assert_eq!(with(&ignoring).looser_than(&with(PAGE)).as_deref(), Some("incident.plan"));
        assert_eq!((with(PAGE).looser_than(&with("")), with(PAGE).looser_than(&with(PAGE))), (None, None));
    }

    #[test]
    fn a_page_belongs_to_an_app_of_the_config_and_its_authority_can_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("plan.toml");
        let load = |text: &str, apps: Option<&[AppId]>| {
            std::fs::write(&file, format!("{EXAMPLE}\n{text}")).unwrap();
            let known = apps.map(|apps| super::super::Known { apps, usb_keys: false });
            load_plan(Path::new(&file), known).map_err(|problems| problems.to_string())
        };
        let (sites, other) = (AppId::parse("sites").unwrap(), AppId::parse("other").unwrap());
        assert!(load(PAGE, Some(std::slice::from_ref(&sites))).is_ok() && load(PAGE, None).is_ok());
        let why = load(PAGE, Some(&[other])).unwrap_err();
        assert!(why.contains("`pages.app` is no app of the config") && why.contains("write one of: other"), "{why}");
        let tls = format!("{}ca = \"ca.pem\"\n", PAGE.replace("http:", "https:"));
        let why = load(&tls, Some(std::slice::from_ref(&sites))).unwrap_err();
        assert!(why.contains("ca.pem cannot be read"), "{why}");
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        let plan = load(&tls, Some(&[sites])).unwrap();
        assert_eq!(plan.pages[0].ca.as_deref(), Some(directory.path().join("ca.pem").as_path()));
    }
}
