//! What a browser sends, and what the gateway says about who sends it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;
use url::form_urlencoded;

/// Fields of a form or a query.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field without white space around it; empty where it is missing.
    pub fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }
}

/// Who the gateway says is there. Empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Visitor {
    pub user: String,
    pub email: String,
    pub groups: String,
}

impl Visitor {
    pub fn of(headers: &HeaderMap) -> Self {
        // Header fields carry ASCII, so the gateway percent-encodes names.
        let said = |name: &str| {
            headers.get(name).map(|value| percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned()).unwrap_or_default()
        };
        Self { user: said("x-forwarded-user"), email: said("x-forwarded-email"), groups: said("x-forwarded-groups") }
    }
}

/// The first file of a `multipart/form-data` body (RFC 7578), with its name.
pub(super) fn multipart(content_type: Option<&HeaderValue>, body: &Bytes) -> Option<(String, Bytes)> {
    let (kind, parameters) = content_type?.to_str().ok()?.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?.trim_matches('"');
    let (opening, closing) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}"));
    let mut rest = body.slice(find(body, opening.as_bytes())?.checked_add(opening.len())?..);
    loop {
        let head_end = find(&rest, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(rest.get(..head_end)?).into_owned();
        let content = rest.slice(head_end.checked_add(4)?..);
        let end = find(&content, closing.as_bytes())?;
        if let Some(name) = file_name(&head) {
            return Some((name, content.slice(..end)));
        }
        rest = content.slice(end.checked_add(closing.len())?..);
        rest = rest.slice(find(&rest, b"\r\n")?.checked_add(2)?..);
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A browser sends quotes in names as `%22`; what is before the last slash is none of ours.
fn file_name(head: &str) -> Option<String> {
    let (_, after) = head.split_once("filename=\"")?;
    let (name, _) = after.split_once('"')?;
    let name: String = name.rsplit(['/', '\\']).next()?.chars().filter(|c| !c.is_control()).take(100).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &'static str) -> Option<(String, Bytes)> {
        multipart(Some(&HeaderValue::from_static("multipart/form-data; boundary=xx")), &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn the_file_of_an_upload_is_found_behind_other_fields() {
        let (name, content) = parse(
            "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xx\r\nContent-Disposition: form-data; name=\"f\"; \
             filename=\"dir/信.txt\"\r\nContent-Type: text/plain\r\n\r\nline\r\n--x\r\n--xx--\r\n",
        )
        .unwrap();
        assert_eq!((name.as_str(), &content[..]), ("信.txt", &b"line\r\n--x"[..]));
    }

    #[test]
    fn what_is_no_upload_is_none() {
        for body in [
            "",
            "--xx\r\n",
            "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nno end",
            "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n\r\n--xx--\r\n",
        ] {
            assert_eq!(parse(body), None, "{body:?}");
        }
        assert_eq!(multipart(None, &Bytes::new()), None);
    }

    #[test]
    fn what_the_gateway_says_is_decoded() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-user", HeaderValue::from_static("%E7%8E%8B%E8%8A%B3"));
        let visitor = Visitor::of(&headers);
        assert_eq!((visitor.user.as_str(), visitor.groups.as_str()), ("王芳", ""));
    }
}
