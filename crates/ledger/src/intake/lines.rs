//! The lines of a list of any length, compressed or not, within flat memory.

use std::pin::pin;

use common::fault::{Code, Fault};
use futures_util::{Stream, StreamExt};
use manifest::{Compression, decoded};
use tokio::{io::AsyncBufRead, task::consume_budget};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::Intake;

/// Longest line, bytes: a URL, a name, and room for the signs around them.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// Empty lines in a row. They make no items, so that nothing else counts them.
const MAX_EMPTY_LINES: u32 = 1_000;
const READ_BYTES: usize = 64 * 1024;

/// Why there are no further lines.
#[derive(Debug)]
pub enum Stopped {
    /// What came is wrong, and would be wrong again.
    Content(Fault),
    /// The rest did not come.
    Lost(Fault),
}

/// Lines, without their ends.
pub fn lines(
    packed: impl AsyncBufRead + Send + 'static,
    compression: Compression,
) -> impl Stream<Item = Result<String, LinesCodecError>> + Send {
    let codec = LinesCodec::new_with_max_length(MAX_LINE_BYTES);
    let plain = decoded(packed, compression);
    FramedRead::with_capacity(plain, codec, READ_BYTES)
}

pub fn too_long() -> Stopped {
    Stopped::Content(Fault::invalid(format!(
        "a line is longer than {MAX_LINE_BYTES} bytes"
    )))
}

pub async fn take_lines(
    intake: &mut Intake<'_>,
    lines: impl Stream<Item = Result<String, Stopped>>,
) -> Result<(), Stopped> {
    let mut lines = pin!(lines);
    let mut number = 0_u64;
    let mut empty = 0;
    while let Some(line) = lines.next().await {
        // A line costs what a message would: where lines are always at hand, others have their turn.
        consume_budget().await;
        number += 1;
        let line = line?;
        let at = |fault| stopped(fault, &format!("line {number}"));
        if line.trim().is_empty() {
            empty += 1;
            check_empty(empty).map_err(at)?;
            continue;
        }
        empty = 0;
        let item =
            serde_json::from_str(&line).map_err(|error| at(Fault::invalid(error.to_string())))?;
        intake.push(item).await.map_err(at)?;
    }
    Ok(())
}

fn check_empty(in_a_row: u32) -> Result<(), Fault> {
    if in_a_row > MAX_EMPTY_LINES {
        let detail = format!("there are more than {MAX_EMPTY_LINES} empty lines in a row");
        return Err(Fault::invalid(detail));
    }
    Ok(())
}

/// Says where; and that what the store lacks, or this server's memory, may be sent again.
pub fn stopped(fault: Fault, at: &str) -> Stopped {
    match fault.code {
        Code::InvalidRequest => Stopped::Content(Fault {
            detail: format!("{at}: {}", fault.detail),
            ..fault
        }),
        Code::StoreUnavailable | Code::Overloaded => Stopped::Lost(fault),
        _ => Stopped::Content(fault),
    }
}
