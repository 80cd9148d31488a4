//! Tokens in forms that another site cannot know: keyed hashes over the browser's own token and the form's purpose.

use data_encoding::BASE64URL_NOPAD;

use crate::crypto::{MacKey, TokenHash, same_bytes};

#[derive(Clone, Debug)]
pub struct Csrf(MacKey);

impl Csrf {
    pub fn new(key: MacKey) -> Self {
        Self(key)
    }

    /// The token for a form of this purpose in the browser that holds the token of `browser`.
    pub fn token(&self, browser: TokenHash, purpose: &str) -> String {
        BASE64URL_NOPAD.encode(&self.tag(browser, purpose))
    }

    pub fn verify(&self, browser: TokenHash, purpose: &str, shown: &str) -> bool {
        let shown = BASE64URL_NOPAD.decode(shown.as_bytes()).unwrap_or_default();
        same_bytes(&shown, &self.tag(browser, purpose))
    }

    fn tag(&self, browser: TokenHash, purpose: &str) -> [u8; 32] {
        self.0.tag(&format!("csrf {purpose}"), &browser.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_is_right_for_its_browser_and_purpose_only() {
        let csrf = Csrf::new(MacKey::new(&[7; 32]));
        let (browser, other) = (TokenHash([1; 32]), TokenHash([2; 32]));
        let token = csrf.token(browser, "sign-out");
        assert!(csrf.verify(browser, "sign-out", &token));
        assert!(!csrf.verify(other, "sign-out", &token));
        assert!(!csrf.verify(browser, "sign-in", &token));
        assert!(!Csrf::new(MacKey::new(&[8; 32])).verify(browser, "sign-out", &token));
        for wrong in ["", "x", &token[1..], &format!("{token}="), &token.to_uppercase()] {
            assert!(!csrf.verify(browser, "sign-out", wrong), "{wrong}");
        }
    }
}
