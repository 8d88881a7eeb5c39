//! Why an exchange led nowhere, and what that says of the host.

use common::fault::{Code, Fault};

use crate::hosts::Verdict;

#[derive(Debug)]
pub struct Failure {
    pub fault: Fault,
    pub verdict: Verdict,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self {
            verdict: Verdict::of(&fault),
            fault,
        }
    }
}

impl Failure {
    /// A connection was there, and led to no answer: that is what the page does, and not the host.
    pub fn no_answer(fault: Fault) -> Self {
        Self {
            verdict: Verdict::Failed(fault.code),
            fault,
        }
    }

    /// All that may be downloaded was, for nothing.
    pub fn wasteful(fault: Fault) -> Self {
        Self {
            verdict: Verdict::Wasteful(fault.code),
            fault,
        }
    }

    pub fn is(&self, code: Code) -> bool {
        self.fault.code == code
    }
}
