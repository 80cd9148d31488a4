use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use super::*;

async fn send(sample: &Sample, head: &str, body: &[u8]) -> String {
    let mut tcp = TcpStream::connect(sample.address).await.unwrap();
    let head = format!("{head}\r\nHost: sample\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    tcp.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn get(sample: &Sample, path: &str) -> String {
    send(sample, &format!("GET {path} HTTP/1.1"), b"").await
}

/// A form that each of them takes, with `text` in it.
fn form(sample: &Sample, text: &str) -> String {
    let fields: &[(&str, &str)] = match sample.id {
        "sites" => &[("site", "市教育局"), ("title", text)],
        "disclosure" => &[("number", "依申请〔2026〕042号"), ("answer", text)],
        _ => &[("article", "2"), ("title", text)],
    };
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

const SAYS: &str = "X-Forwarded-User: %3Cb%3E%E7%8E%8B%E8%8A%B3\r\nX-Forwarded-Groups: %E6%95%99%E8%82%B2%E5%B1%80";

#[tokio::test]
async fn each_has_a_page_of_its_own_with_a_policy_against_scripts() {
    let samples = start().await.unwrap();
    for (sample, own) in samples.iter().zip(["发布稿件", "依申请公开", "dir=\"rtl\""]) {
        let page = get(sample, "/").await;
        assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains(own), "{page}");
        assert!(page.to_lowercase().contains("content-security-policy: default-src 'none'"));
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("onclick"));
        assert!(get(sample, "/style.css").await.contains("text/css"));
        assert!(get(sample, "/live.js").await.contains("WebSocket"));
        assert!(get(sample, "/none").await.starts_with("HTTP/1.1 404"));
    }
    let ids: Vec<_> = samples.iter().map(|sample| sample.id).collect();
    assert_eq!(ids, ["sites", "disclosure", "ug"]);
    assert!(samples.iter().all(|sample| sample.address.ip().is_loopback()));
}

#[tokio::test]
async fn each_shows_who_the_gateway_says_is_there_and_escapes_it() {
    for sample in start().await.unwrap() {
        let page = send(&sample, &format!("GET / HTTP/1.1\r\n{SAYS}"), b"").await;
        assert!(page.contains("&#60;b&#62;王芳") && page.contains("教育局"), "{page}");
        assert!(!page.contains("<b>王芳"));
        assert!(!get(&sample, "/").await.contains("王芳"));
    }
}

#[tokio::test]
async fn each_form_changes_the_page_and_redirects_to_it() {
    for sample in start().await.unwrap() {
        let text = "<script>新 & \"好\"</script>";
        let head = format!("POST /submit HTTP/1.1\r\n{SAYS}\r\nContent-Type: application/x-www-form-urlencoded");
        let answer = send(&sample, &head, form(&sample, text).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("location: /\r\n"), "{answer}");
        let page = get(&sample, "/?article=2").await;
        assert!(page.contains("&#60;script&#62;新 &#38; &#34;好&#34;&#60;/script&#62;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("&#60;b&#62;王芳"), "who did it");

        assert!(send(&sample, &head, form(&sample, "").as_bytes()).await.starts_with("HTTP/1.1 422"));
        assert!(send(&sample, &head, b"").await.starts_with("HTTP/1.1 422"));
        assert!(get(&sample, "/submit").await.starts_with("HTTP/1.1 405"));
        assert!(send(&sample, "POST / HTTP/1.1", b"").await.starts_with("HTTP/1.1 405"));
    }
}

#[tokio::test]
async fn each_has_a_file_to_take_and_takes_one() {
    for sample in start().await.unwrap() {
        let file = get(&sample, "/files/handout").await;
        assert!(file.starts_with("HTTP/1.1 200") && file.contains("attachment; filename*=UTF-8''"), "{file}");

        let body = "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"<i>.txt\"\r\n\r\nhello\r\n--xx--\r\n";
        let head = "POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=xx";
        assert!(send(&sample, head, body.as_bytes()).await.starts_with("HTTP/1.1 303"));
        let page = get(&sample, "/").await;
        assert!(page.contains("href=\"/files/1\"") && page.contains("&#60;i&#62;.txt") && !page.contains("<i>"), "{page}");
        assert!(get(&sample, "/files/1").await.ends_with("\r\n\r\nhello"));
        assert!(get(&sample, "/files/2").await.starts_with("HTTP/1.1 404"));
        assert!(send(&sample, head, b"junk").await.starts_with("HTTP/1.1 422"));
        assert!(send(&sample, "POST /submit HTTP/1.1", &[b'x'; 70_000]).await.starts_with("HTTP/1.1 413"));
    }
}

#[tokio::test]
async fn each_has_a_live_line_that_counts_and_echoes() {
    for sample in start().await.unwrap() {
        let tcp = TcpStream::connect(sample.address).await.unwrap();
        let (mut line, _) = client_async(format!("ws://{}/live", sample.address), tcp).await.unwrap();
        line.send(Message::text("ياخشىمۇسىز 你好")).await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < 3 {
            heard.push(line.next().await.unwrap().unwrap().into_text().unwrap().to_string());
        }
        assert!(heard.contains(&"↩ ياخشىمۇسىز 你好".to_owned()) && heard.contains(&"● 1".to_owned()), "{heard:?}");
        line.close(None).await.unwrap();
        assert!(get(&sample, "/live").await.starts_with("HTTP/1.1 426"));
    }
}
