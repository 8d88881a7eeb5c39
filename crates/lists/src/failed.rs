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
use url::Url;

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
    pub filter: FailureFilter,
}

/// What has to be true of a failure, all of it.
#[derive(Clone, Debug, Default)]
pub struct FailureFilter {
    pub only: Only,
    /// Those of this cause alone.
    pub code: Option<Code>,
    /// Those whose image lies at this host alone.
    pub host: Option<String>,
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
        let Self { of, shards, filter } = self;
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
            .map_ok(move |chunk| stream::iter(rows(&chunk, &filter)))
            .try_flatten()
    }
}

/// A part has whole lines.
fn rows(chunk: &[u8], filter: &FailureFilter) -> Vec<Result<Row, Stopped>> {
    let lines = chunk
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let read = lines.map(|line| match serde_json::from_slice::<Line>(line) {
        Ok(line) => Ok(filter.is_met_by(&line).then(|| line.into_row())),
        Err(_) => Err(Stopped::Content(Fault::bug(Stage::Admit))),
    });
    read.filter_map(Result::transpose).collect()
}

impl FailureFilter {
    fn is_met_by(&self, line: &Line) -> bool {
        let fits = match self.only {
            Only::All => line.error.code != Code::InvalidRow.name(),
            Only::Retryable => line.error.retryable,
        };
        let is_of_cause = self.code.is_none_or(|code| line.error.code == code.name());
        fits && is_of_cause && self.host.as_deref().is_none_or(|host| line.is_at(host))
    }
}

impl Line {
    /// Names of hosts know no case, and neither does the parser's answer.
    fn is_at(&self, host: &str) -> bool {
        let url = Url::parse(&self.url).ok();
        url.is_some_and(|url| url.host_str() == Some(&host.to_ascii_lowercase()))
    }

    fn into_row(self) -> Row {
        Row {
            custom_id: Some(self.custom_id),
            url: self.url,
            ..Row::default()
        }
    }
}
