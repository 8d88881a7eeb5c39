//! The rows of a list of any length, whichever format it has, within flat memory.

use std::{io, pin::pin};

use common::{
    budget::Budget,
    fault::{Code, Fault},
    stage::Stage,
    unpack::NoRoom,
};
use futures_util::StreamExt;
use manifest::{Columns, Compression, Format, ListError, Rows, plain};
use tokio::{
    io::{AsyncBufRead, AsyncRead},
    task::consume_budget,
};
use tokio_util::codec::FramedRead;

use super::Intake;

const READ_BYTES: usize = 64 * 1024;

/// Why there are no further rows.
#[derive(Debug)]
pub enum Stopped {
    /// What came is wrong, and would be wrong again.
    Content(Fault),
    /// The rest did not come.
    Lost(Fault),
}

impl From<Fault> for Stopped {
    /// What the store lacks, or this server's memory, may be sent again.
    fn from(fault: Fault) -> Self {
        match fault.code {
            Code::StoreUnavailable | Code::Overloaded => Self::Lost(fault),
            _ => Self::Content(fault),
        }
    }
}

/// What a list is, and which of its columns are meant.
#[derive(Clone, Debug)]
pub struct Reading {
    pub format: Format,
    pub compression: Compression,
    pub columns: Columns,
}

/// Takes in a list as it lies in a file or comes over the network. `lost`: what it means where it breaks off.
pub async fn take_list(
    intake: &mut Intake<'_>,
    packed: impl AsyncBufRead + Send + Unpin + 'static,
    reading: &Reading,
    budget: &Budget,
    lost: fn(&io::Error) -> Stopped,
) -> Result<(), Stopped> {
    let text = plain(packed, reading.compression, budget).await;
    let text = text.map_err(|error| stopped(error.into(), lost))?;
    take_text(intake, text, reading, lost).await
}

/// The same of a list that is unpacked already.
pub async fn take_text(
    intake: &mut Intake<'_>,
    text: impl AsyncRead + Send,
    reading: &Reading,
    lost: fn(&io::Error) -> Stopped,
) -> Result<(), Stopped> {
    let rows = Rows::new(reading.format, &reading.columns);
    let mut rows = pin!(FramedRead::with_capacity(text, rows, READ_BYTES));
    while let Some(row) = rows.next().await {
        // A line costs what a message would: where lines are always at hand, others have their turn.
        consume_budget().await;
        if let Some(row) = row.map_err(|error| stopped(error, lost))? {
            intake.push(row).await?;
        }
    }
    Ok(())
}

pub fn stopped(error: ListError, lost: fn(&io::Error) -> Stopped) -> Stopped {
    match error {
        ListError::Content(why) => Stopped::Content(Fault::invalid(why)),
        ListError::Io(error) => match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(no_room) => Stopped::Lost(overloaded(no_room)),
            None => lost(&error),
        },
    }
}

fn overloaded(no_room: &NoRoom) -> Fault {
    Fault::new(Code::Overloaded, Stage::Admit, no_room.to_string())
}
