use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::causes::without_numbers;
use super::socket::{admit_all, bind_private, converse, may_speak};
use super::*;

const ASK: &[u8] = b"{\"ask\":{\"ask\":\"accounts\"}}\n";

async fn place() -> Arc<OwnedSemaphorePermit> {
    Arc::new(Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap())
}

async fn nothing(_: Message, uid: u32) -> ControlAnswer {
    done(format!("for {uid}"))
}

async fn line(stream: &mut UnixStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line
}

#[test]
fn a_cause_is_told_once() {
    let cause = std::io::Error::other("disk on fire");
    let store = crate::store::StoreError::CannotOpen { path: "yumen.db".into(), source: cause };
    assert_eq!(told(&store).matches("disk on fire").count(), 1);
    let deeper =
        crate::admin::AdminError::Store(crate::store::StoreError::Damaged { path: "yumen.db".into(), detail: "page 3".to_owned() });
    assert!(told(&deeper).contains("page 3"), "{}", told(&deeper));
}

#[test]
fn the_numbers_of_the_systems_errors_are_not_told() {
    let cause = std::io::Error::from_raw_os_error(2);
    assert!(cause.to_string().contains("(os error 2)"));
    let store = crate::store::StoreError::CannotOpen { path: "yumen.db".into(), source: cause };
    let said = told(&store);
    assert!(said.contains("No such file or directory") && !said.contains("os error"), "{said}");
    assert_eq!(without_numbers("a (os error 12): b (os error 3)"), "a: b");
    assert_eq!(without_numbers("a (os error is odd)"), "a (os error is odd)");
}

#[test]
fn the_owner_and_root_may_speak_and_nobody_else() {
    assert!(may_speak(0, 1000) && may_speak(1000, 1000));
    assert!(!may_speak(1001, 1000) && !may_speak(1000, 0));
}

#[test]
fn nobody_can_connect_before_the_socket_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let socket = bind_private(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let early = std::os::unix::net::UnixStream::connect(&path).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::ConnectionRefused, "it does not listen yet");
    drop(socket);
    let _listening = bind(&path).expect("what a dead process left is replaced");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::os::unix::net::UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn who_may_not_speak_is_refused_before_a_word_is_read() {
    let (mut client, server) = UnixStream::pair().unwrap();
    converse(server, None, place().await, nothing).await.unwrap();
    assert!(line(&mut client).await.contains("only the gateway's own user"));

    let (mut client, server) = UnixStream::pair().unwrap();
    client.write_all(ASK).await.unwrap();
    converse(server, Some(7), place().await, nothing).await.unwrap();
    assert!(line(&mut client).await.contains("for 7"));
}

#[tokio::test]
async fn an_act_goes_on_when_its_connection_is_dropped() {
    let (mut client, server) = UnixStream::pair().unwrap();
    client.write_all(ASK).await.unwrap();
    let (begun, go_on, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let act = {
        let (begun, go_on, ended) = (begun.clone(), go_on.clone(), ended.clone());
        move |_, _| {
            let (begun, go_on, ended) = (begun.clone(), go_on.clone(), ended.clone());
            async move {
                begun.notify_one();
                go_on.notified().await;
                ended.notify_one();
                done(String::new())
            }
        }
    };
    let talk = tokio::spawn(converse(server, Some(0), place().await, act));
    begun.notified().await;
    talk.abort();
    assert!(talk.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    ended.notified().await;
}

#[tokio::test]
async fn only_so_many_are_heard_at_once_and_the_next_one_when_a_place_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::from_std(bind(&path).unwrap()).unwrap();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let act = {
        let (begun, go_on) = (begun.clone(), go_on.clone());
        move |_, uid| {
            let (begun, go_on) = (begun.clone(), go_on.clone());
            async move {
                begun.notify_one();
                go_on.notified().await;
                nothing(Message { ask: Ask::Accounts, terminal: None }, uid).await
            }
        }
    };
    let listening = tokio::spawn(admit_all(listener, 1, act));
    let (mut first, mut second) = (UnixStream::connect(&path).await.unwrap(), UnixStream::connect(&path).await.unwrap());
    first.write_all(ASK).await.unwrap();
    begun.notified().await;
    second.write_all(ASK).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(futures_util::FutureExt::now_or_never(begun.notified()).is_none(), "the second waits");
    go_on.notify_one();
    assert!(line(&mut first).await.contains("for "));
    begun.notified().await;
    go_on.notify_one();
    assert!(line(&mut second).await.contains("for "));
    listening.abort();
}
