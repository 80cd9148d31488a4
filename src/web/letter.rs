//! Enrolment by letter: the code that was printed, together with the serial number of the token that was handed out with it.
//!
//! Invariant: what was wrong of the two is not told, and the code of a scanned address is sent only when the person sends the form.

use http::StatusCode;

use crate::auth::{LetterCode, LetterDenied};
use crate::limit::Wait;
use crate::model::{Action, Event, Outcome, Refusal, Serial};

use super::call::{Answer, Asked, Posted};
use super::denial::{event, network};
use super::own::record;
use super::view::{Alert, EnrolLetterView};

const PATH: &str = "/enrol/letter";

pub async fn page(asked: Asked) -> Answer {
    asked.show(&EnrolLetterView { frame: asked.frame(None), code: String::new(), serial: String::new() })
}

pub async fn open(Posted { mut asked, form }: Posted) -> Answer {
    if let Err(Wait { retry_after, limit }) = asked.portal.limits.attempt_without_name(network(&asked), asked.now) {
        return Err(Refusal::TooMany { retry_after, limit }.into());
    }
    let (typed_code, typed_serial) = (form.text("code"), form.text("serial"));
    let (Some(code), Ok(serial)) = (LetterCode::parse(typed_code), Serial::parse(typed_serial)) else {
        return refused(&asked, typed_code, typed_serial);
    };
    match asked.portal.auth.enrolment.open_letter(&code, &serial, asked.now).await {
        Ok(browser) => {
            asked.change_step(browser);
            asked.redirect("/enrol/password")
        }
        Err(LetterDenied::NoSuch) => refused(&asked, typed_code, typed_serial),
        Err(denied @ LetterDenied::WrongSerial { .. }) => {
            note(&asked, &denied, &serial).await?;
            refused(&asked, typed_code, typed_serial)
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a letter could not be opened");
            Err(Refusal::Broken { what: "a letter could not be opened" }.into())
        }
    }
}

/// Only who has the paper can cause this, and only a few times for each.
async fn note(asked: &Asked, denied: &LetterDenied, serial: &Serial) -> Result<(), super::call::Refused> {
    let LetterDenied::WrongSerial { account, left } = denied else { return Ok(()) };
    let of = |action| event(asked, action).with("account", account.id).with("name", &account.name);
    let wrong = Event { outcome: Outcome::Failed, ..of(Action::LetterRefused) };
    record(asked, wrong.with("why", "wrong-serial").with("serial", serial).with("left", left)).await?;
    if *left == 0 {
        tracing::warn!(account = %account.name, "an enrolment letter was tried with too many wrong serial numbers, and is worthless now: see the log");
        record(asked, of(Action::LetterStopped).with("why", "too-many-wrong-serials")).await?;
    }
    Ok(())
}

fn refused(asked: &Asked, code: &str, serial: &str) -> Answer {
    let frame = asked.frame_at(PATH, Some(Alert::LetterRefused));
    asked.show_with(StatusCode::UNPROCESSABLE_ENTITY, &EnrolLetterView { frame, code: code.to_owned(), serial: serial.to_owned() })
}
