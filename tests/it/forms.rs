//! Just enough HTML to press the buttons of the gateway's own pages.

/// A form as a browser would send it.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
    /// `data-options` of a WebAuthn form.
    pub options: Option<String>,
}

impl Form {
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn encoded(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }
}

/// The form of that id, or of that action where it has none.
pub fn form(html: &str, which: &str) -> Option<Form> {
    let mut rest = html;
    while let Some(at) = rest.find("<form") {
        let body = &rest[at..];
        let end = body.find("</form>").unwrap_or(body.len());
        let (head, inner) = body[..end].split_once('>')?;
        let attributes = attributes(head);
        let value = |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        if value("id").as_deref() == Some(which) || value("action").as_deref() == Some(which) {
            return Some(Form { action: value("action").unwrap_or_default(), fields: fields(inner), options: value("data-options") });
        }
        rest = &rest[at + end..];
    }
    None
}

/// Where a page leads on to by itself.
pub fn leads_on_to(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("<meta http-equiv=\"refresh\" content=\"0; url=")?;
    Some(unescape(rest.split('"').next()?))
}

/// Where the link of that id leads.
pub fn link(html: &str, id: &str) -> Option<String> {
    let mut links = elements(html).filter(|link| link.iter().any(|(name, value)| name == "id" && value == id));
    links.next()?.into_iter().find(|(name, _)| name == "href").map(|(_, value)| value)
}

/// The text of the first element that has this id.
pub fn text_of(html: &str, id: &str) -> Option<String> {
    let at = html.find(&format!("id=\"{id}\""))?;
    let after = &html[at..];
    let text = &after[after.find('>')? + 1..];
    Some(unescape(&text[..text.find('<')?]).trim().to_owned())
}

fn fields(inner: &str) -> Vec<(String, String)> {
    elements(inner)
        .filter_map(|attributes| {
            let value = |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            (value("type").as_deref() != Some("submit")).then_some(())?;
            Some((value("name")?, value("value").unwrap_or_default()))
        })
        .collect()
}

fn elements(html: &str) -> impl Iterator<Item = Vec<(String, String)>> {
    html.split('<').skip(1).filter_map(|element| element.split_once('>').map(|(head, _)| attributes(head)))
}

fn attributes(head: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = head;
    while let Some(at) = rest.find("=\"") {
        let name = rest[..at].rsplit(char::is_whitespace).next().unwrap_or_default();
        let value = &rest[at + 2..];
        let Some(end) = value.find('"') else { break };
        found.push((name.to_owned(), unescape(&value[..end])));
        rest = &value[end + 1..];
    }
    found
}

fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (entity, plain) in [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, plain);
    }
    out
}
