//! The end of the chain of proofs: policy said yes, within the limits, on the record. Forwarding takes one of these.

use super::Grant;
use crate::audit::Receipt;
use crate::limit::Pass;

/// Invariant: cannot be made without all three; so a request that skipped a check does not compile.
#[derive(Debug)]
pub struct Permit {
    grant: Grant,
    pass: Pass,
    receipt: Receipt,
}

impl Permit {
    pub fn new(grant: Grant, pass: Pass, receipt: Receipt) -> Self {
        Self { grant, pass, receipt }
    }

    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    pub fn receipt_mut(&mut self) -> &mut Receipt {
        &mut self.receipt
    }

    /// For a flow that outlives the request: it watches the grant, counts as under way, and closes the record.
    pub fn into_parts(self) -> (Grant, Pass, Receipt) {
        (self.grant, self.pass, self.receipt)
    }
}
