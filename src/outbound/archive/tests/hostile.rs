//! Stores that never answer or never stop, and objects that were made to be read wrongly.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

const SHORT: Duration = Duration::from_millis(50);

/// A bucket of a store that does with each connection what it likes, and the directory of its key.
fn bucket(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> (Archive, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    let bucket = Bucket {
        name: "yumen-log".to_owned(),
        prefix: String::new(),
        endpoint,
        region: "us-east-1".to_owned(),
        access_key: "AK".to_owned(),
        secret_key_file: secret,
        ca: None,
        path_style: true,
    };
    (Archive::open(ArchiveSettings::Bucket(Box::new(bucket))).unwrap(), directory)
}

fn read_head(stream: &mut TcpStream) {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        read.push(byte[0]);
    }
}

#[tokio::test]
async fn a_store_that_never_answers_is_given_up_and_its_connection_is_closed() {
    let (gone, was_closed) = std::sync::mpsc::channel();
    let (mut archive, _directory) = bucket(move |mut stream| {
        read_head(&mut stream);
        let _ = gone.send(stream.read(&mut [0; 1024]).unwrap_or(0));
    });
    archive.patience = SHORT;
    let error = archive.keep(part()).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::Late { why: Late::Silent(_), .. }), "{error}");
    let closed = tokio::task::spawn_blocking(move || was_closed.recv().unwrap()).await.unwrap();
    assert_eq!(closed, 0, "nothing more came");
}

#[tokio::test]
async fn an_answer_that_never_ends_is_not_read_for_ever() {
    for head in ["HTTP/1.1 400 Bad Request", "HTTP/1.1 200 OK"] {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        let (archive, _directory) = bucket(move |mut stream| {
            read_head(&mut stream);
            let _ = write!(
                stream,
                "{head}\r\nETag: \"x\"\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
            while stream.write_all(&chunk).is_ok() {
                counted.fetch_add(chunk.len(), Ordering::Relaxed);
            }
            let _ = stream.shutdown(Shutdown::Both);
        });
        let error = archive.keep(part()).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Store { .. }), "{head}: {error}");
        let sent = sent.load(Ordering::Relaxed);
        // What the kernels hold between the two comes on top, for each time that it is tried.
        assert!(sent < (RETRIES + 1) * 2 * LARGEST_OBJECT, "{head}: {sent}");
    }
}

#[tokio::test]
async fn an_object_that_is_larger_than_any_part_is_not_read() {
    let (archive, _directory) = bucket(|mut stream| {
        read_head(&mut stream);
        let head = "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\nContent-Length: 99999999999\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.read(&mut [0; 1]);
    });
    let error = archive.keep(part()).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::Other { what, .. } if what.contains("99999999999 bytes")), "{error}");
}

#[tokio::test]
async fn a_disk_that_hangs_holds_one_step_and_is_used_again_when_it_answers() {
    let directory = tempfile::tempdir().unwrap();
    let mut archive = archive(directory.path());
    // Whoever opens it waits for one who writes to it.
    let object = directory.path().join(NAME);
    std::fs::create_dir(object.parent().unwrap()).unwrap();
    let fifo =
        rustix::fs::mknodat(rustix::fs::CWD, &object, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0);
    fifo.unwrap();
    archive.patience = SHORT;
    let error = archive.keep(part()).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::Late { why: Late::Silent(_), .. }), "{error}");
    for refused in [archive.ready().await.unwrap_err(), archive.must_have(&*part()).await.unwrap_err()] {
        assert!(matches!(&refused, ArchiveError::Late { why: Late::Hangs, .. }), "{refused}");
    }
    let writer = std::fs::File::options().write(true).open(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    drop(writer);
    archive.patience = Duration::from_mins(1);
    loop {
        match archive.keep(part()).await {
            Ok(name) => break assert_eq!(name, NAME),
            Err(ArchiveError::Late { why: Late::Hangs, .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Packed as an object is.
fn object(make: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    make(&mut tar);
    zstd::encode_all(&tar.into_inner().unwrap()[..], 3).unwrap()
}

fn header(size: u64, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_mode(0o600);
    header
}

#[test]
fn an_object_that_was_made_to_be_read_wrongly_is_another_one() {
    const APART: &str = "archived/00000000000000000001-00000000000000000512/checkpoint";
    let part = part();
    let told = |object: &[u8]| pack::compare(object, &*part, None).unwrap().unwrap_err();
    let twice = object(|tar| {
        for _ in 0..2 {
            tar.append_data(&mut header(1, tar::EntryType::Regular), APART, &b"x"[..]).unwrap();
        }
    });
    assert_eq!(told(&twice), format!("{APART} is none of the log's files"), "else it might go on for ever");
    let elsewhere = object(|tar| tar.append_data(&mut header(1, tar::EntryType::Regular), "archived/x/checkpoint", &b"x"[..]).unwrap());
    assert_eq!(told(&elsewhere), "archived/x/checkpoint is none of the log's files");
    let zeros = vec![0; 3 << 20];
    let large = object(|tar| tar.append_data(&mut header(3 << 20, tar::EntryType::Regular), APART, &zeros[..]).unwrap());
    assert_eq!(told(&large), format!("{APART} is none of the log's files"));
    let bomb = object(|tar| tar.append_data(&mut header(3 << 20, tar::EntryType::Regular), "tile/entries/000", &zeros[..]).unwrap());
    assert_eq!(told(&bomb), "tile/entries/000 has another content");
    let link = object(|tar| tar.append_link(&mut header(0, tar::EntryType::Symlink), "tile/entries/000", "/etc/passwd").unwrap());
    assert_eq!(told(&link), "not all in it are files");
    let long = format!("tile/entries/{}", "x".repeat(300));
    let long = object(|tar| tar.append_data(&mut header(1, tar::EntryType::Regular), &long, &b"x"[..]).unwrap());
    assert_eq!(told(&long), "not all in it are files", "a long name stands in an entry of its own");
    let lying = object(|tar| {
        let mut header = header(u64::MAX >> 1, tar::EntryType::Regular);
        header.set_path("tile/entries/000").unwrap();
        header.set_cksum();
        tar.append(&header, &b"short"[..]).unwrap();
    });
    assert_eq!(told(&lying), "tile/entries/000 has another content");
    let packed = pack::pack(&*part, LARGEST_OBJECT).unwrap();
    let two_frames = [&packed.bytes[..], &zstd::encode_all(&b"more"[..], 3).unwrap()[..]].concat();
    assert_eq!(told(&two_frames), "there is more behind the last file");
}

#[test]
fn what_was_put_comes_back_byte_for_byte() {
    let part = part();
    let packed = pack::pack(&*part, LARGEST_OBJECT).unwrap();
    let otherwise = zstd::encode_all(&zstd::decode_all(&packed.bytes[..]).unwrap()[..], 19).unwrap();
    assert_eq!(pack::compare(&otherwise, &*part, None).unwrap(), Ok(()), "an earlier version may have packed it otherwise");
    let told = pack::compare(&otherwise, &*part, Some(&packed)).unwrap().unwrap_err();
    assert_eq!(told, "it has not the bytes that were put there");
}
