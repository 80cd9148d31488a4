use std::os::unix::fs::PermissionsExt;

use super::super::*;
use crate::clock::Time;
use crate::outbound::{ArchiveSettings, Bucket};

const BASE: &str = "data = \"d\"\n[portal]\nhost = \"gate.example.cn\"\n[[tls.certificates]]\nchain = \"c\"\nkey = \"k\"\n";
const BUCKET: &str =
    "to = \"s3://yumen-log/gate\"\nendpoint = \"https://s3.example.cn:9000\"\naccess_key = \"AK\"\nsecret_key_file = \"s\"\nca = \"ca\"";

/// A config with these lines behind, which begin at its line 7.
fn read(lines: &str) -> Result<Settings, Vec<String>> {
    let text = format!("{BASE}{lines}");
    parse(&text, "yumen.toml", Path::new("/etc/yumen"))
        .map_err(|problems| problems.iter().map(|problem| format!("{}: {}", problems.line(problem).unwrap_or(0), problem.what)).collect())
}

fn told(lines: &str) -> String {
    read(lines).map(|_| String::new()).unwrap_or_else(|told| told.join("; "))
}

fn warned(lines: &str) -> Vec<String> {
    let settings = read(lines).unwrap_or_else(|told| panic!("{told:?}"));
    settings.warnings(Time::from_millis(0)).iter().map(|warning| warning.what.clone()).collect()
}

fn days(days: u64) -> std::time::Duration {
    std::time::Duration::from_hours(24 * days)
}

#[test]
fn without_the_key_nothing_is_ever_dropped() {
    assert_eq!(read("[log]").unwrap().keeping, Keeping::default());
}

#[test]
fn less_than_the_law_demands_takes_a_reason() {
    let archive = "[log.archive]\nto = \"file:/archive\"";
    assert_eq!(told(&format!("[log]\nkeep = \"179d\"\n{archive}")), "8: `log.keep` is less than 180d");
    assert!(read(&format!("[log]\nkeep = \"180d\"\n{archive}")).is_ok());
    let why = "keep_reason = \"a trial without people\"";
    let settings = read(&format!("[log]\nkeep = \"1d\"\n{why}\n{archive}")).unwrap();
    let archived = ArchiveSettings::Directory("/archive".into());
    assert_eq!(
        settings.keeping,
        Keeping { keep: Some(days(1)), reason: Some("a trial without people".to_owned()), archive: Some(archived) }
    );
    for (lines, why) in [
        ("keep = \"1d\"\nkeep_reason = \" \"", "9: `log.keep_reason` is no reason"),
        ("keep = \"23h\"", "8: `log.keep` is out of range"),
        ("keep = 365", "8: `log.keep` is not a length of time"),
        ("keep_reason = \"why\"", "8: `log.keep_reason` has no use without `log.keep`"),
    ] {
        assert_eq!(told(&format!("[log]\n{lines}")), why);
    }
}

#[test]
fn dropping_without_a_copy_is_doubtful_and_an_archive_of_nothing_is_an_error() {
    assert_eq!(warned("[log]\nkeep = \"365d\""), ["`log.keep` drops old records without a copy"]);
    assert!(warned("[log]\nkeep = \"365d\"\n[log.archive]\nto = \"file:/tmp\"").is_empty());
    let never = "8: `log.archive.to` would never be written to: `log.keep` is missing, so that nothing is ever dropped";
    assert_eq!(told("[log.archive]\nto = \"file:/archive\""), never);
    let within = warned("[log]\nkeep = \"365d\"\n[log.archive]\nto = \"file:d/archive\"");
    assert_eq!(within, ["`log.archive.to` is within `data`", "there is no directory /etc/yumen/d/archive"]);
}

#[test]
fn a_bucket_has_a_store_and_a_key() {
    let keeping = |more: &str| read(&format!("[log]\nkeep = \"365d\"\n[log.archive]\n{BUCKET}\n{more}")).unwrap().keeping;
    let bucket = Bucket {
        name: "yumen-log".to_owned(),
        prefix: "gate".to_owned(),
        endpoint: "https://s3.example.cn:9000".parse().unwrap(),
        region: "us-east-1".to_owned(),
        access_key: "AK".to_owned(),
        secret_key_file: "/etc/yumen/s".into(),
        ca: Some("/etc/yumen/ca".into()),
        path_style: true,
    };
    assert_eq!(keeping("").archive, Some(ArchiveSettings::Bucket(Box::new(bucket.clone()))));
    assert_eq!(ArchiveSettings::Bucket(Box::new(bucket.clone())).to_string(), "s3://yumen-log/gate");
    let other = Bucket { path_style: false, region: "cn-north-1".to_owned(), ..bucket };
    assert_eq!(keeping("path_style = false\nregion = \"cn-north-1\"").archive, Some(ArchiveSettings::Bucket(Box::new(other))));
}

