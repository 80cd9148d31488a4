//! What a pack that was checked says, for people.

use jiff::Timestamp;

use super::check::{Checked, Signed};
use super::facts::{ConfigText, Facts, InForce};
use crate::model::visible;

pub fn told(checked: &Checked) -> String {
    let Checked { facts, checkpoint, newest, configs, signed, witnessed, unknown } = checked;
    let mut lines = vec![
        format!("log        {}", facts.log),
        format!("made       {} by yumen {}, {}", facts.made, facts.version, maker(facts)),
        format!("span       from {} to before {}", facts.from, facts.to),
    ];
    for (name, asked) in [("app       ", &facts.app), ("account   ", &facts.account)] {
        lines.extend(asked.as_ref().map(|asked| format!("{name} {asked}")));
    }
    lines.push(format!("records    {} in the pack, {} of them from the span", facts.records, facts.chosen));
    lines.push(complete(facts));
    if facts.first == facts.oldest && facts.oldest > 1 {
        lines.push(format!(
            "gone       records 1 to {} were no longer there; the span may have begun in them",
            facts.oldest.saturating_sub(1)
        ));
    }
    if facts.still_open > 0 {
        lines.push(format!("open       {} accesses of the span had not ended when the pack was made", facts.still_open));
    }
    if *unknown > 0 {
        lines.push(format!("unknown    {unknown} records are proven, but not understood by this version"));
    }
    lines.extend(configs.iter().map(config));
    if configs.is_empty() {
        lines.push("config     no record says which one was in force".to_owned());
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
        Signed::Not => "right      every record and its proof; for the other files nobody vouches".to_owned(),
        Signed::NotChecked => "right      the files, the records and their proofs among themselves, whoever made them".to_owned(),
    });
    lines.iter().map(|line| format!("{}\n", visible(line))).collect()
}

fn maker(facts: &Facts) -> String {
    let user = facts.by.user.as_ref().map(|user| format!(" ({user})")).unwrap_or_default();
    format!("as user {}{user}", facts.by.uid)
}

fn complete(facts: &Facts) -> String {
    let Facts { first, last, .. } = facts;
    match (facts.gapless, facts.has_span_records()) {
        (_, false) => {
            format!("complete   nothing was written in the span: it lies between records {} and {first}", first.saturating_sub(1))
        }
        (true, true) => format!("complete   every record from {first} to {last}, without a gap"),
        (false, true) => {
            format!("filtered   what fits of records {first} to {last}; that nothing that fits was left out cannot be proven")
        }
    }
}

fn config(config: &InForce) -> String {
    let hash = config.sha256.as_deref().unwrap_or("unknown");
    let text = match config.text {
        ConfigText::Kept => "its text is in the pack",
        ConfigText::Missing => "its text was not kept",
        ConfigText::Damaged => "what was kept of it was damaged, and left out",
        ConfigText::Unknown => "the gateway did not put its hash on record",
    };
    let until = config.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    format!("config     {hash} from {}{until} (record {}); {text}", config.from, config.sequence)
}

fn time(seconds: u64) -> String {
    let instant = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    instant.map_or_else(|| format!("{seconds} s after 1970"), |instant| instant.to_string())
}
