mod hostile;

use std::sync::Mutex;

use super::*;

/// Files as a log would have them.
struct Fake {
    last: u64,
    files: Mutex<Vec<File>>,
}

impl Part for Fake {
    fn origin(&self) -> &str {
        "gate.test/audit/x"
    }

    fn first(&self) -> u64 {
        1
    }

    fn last(&self) -> u64 {
        self.last
    }

    fn files(&self) -> Box<dyn Iterator<Item = Result<File, NotRead>> + '_> {
        Box::new(self.files.lock().unwrap().clone().into_iter().map(Ok))
    }
}

fn part() -> Arc<Fake> {
    let files = vec![
        ("tile/entries/000".to_owned(), b"records of the first bundle".repeat(100)),
        ("tile/0/000".to_owned(), vec![7; 8192]),
        ("tile/entries/001".to_owned(), Vec::new()),
        ("checkpoint".to_owned(), b"gate.test\n512\n".to_vec()),
    ];
    Arc::new(Fake { last: 512, files: files.into() })
}

impl Fake {
    fn change(&self, path: &str, content: &[u8]) {
        self.files.lock().unwrap().iter_mut().find(|(name, _)| name == path).unwrap().1 = content.to_vec();
    }
}

const NAME: &str = "gate.test_audit_x/records-00000000000000000001-00000000000000000512.tar.zst";

fn archive(directory: &Path) -> Archive {
    Archive::open(ArchiveSettings::Directory(directory.to_owned())).unwrap()
}

