//! What a pack that was checked says, for people.

use jiff::Timestamp;

use super::check::{Checked, Signed};
use super::facts::{ConfigText, Empty, Facts, InForce};
use super::incident::About;
use crate::model::visible;

pub fn told(checked: &Checked) -> String {
    let Checked { facts, checkpoint, newest, configs, signed, witnessed, unknown } = checked;
    let mut lines = vec![
        format!("log        {}", facts.log),
        format!("made       {} by yumen {}, {}", facts.made, facts.version, maker(facts)),
        format!("span       from {} to before {}", facts.from, facts.to),
    ];
    lines.extend(facts.incident.as_ref().map(incident));
    for (name, asked) in [("app       ", &facts.app), ("account   ", &facts.account)] {
        lines.extend(asked.as_ref().map(|asked| format!("{name} {asked}")));
    }
    if facts.account.is_some() {
        lines.push(whose(facts));
    }
    lines.push(format!(
        "records    {} in the pack, {} of them from the {}",
        facts.records,
        facts.chosen,
        if facts.incident.is_some() { "range" } else { "span" }
    ));
    lines.push(complete(facts));
    lines.extend(doubts(facts).map(|doubt| format!("but        {doubt}")));
    if facts.still_open > 0 {
        lines.push(match &facts.incident {
            None => format!("open       {} accesses of the span had not ended when the pack was made", facts.still_open),
            Some(_) => format!("open       {} accesses began among these records and ended behind them, if they ended", facts.still_open),
        });
    }
    if *unknown > 0 {
        lines.push(format!("unknown    {unknown} records are proven, but not understood by this version"));
    }
    lines.extend(configs.iter().flat_map(|in_force| [Some(config(in_force)), plan(in_force)]).flatten());
    if configs.is_empty() {
        lines.push("config     no record in the pack says that one was in force".to_owned());
    }
    lines.push(format!("checkpoint {} records, root hash {}", checkpoint.size, checkpoint.root));
    if newest != checkpoint {
        lines.push(format!("newest     {} records, root hash {}; the log grew to it from the checkpoint", newest.size, newest.root));
    }
    lines.extend(witnessed.iter().map(|(name, time_s)| format!("cosigned   at {} by {name}", time(*time_s))));
    lines.push(match signed {
        Signed::ByTheLog => "signature  right, under the checkpoint and under the manifest of all files".to_owned(),
        Signed::Not => "signature  right under the checkpoint; the manifest is NOT SIGNED".to_owned(),
        Signed::NotChecked => "signature  NOT CHECKED: no key was given".to_owned(),
    });
    lines.push(match signed {
        Signed::ByTheLog => "right      every file, every record and its proof".to_owned(),
        Signed::Not => "right      every record and its proof; for all else, also which configs were in force, nobody vouches".to_owned(),
        Signed::NotChecked => "right      the files, the records and their proofs among themselves, whoever made them".to_owned(),
    });
    lines.iter().map(|line| format!("{}\n", visible(line))).collect()
}

fn maker(facts: &Facts) -> String {
    let user = facts.by.user.as_ref().map(|user| format!(" ({user})")).unwrap_or_default();
    format!("as user {}{user}", facts.by.uid)
}

/// What the pack cannot have, though it may have been asked for.
pub fn doubts(facts: &Facts) -> impl Iterator<Item = String> {
    let gone = facts.oldest.saturating_sub(1);
    let is_gone = facts.may_be_gone() && facts.has_span_records();
    let gone = is_gone.then(|| match &facts.incident {
        None => format!("records 1 to {gone} were no longer there; some may have been of the span"),
        Some(about) => format!("records {} to {gone} of the incident were no longer there", about.first),
    });
    let ended = facts.ended_before().filter(|_| facts.empty() != Some(Empty::NotYet));
    let ended = ended.map(|ends| format!("the log ended at {ends}, before the end of the span; what was written later is not in the pack"));
    let unsealed = match facts.unsealed {
        Some(0) => None,
        Some(unsealed) => Some(format!(
            "{unsealed} records stood in the journal and were not sealed; they are not in the pack, whether or not they are of the span"
        )),
        None => Some(
            "the journal was not there, or could not be read: whether records stood in it that were not sealed is not known".to_owned(),
        ),
    };
    let unsure =
        facts.end_is_unsure().then(|| "the newest record's time cannot be right; how far the log reaches is not known by it".to_owned());
    let other_times = (facts.other_times > 0).then(|| {
        format!("{} of these records have another time than the span: the gateway's clock was wrong, or was set", facts.other_times)
    });
    [empty(facts), gone, ended, unsure, unsealed, other_times].into_iter().flatten()
}

