//! "Prove it once more": on the way to an app that wants another proof than the session has, or a newer one. Afterwards she is back where
//! she was.

use crate::access::Demand;
use crate::auth::{CeremonyError, KeyChangeError, KeyError, ShownFor, SteppedUp, Why, cookies};
use crate::crypto::Token;
use crate::model::{Action, Factor, FactorDemand, Refusal};

use super::call::{Answer, Asked, Posted};
use super::denial;
use super::enrol::ceremony_alert;
use super::keys::{attempt, refused, settle};
use super::own::{broken, name_of, own_event, record};
use super::own_tokens;
use super::sign_in::{app_of, lead_on, status_of, told_to_wait, verdict_of, wait_of};
use super::usb_key::{Leading, answer, lead_there};
use super::view::{Alert, Ceremony, ReturnTo, StepUpView, WhyOver};

/// Where forms are kept on every app's host.
pub const KEPT: &str = "/.yumen/kept/";

pub async fn page(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    match verdict_of(&asked, &return_to) {
        Some(Ok(())) => asked.redirect(&return_to.at("/enter")),
        _ => ask(&asked, return_to, None).await,
    }
}

/// Decides anew first: what was missing may be there by now, and then she only goes on.
async fn ask(asked: &Asked, return_to: ReturnTo, alert: Option<Alert>) -> Answer {
    let demand = match unmet(asked, &return_to) {
        Ok(demand) => demand,
        Err(answer) => return *answer,
    };
    let identity = asked.identity()?;
    let factor = demand.factor.unwrap_or_default();
    let (keys, wall) = (&asked.portal.auth.keys, asked.portal.clock.wall());
    let app = app_of(asked, &return_to);
    let makes = app.as_ref().and_then(|app| app.makes.clone());
    let fits = |proven: Factor| factor.is_met_by(proven) && app.as_ref().is_none_or(|app| app.admits(proven.token()));
    let means = match keys.step_up_means(identity, fits, makes.as_deref(), asked.now, wall).await {
        Ok(means) => means,
        Err(error) => return failed(asked, &return_to, error),
    };
    let going_to = app.as_ref().map(|app| name_of(app, asked.visit.language).to_owned()).unwrap_or_default();
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let view = StepUpView {
        frame: asked.frame_at(&return_to.at("/step-up"), alert),
        going_to,
        factor: factor_text(factor, asked.portal.key_host.is_some()),
        makes: makes.iter().flat_map(|makes| makes.iter()).map(|make| make.to_string()).collect(),
        // Rounded down: who waits for longer than is said, waits in vain.
        fresh_minutes: demand.fresh.map(|fresh| fresh.as_secs().checked_div(60).unwrap_or(0).max(1)),
        form_kept: return_to.path.starts_with(KEPT),
        ceremony: means.key.map(|challenge| Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() }),
        code: means.code,
        // Where nothing else would do, it may be the first use of one that her authority's rule names.
        usb_key: ((means.usb_key || factor == FactorDemand::UsbKey) && asked.portal.key_host.is_some())
            .then(|| return_to.at("/step-up/usb-key")),
        return_to,
    };
    told_to_wait(asked.show_with(status, &view)?, wait)
}

/// What is missing for what she wants to do; otherwise where she goes instead.
fn unmet(asked: &Asked, return_to: &ReturnTo) -> Result<Demand, Box<Answer>> {
    if asked.visit.visitor.known().is_none() {
        return Err(Box::new(asked.redirect(&return_to.at("/sign-in"))));
    }
    match verdict_of(asked, return_to) {
        None => Err(Box::new(asked.redirect("/"))),
        Some(Ok(())) => Err(Box::new(lead_on(asked, return_to))),
        Some(Err(Refusal::SignInNeeded | Refusal::SignInAgain)) => Err(Box::new(asked.redirect(&return_to.at("/sign-in")))),
        Some(Err(refusal)) => match Demand::unmet(&refusal) {
            Some(demand) => Ok(demand),
            None => Err(Box::new(Err(refusal.into()))),
        },
    }
}

pub async fn key(Posted { mut asked, form }: Posted) -> Answer {
    let return_to = asked.query.return_to();
    if let Err(answer) = unmet(&asked, &return_to) {
        return *answer;
    }
    let identity = asked.identity()?.clone();
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return ask(&asked, return_to, Some(Alert::ChallengeExpired)).await;
    };
    let attempt = match attempt(&asked, &identity, Action::StepUp).await? {
        Ok(attempt) => attempt,
        Err(seconds) => return ask(&asked, return_to, Some(Alert::Wait { seconds })).await,
    };
    let proven = asked.portal.auth.keys.step_up_by_key(&identity, &challenge, form.text("credential"), asked.now).await;
    settle(&asked, attempt, &proven);
    finish(&mut asked, return_to, proven).await
}

pub async fn code(Posted { mut asked, form }: Posted) -> Answer {
    let return_to = asked.query.return_to();
    if let Err(answer) = unmet(&asked, &return_to) {
        return *answer;
    }
    let identity = asked.identity()?.clone();
    let attempt = match attempt(&asked, &identity, Action::StepUp).await? {
        Ok(attempt) => attempt,
        Err(seconds) => return ask(&asked, return_to, Some(Alert::Wait { seconds })).await,
    };
    let wall = asked.portal.clock.wall();
    let proven = asked.portal.auth.keys.step_up_by_code(&identity, form.text("code"), asked.now, wall).await;
    settle(&asked, attempt, &proven);
    finish(&mut asked, return_to, proven).await
}