#[test]
fn what_is_wrong_with_an_archive_is_told_with_its_line() {
    let told = |from: &str, to: &str| told(&format!("[log]\nkeep = \"365d\"\n[log.archive]\n{}", BUCKET.replace(from, to)));
    assert_eq!(told("", ""), "");
    for (from, to, why) in [
        ("to = \"s3://yumen-log/gate\"\n", "", "9: `log.archive.to` is missing"),
        ("s3://yumen-log/gate", "ftp://a", "10: `log.archive.to` is no place"),
        ("s3://yumen-log/gate", "s3://Yumen", "10: `log.archive.to` names no bucket"),
        ("s3://yumen-log/gate", "s3://yumen-log/a/../b", "10: `log.archive.to` has a prefix that names cannot begin with"),
        ("s3://yumen-log/gate", "s3://yumen-log//b", "10: `log.archive.to` has a prefix that names cannot begin with"),
        ("endpoint = \"https://s3.example.cn:9000\"\n", "", "9: `log.archive.endpoint` is missing"),
        ("https://s3.example.cn:9000", "s3.example.cn", "11: `log.archive.endpoint` is no address of a store"),
        ("https://s3.example.cn:9000", "https://u:p@s3.example.cn", "11: `log.archive.endpoint` has more than a host and a port"),
        ("https://s3.example.cn:9000", "https://s3.example.cn/x", "11: `log.archive.endpoint` has more than a host and a port"),
        ("https://s3.example.cn:9000", "http://s3.example.cn", "14: `log.archive.ca` has no use"),
        ("access_key = \"AK\"\n", "", "9: `log.archive.access_key` is missing"),
        ("\"AK\"", "\"A K\"", "12: `log.archive.access_key` is not one word"),
        ("secret_key_file = \"s\"\n", "", "9: `log.archive.secret_key_file` is missing"),
        ("\nca = \"ca\"", "", "9: `log.archive.ca` is missing"),
        ("ca = \"ca\"", "ca = \"ca\"\nsecret_key = \"s\"", "15: nobody knows the key `log.archive.secret_key`"),
        ("ca = \"ca\"", "ca = \"ca\"\npath_style = 1", "15: `log.archive.path_style` must be a yes or a no"),
    ] {
        assert_eq!(told(from, to), why, "{to}");
    }
    let by_address = BUCKET.replace("s3.example.cn", "10.0.0.1") + "\npath_style = false";
    let by_address = self::told(&format!("[log]\nkeep = \"365d\"\n[log.archive]\n{by_address}"));
    assert_eq!(by_address, "15: `log.archive.path_style` needs a host name in `endpoint`");
    let file = "[log]\nkeep = \"365d\"\n[log.archive]\nto = \"file:/a\"\nregion = \"r\"";
    assert_eq!(self::told(file), "11: `log.archive.region` has no use");
    assert_eq!(self::told(&file.replace("file:/a\"\nregion = \"r", "file:")), "10: `log.archive.to` names no directory");
}

#[test]
fn archiving_in_the_clear_is_warned_of_and_archiving_in_tls_is_not() {
    let lines = format!("[log]\nkeep = \"365d\"\n[log.archive]\n{BUCKET}");
    assert!(warned(&lines).is_empty());
    let clear = lines.replace("https://", "http://").replace("\nca = \"ca\"", "");
    assert_eq!(warned(&clear), ["`log.archive.endpoint` sends the log in the clear"]);
}

#[test]
fn the_files_of_an_archive_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let check = |lines: &str| {
        let text = format!("{BASE}[log]\nkeep = \"365d\"\n[log.archive]\n{lines}");
        let problems = parse(&text, "yumen.toml", directory.path()).unwrap().check_files();
        problems.iter().filter(|problem| problems.line(problem) > Some(6)).map(|problem| problem.what.clone()).collect::<Vec<_>>()
    };
    let missing = check(BUCKET);
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing.iter().all(|what| what.contains("cannot be read")), "{missing:?}");
    let secret = directory.path().join("s");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(check(BUCKET)[0].ends_with("is open to others than its owner (mode 0644)"));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(check(BUCKET).len(), 1, "only the authority is missing");
}

#[test]
fn an_archive_that_is_not_there_is_warned_of_and_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let doubts = |place: &str| {
        let text = format!("{BASE}[log]\nkeep = \"365d\"\n[log.archive]\nto = \"file:{place}\"");
        let settings = parse(&text, "yumen.toml", directory.path()).unwrap();
        assert!(settings.check_files().iter().all(|problem| !problem.what.contains(place)));
        settings
            .warnings(Time::from_millis(0))
            .iter()
            .map(|warning| warning.what.clone())
            .filter(|what| what.contains("director"))
            .collect::<Vec<_>>()
    };
    assert!(doubts("archive-none")[0].starts_with("there is no directory "));
    std::fs::create_dir(directory.path().join("archive-there")).unwrap();
    assert!(doubts("archive-there").is_empty());
    std::fs::write(directory.path().join("archive-file"), "").unwrap();
    assert!(doubts("archive-file")[0].ends_with("is no directory"));
}

#[test]
fn a_disk_that_never_answers_is_waited_for_no_longer_than_said() {
    let (answer, hung) = std::sync::mpsc::channel::<()>();
    assert_eq!(super::within(std::time::Duration::from_millis(10), move || hung.recv().is_ok()), None);
    drop(answer);
    assert_eq!(super::within(std::time::Duration::from_mins(1), || 7), Some(7));
}
