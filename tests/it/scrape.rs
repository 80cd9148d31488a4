//! Asks the listener for monitoring, and reads what Prometheus would read, strictly (text format 0.0.4).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// One request on a connection of its own; the answer is everything until the gateway closes.
pub async fn ask(address: SocketAddr, method: &str, path: &str) -> Answer {
    say(address, &format!("{method} {path} HTTP/1.1\r\nHost: any.name.test\r\n\r\n")).await
}

pub async fn say(address: SocketAddr, head: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that closes over unread bytes resets the connection after its answer.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not an answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Every series with its value, by its name and labels as they stand.
#[derive(Debug)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub async fn of(address: SocketAddr) -> Self {
        let answer = ask(address, "GET", "/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", answer.head);
        Self::parse(&answer.body).unwrap_or_else(|line| panic!("not in the format: {line:?}\n{}", answer.body))
    }

    #[track_caller]
    pub fn get(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("{series} is not among\n{:#?}", self.0.keys()))
    }

    pub fn has(&self, series: &str) -> bool {
        self.0.contains_key(series)
    }

    pub fn series(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// The values that a label has anywhere.
    pub fn values(&self, label: &str) -> BTreeSet<String> {
        let start = format!("{label}=\"");
        self.0
            .keys()
            .flat_map(|series| series.split(['{', ',']))
            .filter_map(|pair| pair.strip_prefix(&start)?.split('"').next())
            .map(str::to_owned)
            .collect()
    }

    /// Fails with the line that breaks a rule: every sample follows the HELP and TYPE of its family, families come once, names, labels
    /// and numbers are well-formed, no series comes twice, and buckets grow up to the count.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut figures, mut families) = (BTreeMap::new(), BTreeSet::new());
        let mut family = (String::new(), String::new());
        if !text.ends_with('\n') {
            return Err("the last line does not end".to_owned());
        }
        for line in text.lines() {
            let bad = || line.to_owned();
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').ok_or_else(bad)?;
                if !is_name(name) || help.is_empty() || !families.insert(name.to_owned()) {
                    return Err(bad());
                }
                family = (name.to_owned(), String::new());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or_else(bad)?;
                if name != family.0 || !family.1.is_empty() || !["counter", "gauge", "histogram"].contains(&kind) {
                    return Err(bad());
                }
                family.1 = kind.to_owned();
            } else {
                let (series, value) = line.rsplit_once(' ').ok_or_else(bad)?;
                let name = series.split('{').next().unwrap_or_default();
                let suffix = name.strip_prefix(family.0.as_str()).ok_or_else(bad)?;
                let fits = match family.1.as_str() {
                    "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                    "counter" => suffix.is_empty() && name.ends_with("_total"),
                    "gauge" => suffix.is_empty() && !name.ends_with("_total"),
                    _ => false,
                };
                let value = value.parse::<f64>().map_err(|_| bad())?;
                if !fits || !is_name(name) || !labels_fit(&series[name.len()..]) || figures.insert(series.to_owned(), value).is_some() {
                    return Err(bad());
                }
            }
        }
        Ok(Self(figures))
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `{name="value",…}` or nothing; no value here needs escaping.
fn labels_fit(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return text.is_empty() };
    inner.split(',').all(|pair| {
        let Some((name, value)) = pair.split_once('=') else { return false };
        let Some(value) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else { return false };
        is_name(name) && !value.contains(['"', '\\', '{'])
    })
}

#[test]
fn the_reader_refuses_what_prometheus_would() {
    let fine = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c\"} 1\na_total 2.5\n";
    assert_eq!(Figures::parse(fine).unwrap().get("a_total{b=\"c\"}"), 1.0);
    for broken in [
        fine.trim_end(),
        &fine.replace("counter", "thing"),
        &fine.replace("a_total 2.5", "b_total 2.5"),
        &fine.replace("a_total 2.5", "a_total{b=\"c\"} 3"),
        &fine.replace("2.5", "many"),
        &fine.replace("b=\"c\"", "b=c"),
        &fine.replace("# TYPE a_total counter\n", ""),
        &format!("{fine}{fine}"),
    ] {
        assert!(Figures::parse(broken).is_err(), "{broken}");
    }
}
