//! Where somebody goes on to never leaves the origin, as an address of sign-in carries it.

use url::Url;
use yumen::auth::ReturnPath;
use yumen::web::Fields;

pub fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        path(text);
    }
    let fields = Fields::parse(bytes);
    let wanted = fields.return_to();
    path(&wanted.path);
    path(fields.text("return"));

    for link in [wanted.at("/sign-in"), wanted.at("/sign-in/onward"), wanted.at("/enter")] {
        let there = stays(&link);
        assert!(["/sign-in", "/sign-in/onward", "/enter"].contains(&there.path()), "{link}");
        let again = Fields::parse(there.query().unwrap_or_default().as_bytes()).return_to();
        let all = |to: &yumen::web::view::ReturnTo| (to.app.clone(), to.path.clone(), to.nonce.clone());
        assert!(all(&again) == all(&wanted) || wanted.app.is_empty() && wanted.path.is_empty(), "{link}");
    }
}

fn path(text: &str) {
    if let Some(path) = ReturnPath::parse(text) {
        let there = stays(path.as_str());
        assert!(there.username().is_empty() && there.password().is_none());
        assert_eq!(ReturnPath::parse(path.as_str()), Some(path));
    }
}

/// Resolved as browsers do (URL Standard), from a page and from the root.
fn stays(link: &str) -> Url {
    http::HeaderValue::from_str(link).expect("it stands in a Location field");
    assert!(!link.starts_with("//"));
    let page = Url::parse("https://gate.example.cn:8443/deep/page?x#y").expect("an address");
    let there = page.join(link).expect("a link");
    assert_eq!(there.origin(), page.origin(), "{link:?}");
    there
}
