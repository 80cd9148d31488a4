//! What a config lets through that the one before it did not, for the record of the change.

use super::settings::{Activity, Settings};
use crate::incident::Plan;
use crate::model::capped;

/// So much of it stands on record.
const LONGEST: usize = 240;

impl Settings {
    /// `None`: it is as strict as the one before, as far as that can be shown.
    pub fn looser_than(&self, before: &Settings) -> Option<String> {
        let mut parts: Vec<String> = self.own_parts(before).into_iter().map(str::to_owned).collect();
        for app in &self.apps {
            let id = &app.policy.id;
            match before.apps.iter().find(|known| known.policy.id == *id) {
                None => parts.push(format!("{id}: new")),
                Some(known) => {
                    let mut looser = app.policy.looser_than(&known.policy);
                    looser.extend((app.websocket && !known.websocket).then_some("websocket"));
                    looser.extend((app.upstream != known.upstream).then_some("upstream"));
                    looser.extend((app.max_body > known.max_body).then_some("max_body"));
                    looser.extend((app.rate != known.rate && known.rate.is_some()).then_some("rate"));
                    if !looser.is_empty() {
                        parts.push(format!("{id}: {}", looser.join(" ")));
                    }
                }
            }
        }
        (!parts.is_empty()).then(|| capped(&parts.join(", "), LONGEST))
    }

    fn own_parts(&self, before: &Settings) -> Vec<&'static str> {
        let (new, old) = (self.session.limits, before.session.limits);
        let addresses = |settings: &Settings| settings.staff_addresses.clone();
        let staff = !addresses(before).is_empty()
            && (addresses(self).is_empty()
                || !addresses(self).iter().all(|network| addresses(before).iter().any(|wide| wide.contains(network))));
        let forever = std::time::Duration::MAX;
        let watched = |settings: &Settings| settings.plan.as_ref().map(|plan| plan.triggers.clone()).unwrap_or_default();
        let pages = |settings: &Settings| settings.plan.as_ref().map(|plan| plan.pages.clone()).unwrap_or_default();
        let sees_less = watched(before).iter().any(|trigger| !watched(self).contains(trigger))
            || pages(before).iter().any(|page| !pages(self).contains(page));
        let channels = |settings: &Settings| settings.plan.as_ref().map(|plan| plan.channels.clone()).unwrap_or_default();
        let reminds = |settings: &Settings| settings.plan.as_ref().and_then(|plan| plan.escalation.clone());
        let tells_less = channels(before).iter().any(|channel| !channels(self).contains(channel))
            || reminds(before).is_some() && reminds(before) != reminds(self);
        let does_less = before.plan.iter().any(|before| does_less(self.plan.as_deref(), before));
        let parts = [
            ("session", new.idle > old.idle || new.overall > old.overall),
            ("session.activity", self.session.activity == Activity::Any && before.session.activity != Activity::Any),
            ("webauthn.authenticators", self.makes.iter().any(|make| !before.makes.contains(make))),
            ("log.archive", before.keeping.archive.is_some() && self.keeping.archive != before.keeping.archive),
            ("staff.addresses", staff),
            ("log.keep", self.keeping.keep.unwrap_or(forever) < before.keeping.keep.unwrap_or(forever)),
            ("log.sinks", before.sinks.iter().any(|sink| !self.sinks.contains(sink))),
            (
                "accounts.suspend_unused_after",
                self.suspend_unused_after.unwrap_or(forever) > before.suspend_unused_after.unwrap_or(forever),
            ),
            ("incident.plan", sees_less || tells_less || does_less),
        ];
        parts.into_iter().filter_map(|(name, looser)| looser.then_some(name)).collect()
    }
}

/// Whether a level does less than it did, or for less long.
fn does_less(plan: Option<&Plan>, before: &Plan) -> bool {
    before.levels.iter().any(|known| {
        let terms = plan.and_then(|plan| plan.terms(known.level));
        let own = terms.and_then(|terms| terms.policy.clone()).unwrap_or_default();
        let once = terms.map(|terms| terms.once).unwrap_or_default();
        let laxer = known.policy.as_ref().is_some_and(|known| !own.laxer_than(known).is_empty() || own.lasts < known.lasts);
        laxer || once.does_less_than(known.once)
    })
}
