//! What failed of a batch, as the rows of another one.

use common::{
    budget::Budget,
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use ledger::{BatchKey, Cursor, Kind, Ledger, LedgerError, intake::Stopped, unavailable};
use manifest::Row;
use serde::Deserialize;

/// Which of the failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// All but rows that could not be read, which would be the same again.
    #[default]
    All,
    /// Those of which an error line says `"retryable": true`.
    Retryable,
}

/// Failures of a batch that has ended, in the order of its errors, which never changes.
pub struct Failed {
    pub of: BatchKey,
    pub shards: u32,
    pub only: Only,
    /// Those of this cause alone.
    pub code: Option<Code>,
}

#[derive(Deserialize)]
struct Line {
    custom_id: String,
    url: String,
    error: Error,
}

#[derive(Deserialize)]
struct Error {
    code: String,
    retryable: bool,
}

impl Failed {
    /// Rows, as they are read from the store: a part at a time, which counts in `reading`.
    pub fn rows(
        self,
        ledger: &Ledger,
        reading: &Budget,
    ) -> impl Stream<Item = Result<Row, Stopped>> + Send {
        let Self {
            of,
            shards,
            only,
            code,
        } = self;
        let ledger = ledger.clone();
        let reading = reading.clone();
        let pieces = stream::once(async move {
            let progress = ledger.progress(&of).await?;
            let (pieces, _) = progress.readable(shards, Kind::Failed, Cursor::default(), u64::MAX);
            let lines = move |piece| ledger.lines(&of, Kind::Failed, piece, &reading);
            Ok::<_, LedgerError>(stream::iter(pieces).flat_map(lines))
        });
        let chunks = pieces
            .try_flatten()
            .map_err(|error| Stopped::from(unavailable(error)));
        chunks
            .map_ok(move |chunk| stream::iter(rows(&chunk, only, code)))
            .try_flatten()
    }
}

/// A part has whole lines.
fn rows(chunk: &[u8], only: Only, code: Option<Code>) -> Vec<Result<Row, Stopped>> {
    let lines = chunk
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let read = lines.map(|line| match serde_json::from_slice::<Line>(line) {
        Ok(line) => Ok(line.is_wanted(only, code).then(|| line.into_row())),
        Err(_) => Err(Stopped::Content(Fault::bug(Stage::Admit))),
    });
    read.filter_map(Result::transpose).collect()
}

impl Line {
    fn is_wanted(&self, only: Only, code: Option<Code>) -> bool {
        let fits = match only {
            Only::All => self.error.code != Code::InvalidRow.name(),
            Only::Retryable => self.error.retryable,
        };
        fits && code.is_none_or(|code| self.error.code == code.name())
    }

    fn into_row(self) -> Row {
        Row {
            custom_id: Some(self.custom_id),
            url: self.url,
            ..Row::default()
        }
    }
}
