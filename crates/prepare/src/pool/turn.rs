//! A file's turn at a decoder. One that takes long gives it back.

use std::{io, pin::pin, time::Duration};

use common::model::TileSpec;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use super::{
    Inner,
    decoder::{self, Decoder},
    meter::Meter,
    pace,
};
use crate::protocol::Reply;

/// Multiples of the longest decode for which a decoder may stand still.
const STILL: u32 = 2;

/// The same for a decode by the clock. Others may take the processor for so long, and it is no file's fault.
const BY_THE_CLOCK: u32 = 10;

/// So many times what is brisk, and it is ended unless it is one of the few that may be slow.
const PATIENCE: u32 = 3;

/// How a file left its decoder.
pub enum Ended {
    Answered {
        reply: Reply,
        slow: bool,
    },
    Died(io::Error),
    TooSlow,
    /// It is slow, and as many are as may be.
    Crowded,
    /// Others take the processor.
    Starved,
}

impl Inner {
    /// A file that takes long gives its turn back and lets the others go first: a few that hang would else leave none to
    /// the others.
    pub(super) async fn ask(
        &self,
        decoder: &mut Decoder,
        file: &[u8],
        specs: &[TileSpec],
        turn: OwnedSemaphorePermit,
    ) -> Ended {
        let meter = decoder.meter();
        let pid = decoder.pid();
        let longest = pace::longest(file, self.config.timeout);
        let brisk = pace::brisk(file);
        let mut answer = pin!(decoder.ask(file, specs, self.config.limits));
        let mut end = pin!(end(&meter, longest));
        tokio::select! {
            // First of all: while this server stood still itself, the answer may have come and the time be over.
            biased;
            answered = &mut answer => return Ended::of(answered, false),
            ended = &mut end => return ended,
            () = meter.exceeds(brisk.min(longest)) => {}
        }
        let Ok(_aside) = self.aside.try_acquire() else {
            return Ended::Crowded;
        };
        drop(turn);
        decoder::give_way(pid, self.config.niceness.aside);
        let _slow = tokio::select! {
            biased;
            answered = &mut answer => return Ended::of(answered, true),
            ended = &mut end => return ended,
            place = self.slow.acquire() => place.expect("the semaphore is never closed"),
            () = meter.exceeds((brisk * PATIENCE).min(longest)) => return Ended::Crowded,
        };
        tokio::select! {
            biased;
            answered = answer => Ended::of(answered, true),
            ended = end => ended,
        }
    }
}

impl Ended {
    fn of(answered: io::Result<Reply>, slow: bool) -> Self {
        match answered {
            Ok(reply) => Self::Answered { reply, slow },
            Err(error) => Self::Died(error),
        }
    }
}

/// Waits until a decode has to be ended that may take `longest` of the processor.
async fn end(meter: &Meter, longest: Duration) -> Ended {
    tokio::select! {
        () = meter.exceeds(longest) => Ended::TooSlow,
        () = meter.stands_still(longest * STILL) => Ended::TooSlow,
        () = sleep(longest * BY_THE_CLOCK) => Ended::Starved,
    }
}
