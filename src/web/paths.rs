//! What kinds of pages and forms there are, by their addresses: those that are heard where the log is full, and those that are shut while
//! enrolment is frozen.

/// Forms that only take something away (a session, an account's right to sign in, a token, the way into an app), and those by which an incident is handled, which
/// may be the very one for which the log has no room: they are heard where the log takes no record.
pub fn only_takes_away(path: &str) -> bool {
    match path {
        "/console/incidents/open" => true,
        "/sign-out" | "/sign-out/everywhere" | "/sessions/end" | "/console/sessions/end" => true,
        "/console/lockdown/close" | "/console/lockdown/extend" => true,
        path => {
            let change = |list| path.strip_prefix(list).and_then(|rest| rest.split_once('/'));
            matches!(change("/console/accounts/"), Some((_, "disable" | "end-sessions")))
                || matches!(change("/unit/"), Some((_, "disable")))
                || matches!(change("/console/tokens/"), Some((_, "suspend" | "lost" | "revoke")))
                || matches!(change("/console/changes/"), Some((_, "withdraw" | "reject")))
                || matches!(change("/console/incidents/"), Some((number, step)) if is_number(number) && !step.contains('/'))
        }
    }
}

/// Pages and forms by which somebody gets a way in that she did not have: they are shut while enrolment is frozen.
pub fn gives_a_way_in(path: &str) -> bool {
    let page = path.trim_start_matches('/').split('/').next();
    matches!(page, Some("enrol" | "recover"))
        || matches!(path, "/keys/add" | "/keys/register" | "/keys/activate" | "/keys/phone" | "/keys/show")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Pages from which such a form is sent, and where one leads: they are shown from the log's reserve while it has no room.
pub fn is_way_out(path: &str) -> bool {
    matches!(path, "/" | "/sessions" | "/signed-out" | "/unit") || path == "/console" || path.starts_with("/console/")
}

#[cfg(test)]
mod tests {
    use super::super::form_addresses;
    use super::{gives_a_way_in, only_takes_away};

    #[test]
    fn every_form_by_which_somebody_gets_a_way_in_is_shut_while_enrolment_is_frozen() {
        let gives: Vec<&str> = form_addresses().into_iter().filter(|path| gives_a_way_in(path)).collect();
        let (enrol, rest): (Vec<&str>, Vec<&str>) = gives.iter().partition(|path| path.starts_with("/enrol/"));
        let (recover, keys): (Vec<&str>, Vec<&str>) = rest.iter().partition(|path| path.starts_with("/recover/"));
        assert_eq!(keys, ["/keys/add", "/keys/register", "/keys/activate", "/keys/phone", "/keys/show"]);
        let all = |start: &str| form_addresses().iter().filter(|path| path.starts_with(start)).count();
        assert_eq!((enrol.len(), recover.len()), (all("/enrol/"), all("/recover/")));
        for path in ["/enrol", "/enrol/usb-key/finish", "/recover", "/recover/usb-key/finish"] {
            assert!(gives_a_way_in(path), "{path}");
        }
        for path in ["/", "/keys", "/keys/lost", "/keys/remove", "/keys/prove", "/keys/astray", "/enrolments", "/sign-in", "/step-up/key"] {
            assert!(!gives_a_way_in(path), "{path}");
        }
        assert!(!form_addresses().iter().any(|path| gives_a_way_in(path) && only_takes_away(path)));
    }

    #[test]
    fn only_forms_that_end_something_or_handle_an_incident_need_no_log() {
        for path in ["/sign-out", "/sign-out/everywhere", "/sessions/end", "/console/sessions/end", "/console/accounts/7/disable"] {
            assert!(only_takes_away(path), "{path}");
        }
        assert!(only_takes_away("/console/accounts/7/end-sessions"));
        assert!(only_takes_away("/console/lockdown/close") && only_takes_away("/console/lockdown/extend"));
        assert!(!only_takes_away("/console/lockdown/lift") && !only_takes_away("/console/lockdown"));
        for change in ["suspend", "lost", "revoke"] {
            assert!(only_takes_away(&format!("/console/tokens/FT-7/{change}")), "{change}");
        }
        for step in ["withdraw", "reject"] {
            assert!(only_takes_away(&format!("/console/changes/7/{step}")), "{step}");
        }
        for path in ["/console/changes/7/propose", "/console/changes/7/confirm", "/console/changes/trust", "/recover/password"] {
            assert!(!only_takes_away(path), "{path}");
        }
        for path in ["/console/tokens/FT-7/issue", "/console/tokens/FT-7/resume", "/console/tokens/FT-7", "/console/tokens/import"] {
            assert!(!only_takes_away(path), "{path}");
        }
        // A token may be called so; what a form does is said by the last word alone.
        for path in ["/console/tokens/LOST", "/console/tokens/LOST/issue", "/console/tokens/FT-7/lost/issue", "/console/tokens/lost"] {
            assert!(!only_takes_away(path), "{path}");
        }
        assert!(only_takes_away("/unit/7/disable"));
        for path in ["/unit/invite", "/unit/7/enable", "/unit/7", "/terminal"] {
            assert!(!only_takes_away(path), "{path}");
        }
        for path in ["/console/incidents/open", "/console/incidents/7/assessed", "/console/incidents/7/noted"] {
            assert!(only_takes_away(path), "{path}");
        }
        for path in ["/console/incidents", "/console/incidents/7", "/console/incidents/x/noted", "/console/incidents/7/noted/x"] {
            assert!(!only_takes_away(path), "{path}");
        }
        for path in ["/sign-in", "/enrol/finish", "/keys/add", "/console/accounts/7/enable", "/console/accounts/7/invite"] {
            assert!(!only_takes_away(path), "{path}");
        }
        for path in ["/", "/console/accounts/invite", "/console/accounts/7", "/console/accounts/disable", "/sign-out/"] {
            assert!(!only_takes_away(path), "{path}");
        }
    }
}
