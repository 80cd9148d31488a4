//! A test notice, as the control socket asks for it.

use crate::admin::{Actor, Change};
use crate::incident::notice::Around;
use crate::model::{Action, Event};
use crate::outbound::send;

use super::{ControlAnswer, done, told};
use crate::gateway::house::House;
use crate::gateway::notices;

/// Over this channel, once, to each whom it tells now.
pub(super) async fn test(house: &House, actor: &Actor, channel: &str) -> Result<ControlAnswer, String> {
    house.desk.permit(actor, Change::TestNotices).map_err(|error| told(&error))?;
    let map = house.map.load_full();
    let plan = map.plan.clone().ok_or("no emergency plan is in force: name one with `[incident] plan` in the config")?;
    let Some(channel) = plan.channels.iter().find(|known| known.name == channel) else {
        let names: Vec<&str> = plan.channels.iter().map(|channel| channel.name.as_str()).collect();
        let there = if names.is_empty() {
            "there is none: add `[[channels]]` to it".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        return Err(format!("the emergency plan has no channel {channel:?}; {there}"));
    };
    let wall = house.clock.wall();
    let letters = Around { plan: &plan, portal: &map.portal.origin, now: wall }.test(channel);
    let host = map.portal.host.to_string();
    let tries = letters.iter().map(|letter| send(channel, letter, &host, wall));
    let (mut sent, mut failed) = (Vec::new(), Vec::new());
    for (letter, result) in letters.iter().zip(futures_util::future::join_all(tries).await) {
        house.notices.tried(&channel.name, &result);
        let whom = letter.to.first().and_then(|to| to.address.clone()).unwrap_or_else(|| channel.way.word().to_owned());
        let event = match &result {
            Ok(()) => Event::done(Action::NoticeSent),
            Err(error) => Event::failed(Action::NoticeSent).with("why", error),
        };
        let event = notices::told(event, letter).with("kind", channel.way.word()).with("attempt", 1);
        notices::record(house, actor.sign(event)).await;
        match result {
            Ok(()) => sent.push(whom),
            Err(error) => failed.push(format!("{whom}: {error}")),
        }
    }
    match (sent.is_empty(), failed.is_empty()) {
        (_, true) => Ok(done(format!("a test notice went over the channel {} to {}", channel.name, sent.join(", ")))),
        (true, false) => Err(format!("the channel {} does not work: {}", channel.name, failed.join("; "))),
        (false, false) => {
            Err(format!("the channel {} does not reach everybody: {}; it reached {}", channel.name, failed.join("; "), sent.join(", ")))
        }
    }
}
