//! What is under way on this worker, so that whoever loses her right loses what is running too.
//!
//! A flow lives as long as its grant. Once a second each is looked at: a grant whose session ended, whose time ran out, or which
//! the policy in force would no longer give, cuts its connection at the socket, because a stalled client polls nothing.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use http::Method;

use crate::access::{Grant, GrantWatch};
use crate::clock::Time;
use crate::model::{CanonicalPath, End, Line};

/// What a flow asked for, to ask again when the policy changes.
pub struct Asked {
    pub method: Method,
    pub path: CanonicalPath,
    pub address: IpAddr,
}

struct Flow {
    grant: GrantWatch,
    line: Arc<Line>,
    asked: Asked,
}

#[derive(Default)]
pub struct Flows(RefCell<Vec<Flow>>);

impl Flows {
    pub fn track(&self, grant: &Grant, line: Arc<Line>, asked: Asked) {
        self.0.borrow_mut().push(Flow { grant: grant.watch(), line, asked });
    }

    /// Cuts what must end. `still_allowed` is asked only when the policy has changed since the last look.
    pub fn sweep(&self, now: Time, mut still_allowed: Option<impl FnMut(&Grant, &Asked) -> bool>) {
        self.0.borrow_mut().retain(|flow| {
            let Some(grant) = flow.grant.grant() else { return false };
            let refused = || {
                let allowed = still_allowed.as_mut()?;
                (!allowed(&grant, &flow.asked)).then_some(End::Revoked)
            };
            let over = grant.ended(now).or_else(refused);
            match over {
                Some(why) => {
                    flow.line.cut(why);
                    false
                }
                None => true,
            }
        });
    }
}
