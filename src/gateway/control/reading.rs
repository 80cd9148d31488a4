//! Reading the log at the machine, past the gateway: it cannot be forbidden there, but it can be on record.

use crate::admin::Actor;
use crate::model::{Action, Event};

use super::{ControlAnswer, done, told};
use crate::gateway::house::House;

pub(super) async fn record(house: &House, actor: &Actor, asked: &str) -> Result<ControlAnswer, String> {
    let read = actor.sign(Event::done(Action::LogRead)).with("asked", asked).with("through", "files");
    house.journal.event(read).await.map_err(|error| told(&error))?;
    Ok(done("on record".to_owned()))
}