/// She wants to show her USB-KEY, on the host that asks for certificates.
pub async fn usb_key(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    if let Err(answer) = unmet(&asked, &return_to) {
        return *answer;
    }
    let account = asked.identity()?.account();
    let (back, way_back) = (return_to.at("/step-up/usb-key/finish"), return_to.at("/step-up"));
    let leading = Leading { browser: asked.browser, account: Some(account), shown_for: ShownFor::StepUp, back, way_back, what: None };
    lead_there(&asked, leading).await
}

/// The answer comes back with her.
pub async fn usb_key_finish(mut asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    if let Err(answer) = unmet(&asked, &return_to) {
        return *answer;
    }
    let identity = asked.identity()?.clone();
    let shown = answer(&asked, asked.browser, &ShownFor::StepUp).await?;
    let Some(shown) = shown else { return ask(&asked, return_to, Some(Alert::ChallengeExpired)).await };
    let proven = asked.portal.auth.keys.step_up_by_usb_key(&identity, shown, asked.now).await;
    finish(&mut asked, return_to, proven).await
}

async fn finish(asked: &mut Asked, return_to: ReturnTo, proven: Result<SteppedUp, KeyChangeError>) -> Answer {
    match proven {
        Ok(proven) => done(asked, &return_to, proven).await,
        Err(KeyChangeError::WrongProof(denied)) => {
            denial::note(asked, &denied, own_event(asked, Action::StepUp)?, "").await?;
            match denied.why() {
                // The key of which there may be two had opened this very session.
                Why::Key(KeyError::CounterWentBack(_)) if asked.identity()?.is_revoked() => own_tokens::over(asked, WhyOver::KeySuspended),
                why => ask(asked, return_to, Some(denial::key_alert(why))).await,
            }
        }
        Err(KeyChangeError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => ask(asked, return_to, Some(alert)).await,
            None => failed(asked, &return_to, KeyChangeError::Ceremony(error)),
        },
        Err(error) if error.is_wrong() => {
            refused(asked, own_event(asked, Action::StepUp)?, &error).await?;
            let identity = asked.identity()?.clone();
            match own_tokens::told(asked, &identity, &error).await? {
                Ok(alert) => ask(asked, return_to, Some(alert)).await,
                Err(answer) => answer,
            }
        }
        Err(error) => {
            if error.withdrawn().is_some() {
                refused(asked, own_event(asked, Action::StepUp)?, &error).await?;
            }
            failed(asked, &return_to, error)
        }
    }
}

async fn done(asked: &mut Asked, return_to: &ReturnTo, SteppedUp { token, identity, proof }: SteppedUp) -> Answer {
    let event = own_event(asked, Action::StepUp)?.by(identity.who().clone());
    if let Err(refused) = record(asked, event.with("token", proof.token).with("factor", proof.factor)).await {
        // No record, no access: a session that grew stronger without anybody knowing ends.
        let _ = asked.portal.auth.sessions.end(identity.session_id()).await;
        return Err(refused);
    }
    asked.set_cookie(cookies::set(cookies::SESSION, &token.reveal(), asked.portal.cookie_lives));
    asked.go_on_as(identity);
    match not_enough(asked, return_to, proof.factor) {
        Some(alert) => ask(asked, return_to.clone(), Some(alert)).await,
        None => lead_on(asked, return_to),
    }
}

/// What a token is worth shows only when it was shown; where that is too little, she is told before she is asked again.
fn not_enough(asked: &Asked, return_to: &ReturnTo, shown: Factor) -> Option<Alert> {
    let Some(Err(refusal)) = verdict_of(asked, return_to) else { return None };
    match (Demand::unmet(&refusal)?.factor?, shown) {
        (FactorDemand::Hardware, Factor::PasswordAndUsbKey) => Some(Alert::UsbKeyNotHardware),
        (FactorDemand::Any | FactorDemand::Hardware, Factor::PasswordAndPhoneApp) => Some(Alert::PhoneAppNotEnough),
        _ => None,
    }
}

fn failed(asked: &Asked, return_to: &ReturnTo, error: KeyChangeError) -> Answer {
    match error {
        KeyChangeError::NotSignedIn => asked.redirect(&return_to.at("/sign-in")),
        KeyChangeError::NoProof | KeyChangeError::Ceremony(CeremonyError::NoChallenge) => asked.redirect(&return_to.at("/step-up")),
        error => Err(broken(error)),
    }
}

/// Where no USB-KEYs are taken, none is named.
const fn factor_text(factor: FactorDemand, takes_usb_keys: bool) -> &'static str {
    match (factor, takes_usb_keys) {
        (FactorDemand::Any, _) => "step-up-any",
        (FactorDemand::Hardware, true) => "step-up-hardware",
        (FactorDemand::Hardware, false) => "step-up-hardware-no-usb-key",
        (FactorDemand::PhishingResistant, true) => "step-up-phishing-resistant",
        (FactorDemand::PhishingResistant, false) => "step-up-phishing-resistant-no-usb-key",
        (FactorDemand::WebAuthn, _) => "step-up-webauthn",
        (FactorDemand::UsbKey, _) => "step-up-usb-key",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::{Language, text};

    #[test]
    fn the_page_names_a_usb_key_only_where_usb_keys_are_taken() {
        for language in Language::ALL {
            let names = |factor, taken| text(*language, factor_text(factor, taken)).replace('\u{2060}', "").contains("USB-KEY");
            for factor in [FactorDemand::Hardware, FactorDemand::PhishingResistant] {
                assert!(names(factor, true) && !names(factor, false), "{factor:?} in {language:?}");
            }
            for factor in [FactorDemand::Any, FactorDemand::WebAuthn] {
                assert!(!names(factor, true) && !names(factor, false), "{factor:?} in {language:?}");
            }
        }
    }
}
