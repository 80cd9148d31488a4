//! Signing in with a USB-KEY, as far as the portal has a part in it: it asks, says what to do, and takes the answer of the host that asks for
//! certificates.

use crate::auth::{AfterUsbKey, ShownFor, ShownUsbKey, Told};
use crate::crypto::{Token, TokenHash};
use crate::model::{AccountId, Action, Refusal};

use super::call::{Answer, Asked, Refused, Unverified};
use super::denial::{self, event, network};
use super::own::record;
use super::sign_in::{begin, browser, deny, enter, go_on, refuse_for_now, settle, show, status_of, told_to_wait, wait_of};
use super::view::{Alert, ReturnTo, UsbKeyPasswordView, UsbKeyView};

/// She wants to sign in with her USB-KEY, first of all or after the password.
pub async fn ask(unverified: Unverified) -> Answer {
    let (asked, _, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    if asked.portal.key_host.is_none() {
        return Err(Refusal::NotFound.into());
    }
    let pending = match &asked.step {
        Some(step) => asked.portal.auth.sign_in.who_is_pending(step, asked.now).await.ok(),
        None => None,
    };
    let tried = match &pending {
        Some(account) => {
            asked.portal.limits.attempt_with_key(network(&asked), account.name.as_str(), asked.now).map(|attempt| attempt.take_back())
        }
        None => asked.portal.limits.attempt_without_name(network(&asked), asked.now),
    };
    if let Err(wait) = tried {
        return refuse_for_now(&asked, return_to, &wait, "").await;
    }
    let (back, way_back) = (return_to.at("/sign-in/usb-key/finish"), return_to.at("/sign-in"));
    let account = pending.map(|account| account.id);
    lead_there(&asked, Leading { browser: asked.browser, account, shown_for: ShownFor::SignIn, back, way_back, what: None }).await
}

/// What a USB-KEY is asked for.
pub(super) struct Leading {
    /// To what this browser holds here the answer is bound.
    pub browser: TokenHash,
    pub account: Option<AccountId>,
    pub shown_for: ShownFor,
    /// Where the answer goes.
    pub back: String,
    /// Where she goes who shows none.
    pub way_back: String,
    /// In a sentence; `None`: it goes without saying.
    pub what: Option<String>,
}

/// Says what to do and leads to the other host: by a link, because a form would have to stay here, and the key must be plugged in first.
pub(super) async fn lead_there(asked: &Asked, leading: Leading) -> Answer {
    let Leading { browser, account, shown_for, back, way_back, what } = leading;
    let Some(key_host) = &asked.portal.key_host else { return Err(Refusal::NotFound.into()) };
    let (keys, language) = (&asked.portal.auth.usb_keys, asked.visit.language.tag());
    let request = keys.ask(browser, account, shown_for, &back, language, asked.now).await.map_err(super::own::broken)?;
    let link = format!("{key_host}/show?request={}", request.reveal());
    asked.show(&UsbKeyView { frame: asked.frame_at(&way_back, None), what, link, way_back })
}

/// What the other host has found, if this browser asked for it; once.
pub(super) async fn answer(asked: &Asked, browser: TokenHash, shown_for: &ShownFor) -> Result<Option<ShownUsbKey>, Refused> {
    let Some(code) = Token::parse(asked.query.text("code")) else { return Ok(None) };
    asked.portal.auth.usb_keys.take(&code, browser, shown_for, asked.now).await.map_err(super::own::broken)
}

/// The answer comes back with her.
pub async fn finish(mut asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    let Some(shown) = answer(&asked, asked.browser, &ShownFor::SignIn).await? else {
        // The page was asked for again, or the code is another browser's.
        if asked.visit.visitor.known().is_some() {
            return go_on(&asked, &return_to);
        }
        return show(&asked, return_to, Some(Alert::ChallengeExpired), "");
    };
    match asked.portal.auth.sign_in.usb_key(shown, asked.step.as_ref(), browser(&asked), asked.now).await {
        Ok(AfterUsbKey::SignedIn(signed_in)) => enter(&mut asked, signed_in, &return_to).await,
        Ok(AfterUsbKey::PasswordNeeded(pending)) => {
            record(&asked, event(&asked, Action::FirstFactor).with("name", &pending.account.name).with("factor", "usb-key")).await?;
            asked.change_step(pending.token);
            asked.redirect(&return_to.at("/sign-in/usb-key/password"))
        }
        Err(denied) => deny(&asked, return_to, &denied, "").await,
    }
}

pub async fn password_page(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    ask_for_password(&asked, return_to, None).await
}

async fn ask_for_password(asked: &Asked, return_to: ReturnTo, alert: Option<Alert>) -> Answer {
    let Some(step) = &asked.step else { return asked.redirect(&return_to.at("/sign-in")) };
    match asked.portal.auth.sign_in.who_showed_usb_key(step, asked.now).await {
        Ok((account, first_use)) => {
            let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
            let frame = asked.frame_at(&return_to.at("/sign-in/usb-key/password"), alert);
            let view = UsbKeyPasswordView { frame, return_to, name: account.name.to_string(), first_use };
            told_to_wait(asked.show_with(status, &view)?, wait)
        }
        Err(denied) => deny(asked, return_to, &denied, "").await,
    }
}

/// The password, where the USB-KEY came first and is one factor of two.
pub async fn password(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let Some(step) = asked.step.clone() else { return asked.redirect(&return_to.at("/sign-in")) };
    let (account, first_use) = match asked.portal.auth.sign_in.who_showed_usb_key(&step, asked.now).await {
        Ok(shown) => shown,
        Err(denied) => return deny(&asked, return_to, &denied, "").await,
    };
    if first_use {
        asked.portal.emergency.may_enrol(asked.now, asked.portal.clock.wall())?;
    }
    let attempt = match asked.portal.limits.attempt(network(&asked), account.name.as_str(), asked.now) {
        Ok(attempt) => attempt,
        Err(wait) => {
            let seconds = denial::note_wait(&asked, &wait, event(&asked, Action::SignIn), Some(&account), "").await?;
            return ask_for_password(&asked, return_to, Some(Alert::Wait { seconds })).await;
        }
    };
    let answered = asked.portal.auth.sign_in.password_after_usb_key(&step, form.text("password"), browser(&asked), asked.now).await;
    settle(&asked, attempt, answered.as_ref().err());
    match answered {
        Ok(signed_in) => {
            if first_use {
                let activated = event(&asked, Action::TokenActivated).with("token", signed_in.key);
                asked.portal.journal.note(activated.with("account", account.id).with("name", &account.name));
            }
            enter(&mut asked, signed_in, &return_to).await
        }
        Err(denied) if denied.told() == Told::Refused => {
            denial::note(&asked, &denied, event(&asked, Action::SignIn), "").await?;
            ask_for_password(&asked, return_to, Some(Alert::WrongSignIn)).await
        }
        Err(denied) => deny(&asked, return_to, &denied, "").await,
    }
}