#[tokio::test]
async fn a_part_is_kept_whole_and_an_auditors_own_tools_unpack_it() {
    let (directory, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(archive(directory.path()).keep(part()).await.unwrap(), NAME);
    let object = directory.path().join(NAME);
    assert_eq!(std::fs::metadata(object.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(object.parent().unwrap()).unwrap().count(), 1, "nothing half-made is beside it");
    let mut tar = tar::Archive::new(zstd::Decoder::new(std::fs::File::open(&object).unwrap()).unwrap());
    tar.unpack(copy.path()).unwrap();
    for (path, content) in part().files.lock().unwrap().iter().take(3) {
        assert_eq!(std::fs::read(copy.path().join(path)).unwrap(), *content, "{path}");
    }
    assert!(!copy.path().join("checkpoint").exists(), "an older checkpoint takes no newer one's place");
    let apart = "archived/00000000000000000001-00000000000000000512/checkpoint";
    assert_eq!(std::fs::read(copy.path().join(apart)).unwrap(), b"gate.test\n512\n");
}

#[tokio::test]
async fn what_is_there_already_is_kept_if_it_is_the_same_and_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let (archive, part) = (archive(directory.path()), part());
    archive.keep(part.clone()).await.unwrap();
    let object = directory.path().join(NAME);
    let before = std::fs::read(&object).unwrap();
    part.change("checkpoint", b"gate.test\n999\n");
    assert_eq!(archive.keep(part.clone()).await.unwrap(), NAME, "the log went on meanwhile");
    assert_eq!(std::fs::read(&object).unwrap(), before);
    part.change("tile/entries/000", b"other records");
    let refused = archive.keep(part.clone()).await.unwrap_err();
    assert!(matches!(&refused, ArchiveError::Other { what, .. } if what == "tile/entries/000 has another content"), "{refused}");
    assert_eq!(std::fs::read(&object).unwrap(), before);
    for (foreign, why) in [(&b"no object at all"[..], "Unknown frame"), (&before[..before.len() / 2], ""), (&[][..], "incomplete frame")] {
        std::fs::write(&object, foreign).unwrap();
        let refused = archive.keep(part.clone()).await.unwrap_err();
        assert!(matches!(&refused, ArchiveError::Other { what, .. } if what.contains(why)), "{refused}");
        assert_eq!(std::fs::read(&object).unwrap(), foreign);
    }
}

#[test]
fn every_difference_between_an_object_and_the_log_is_found() {
    let part = part();
    let packed = pack::pack(&*part, LARGEST_OBJECT).unwrap();
    let compared = |object: &[u8], packed: Option<&Packed>| pack::compare(object, &*part, packed).unwrap();
    assert_eq!(compared(&packed.bytes, Some(&packed)), Ok(()));
    assert_eq!(compared(&packed.bytes, None), Ok(()));
    for at in 0..packed.bytes.len() {
        let mut changed = packed.bytes.to_vec();
        changed[at] ^= 1;
        assert!(compared(&changed, Some(&packed)).is_err(), "byte {at}");
    }
    type Change<'a> = &'a dyn Fn(&mut Vec<File>);
    let repacked = |change: Change<'_>| {
        let mut files = part.files.lock().unwrap().clone();
        change(&mut files);
        let other = Fake { last: 512, files: files.into() };
        pack::pack(&other, LARGEST_OBJECT).unwrap().bytes
    };
    let of_the_moment = "archived/00000000000000000001-00000000000000000512/checkpoint is not what was put there";
    let changes: [(Change<'_>, &str); 6] = [
        (&|files| drop(files.remove(1)), "tile/entries/001 stands where tile/0/000 should"),
        (&|files| files.truncate(2), "tile/entries/001 is missing"),
        (&|files| files.swap(0, 1), "tile/0/000 stands where tile/entries/000 should"),
        (&|files| files.push(("evil".to_owned(), vec![1])), "evil is too much"),
        (&|files| files[0].1.push(0), "tile/entries/000 has another content"),
        (&|files| files[3].1.push(0), of_the_moment),
    ];
    for (change, why) in changes {
        assert_eq!(compared(&repacked(change), Some(&packed)).unwrap_err(), why);
    }
    let trailed = zstd::encode_all(&[zstd::decode_all(&packed.bytes[..]).unwrap(), vec![1]].concat()[..], 3).unwrap();
    assert_eq!(compared(&trailed, Some(&packed)).unwrap_err(), "there is more behind the last file");
}

#[test]
fn hashes_that_became_full_after_a_part_was_packed_make_it_no_other() {
    let part = part();
    let packed = pack::pack(&*part, LARGEST_OBJECT).unwrap();
    part.files.lock().unwrap().insert(0, ("tile/1/000".to_owned(), vec![1; 8192]));
    assert_eq!(pack::compare(&packed.bytes, &*part, None).unwrap(), Ok(()));
    let told = pack::compare(&packed.bytes, &*part, Some(&packed)).unwrap().unwrap_err();
    assert_eq!(told, "tile/entries/000 stands where tile/1/000 should", "but not within one round");
    part.files.lock().unwrap().insert(1, ("tile/0/001".to_owned(), vec![1; 8192]));
    assert!(pack::compare(&packed.bytes, &*part, None).unwrap().is_err(), "what holds the records or proves them is there");
}

#[test]
fn a_part_that_is_too_large_for_an_object_is_told_so() {
    let part = part();
    let packed = pack::pack(&*part, LARGEST_OBJECT).unwrap();
    assert!(pack::pack(&*part, packed.bytes.len()).is_ok());
    assert!(matches!(pack::pack(&*part, packed.bytes.len() - 1), Err(PackError::TooLarge)));
}

#[tokio::test]
async fn a_directory_that_is_gone_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let gone = directory.path().join("mounted");
    let archive = archive(&gone);
    for _ in 0..2 {
        for error in [archive.ready().await.unwrap_err(), archive.keep(part()).await.unwrap_err()] {
            assert!(matches!(error, ArchiveError::Setup { .. }), "{error}");
        }
        assert!(!gone.exists(), "what is mounted there is not made up for");
        std::fs::create_dir(&gone).unwrap();
        archive.ready().await.unwrap();
        assert_eq!(archive.keep(part()).await.unwrap(), NAME, "it is looked for each time");
        std::fs::remove_dir_all(&gone).unwrap();
    }
}

#[test]
fn a_secret_is_one_word_in_a_file_of_its_owners_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    let told = |content: &str, mode: u32| {
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        read_secret(&file).map(|secret| secret.to_string())
    };
    assert_eq!(told("s3cr3t/+=\n", 0o600).unwrap(), "s3cr3t/+=");
    assert_eq!(told("s3cr3t", 0o640).unwrap_err(), "is open to others than its owner (mode 0640)");
    assert!(told("", 0o600).unwrap_err().starts_with("holds no secret"));
    assert!(told("two words", 0o600).unwrap_err().starts_with("holds no secret"));
    assert!(told(&"x".repeat(300), 0o600).unwrap_err().contains("too long"));
    std::fs::remove_file(&file).unwrap();
    assert!(read_secret(&file).unwrap_err().starts_with("cannot be read"));
}