fn empty(facts: &Facts) -> Option<String> {
    let Facts { first, size, oldest, .. } = facts;
    let ends = facts.ends.as_deref().unwrap_or("a time that is not understood");
    Some(match facts.empty()? {
        Empty::Nothing if *size == 0 => "nothing was written in the span: the log has no records".to_owned(),
        Empty::Nothing => format!("nothing was written in the span: it lies between records {} and {first}", first.saturating_sub(1)),
        Empty::NotYet => {
            format!("the log ended at {ends}, with record {size}, before the span began; what was written later is not in the pack")
        }
        Empty::Gone => format!(
            "no record of the span is left: it lies in records 1 to {}, which were no longer there, or before them; what was written then, \
             this pack does not say",
            oldest.saturating_sub(1)
        ),
        Empty::BeforeTheLog => "the log began after the span".to_owned(),
    })
}

fn incident(about: &About) -> String {
    let About { number, drill, first, last, story } = about;
    let what = match drill {
        Some(drill) => format!("incident   {number}, which is a DRILL (begun with record {drill}): it never was"),
        None => format!("incident   {number}"),
    };
    format!("{what}; found by records {first} to {last}, and {} of what was done about it behind those", story.len())
}

fn whose(facts: &Facts) -> String {
    match (&facts.account_id, &facts.account_name) {
        (Some(id), Some(name)) => format!("           that is {name}, id {id}, by what the store had when the pack was made"),
        _ => "           the store had no such account; only records that name it so were taken".to_owned(),
    }
}

fn complete(facts: &Facts) -> String {
    let Facts { first, last, .. } = facts;
    match (facts.gapless, facts.has_span_records()) {
        (_, false) => "none       no record in the log that was there has a time in the span".to_owned(),
        (true, true) => format!("complete   every record from {first} to {last}, without a gap"),
        (false, true) => {
            format!(
                "filtered   what fits of records {first} to {last}; that nothing that fits was left out cannot be proven, and accesses that began before \
                 the span are left out"
            )
        }
    }
}

fn config(config: &InForce) -> String {
    let hash = config.sha256.as_deref().unwrap_or("unknown");
    let text = text(config.text);
    let until = config.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    let waiting = config.waiting.as_ref().map(|waiting| format!("; {waiting} waited for a restart")).unwrap_or_default();
    let as_started = if config.as_started { ", the last start before: of it holds what a reload cannot change" } else { "" };
    format!("config     {hash} from {}{until} (record {}{as_started}); {text}{waiting}", config.from, config.sequence)
}

fn plan(config: &InForce) -> Option<String> {
    let plan = config.plan.as_ref()?;
    Some(format!("plan       {} with that config (record {}); {}", plan.sha256, config.sequence, text(plan.text)))
}

fn text(text: ConfigText) -> &'static str {
    match text {
        ConfigText::Kept => "its text is in the pack",
        ConfigText::Missing => "its text was not kept",
        ConfigText::Damaged => "what was kept of it was damaged, and left out",
        ConfigText::Unknown => "the gateway did not put its hash on record",
    }
}

fn time(seconds: u64) -> String {
    let instant = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    instant.map_or_else(|| format!("{seconds} s after 1970"), |instant| instant.to_string())
}
