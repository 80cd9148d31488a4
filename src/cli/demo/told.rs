//! What the demo says when it is open. Pure: what is open and whether to colour in, text or JSON out.

use std::net::SocketAddr;

use crate::cli::paint::{Cell, Paint, Tint, columns};
use crate::model::AccountState;

pub struct Opening {
    pub portal: String,
    pub apps: Vec<App>,
    pub metrics: Option<SocketAddr>,
    /// The certificate of the demo's authority.
    pub ca: String,
    pub data: String,
    /// The account of the first security administrator.
    pub admin: &'static str,
    pub first: First,
}

pub struct App {
    pub id: String,
    pub name: String,
    pub address: String,
}

/// How somebody comes to hand out tokens.
pub enum First {
    /// There is one.
    Enrolled,
    /// The single-use link to enrol with.
    Invited(String),
    /// The account is there, but cannot be used as it is.
    Unusable(AccountState),
}

impl Opening {
    pub fn told(&self, paint: Paint) -> String {
        let mut text = format!("{}\n\n{}\n", paint.on(Tint::Strong, "Yumen 玉门 is open."), columns(&self.places(), paint));
        let mut number = 1_u32..;
        let mut step = |title: &str, lines: &[String]| {
            let number = number.next().unwrap_or_default();
            let lines: String = lines.iter().map(|line| format!("   {line}\n")).collect();
            text.push_str(&format!("{} {title}\n{lines}\n", paint.on(Tint::Strong, &format!("{number}."))));
        };
        step(
            "Make your browser trust the demo's own authority. It can vouch for names under localhost and nothing else:",
            &self.trust(paint),
        );
        match &self.first {
            First::Invited(link) => {
                let title = format!("Enrol the first security administrator (account \"{}\") with a security key:", self.admin);
                step(&title, &enrolment(link, paint));
                step("Sign in at the portal with your password and the key, and open a back office.", &[]);
            }
            First::Enrolled => step("Sign in at the portal with your password and key, and open a back office.", &[]),
            First::Unusable(state) => {
                let title = format!(
                    "The account \"{}\" is {state}, and no other security administrator is there. To give it a new start:",
                    self.admin
                );
                step(&title, &[paint.on(Tint::Strong, &format!("yumen recover {} --data {}", self.admin, self.data))]);
            }
        }
        let verbs = [("Read the log:", "audit tail"), ("See how it stands:", "status")];
        let verbs = verbs.map(|(what, verb)| vec![Cell::new(Tint::Faint, what), Cell::plain(format!("yumen {verb} --data {}", self.data))]);
        text.push_str(&columns(&verbs, paint));
        text.push_str("  Ctrl-C closes the gate.\n");
        text
    }

    /// One line for scripts. Keys are added to, never changed.
    pub fn json(&self) -> String {
        let apps: Vec<_> =
            self.apps.iter().map(|app| serde_json::json!({ "id": app.id, "name": app.name, "address": app.address })).collect();
        let link = match &self.first {
            First::Invited(link) => Some(link),
            First::Enrolled | First::Unusable(_) => None,
        };
        serde_json::json!({
            "portal": self.portal,
            "apps": apps,
            "metrics": self.metrics.map(metrics),
            "ca": self.ca,
            "data": self.data,
            "admin": self.admin,
            "enrolment_link": link,
        })
        .to_string()
    }

    fn places(&self) -> Vec<Vec<Cell>> {
        let place =
            |what: &str, address: &str, name: &str| vec![Cell::new(Tint::Faint, what), Cell::new(Tint::Good, address), Cell::plain(name)];
        let mut places = vec![place("Portal", &self.portal, "")];
        places.extend(self.apps.iter().map(|app| place("Back office", &app.address, &app.name)));
        places.extend(self.metrics.map(|address| place("Metrics", &metrics(address), "")));
        places
    }

    fn trust(&self, paint: Paint) -> Vec<String> {
        vec![
            paint.on(Tint::Strong, &self.ca),
            "Chromium on Linux (certutil is in the package libnss3-tools), with the browser closed:".to_owned(),
            "  mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -N --empty-password   # only if there is no database yet"
                .to_owned(),
            format!("  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n yumen-demo -i {}", self.ca),
            "Firefox: Settings > Privacy & Security > Certificates > View Certificates > Authorities > Import".to_owned(),
            "macOS, Windows: see the README.".to_owned(),
        ]
    }
}

fn enrolment(link: &str, paint: Paint) -> Vec<String> {
    vec![
        paint.on(Tint::Good, link),
        "The link works once, for 15 minutes.".to_owned(),
        "No key at hand? In Chromium: Developer tools > More tools > WebAuthn > Enable virtual authenticator environment,".to_owned(),
        "then add one with ctap2, usb, resident keys and user verification. Keep the developer tools open.".to_owned(),
    ]
}

fn metrics(address: SocketAddr) -> String {
    format!("http://{address}/metrics")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(first: First) -> Opening {
        let app = |id: &str, name: &str| App { id: id.to_owned(), name: name.to_owned(), address: format!("https://{id}.localhost:8443") };
        Opening {
            portal: "https://gate.localhost:8443".to_owned(),
            apps: vec![app("sites", "政务网站群系统"), app("ug", "维文政务网站后台")],
            metrics: Some("127.0.0.1:9180".parse().unwrap()),
            ca: "/tmp/d/certs/ca.pem".to_owned(),
            data: "/tmp/d".to_owned(),
            admin: "admin",
            first,
        }
    }

    #[test]
    fn a_newcomer_is_told_everything_in_order() {
        let text = opening(First::Invited("https://gate.localhost:8443/enrol#abc".to_owned())).told(Paint::Plain);
        let mut rest = text.as_str();
        for part in [
            "  Portal       https://gate.localhost:8443\n",
            "  Back office  https://sites.localhost:8443   政务网站群系统\n",
            "  Back office  https://ug.localhost:8443      维文政务网站后台\n",
            "  Metrics      http://127.0.0.1:9180/metrics\n",
            "1. ",
            "-i /tmp/d/certs/ca.pem\n",
            "2. Enrol",
            "   https://gate.localhost:8443/enrol#abc\n",
            "3. Sign in",
            "yumen audit tail --data /tmp/d\n",
            "yumen status --data /tmp/d\n",
            "Ctrl-C",
        ] {
            let found = rest.find(part);
            assert!(found.is_some(), "{part:?} is not in what is left:\n{rest}");
            rest = &rest[found.unwrap_or(0)..];
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn colour_is_only_added() {
        let opening = opening(First::Enrolled);
        let coloured = opening.told(Paint::Colour);
        assert!(coloured.contains('\u{1b}'));
        assert_eq!(crate::cli::paint::stripped(&coloured), opening.told(Paint::Plain));
    }

    #[test]
    fn who_cannot_be_used_is_told_how_to_begin_anew() {
        let text = opening(First::Unusable(AccountState::Suspended)).told(Paint::Plain);
        assert!(text.contains("\"admin\" is suspended") && text.contains("yumen recover admin --data /tmp/d\n"), "{text}");
        assert!(!text.contains("Enrol the first"));
    }

    #[test]
    fn the_json_form_is_one_line_that_parses() {
        for (first, link) in [(First::Invited("https://l#t".to_owned()), Some("https://l#t")), (First::Enrolled, None)] {
            let line = opening(first).json();
            assert!(!line.contains('\n'));
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(json["enrolment_link"].as_str(), link);
            assert_eq!(json["apps"][0]["address"], "https://sites.localhost:8443");
            assert_eq!(json["metrics"], "http://127.0.0.1:9180/metrics");
        }
    }
}
