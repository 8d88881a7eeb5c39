//! A list that lies in a bucket or a folder: whether it may be opened, and its
//! way into shards, which is that of an upload.

use std::{io, path::Path, pin::pin};

use common::{
    fault::{Code, Fault},
    outside::{NotAllowed, Opened, Outside},
    stage::Stage,
};
use futures_util::{StreamExt, TryStreamExt};
use manifest::{CsvRows, Format, Kind, ListError, Row, apart, decoded};
use tokio::io::BufReader;
use tokio_util::codec::{FramedRead, LinesCodecError};

use super::{
    intake::Intake,
    invalid,
    options::BatchItem,
    source::{stopped, take_lines},
    upload::{Stopped, lines, too_long},
};
use crate::{
    admit::Budget,
    ledger::{Ledger, Manifest, Request, Sealed},
};

const READ_BYTES: usize = 256 * 1024;

/// Before the batch is made: what is not allowed or not there is said at once.
pub async fn check(
    outside: &Outside,
    tenant: &str,
    manifest: Option<&(String, Kind)>,
) -> Result<(), Fault> {
    let Some((url, _)) = manifest else {
        return Ok(());
    };
    open(outside, tenant, url)
        .await
        .map(drop)
        .map_err(|stopped| match stopped {
            Stopped::Content(fault) | Stopped::Lost(fault) => fault,
        })
}

pub fn check_output(outside: &Outside, tenant: &str, url: Option<&str>) -> Result<(), Fault> {
    let Some(url) = url else { return Ok(()) };
    outside.place(tenant, url).map(drop).map_err(|NotAllowed| {
        let detail = "Results may go below what the service may use for you (--batch-allow), which may be nothing.";
        Fault::new(Code::OutputNotAllowed, Stage::Admit, detail)
    })
}

async fn open(outside: &Outside, tenant: &str, url: &str) -> Result<Opened, Stopped> {
    let place = outside.place(tenant, url).map_err(|NotAllowed| {
        let detail =
            "The manifest must lie below what the service may use for you (--batch-allow), which may be nothing.";
        Stopped::Content(Fault::new(Code::ManifestNotAllowed, Stage::Admit, detail))
    })?;
    match place.open().await {
        Ok(Some(opened)) => Ok(opened),
        Ok(None) => Err(Stopped::Content(unreadable("There is no such manifest."))),
        Err(error) => Err(lost(&error)),
    }
}

/// What a list is read with.
pub struct Elsewhere<'a> {
    pub ledger: &'a Ledger,
    pub budget: &'a Budget,
    pub outside: &'a Outside,
    /// The program whose `manifest-reader` reads Parquet.
    pub program: &'a Path,
}

impl Elsewhere<'_> {
    /// Stopped half-way and begun again it goes on where it was, as an upload does.
    pub async fn take_in(
        &self,
        request: &Request,
        manifest: &Manifest,
        now_s: u64,
    ) -> Result<Sealed, Stopped> {
        let opened = open(self.outside, &request.tenant, &manifest.url).await?;
        let mut intake = Intake::new(self.ledger, self.budget, request, manifest.max_items);
        let reader = async || {
            let reader = opened.reader().await.map_err(|error| lost(&error))?;
            Ok::<_, Stopped>(BufReader::with_capacity(READ_BYTES, reader))
        };
        let compression = manifest.kind.compression;
        match manifest.kind.format {
            Format::Ndjson => {
                let lines = lines(reader().await?, compression).map_err(|error| match error {
                    LinesCodecError::MaxLineLengthExceeded => too_long(),
                    LinesCodecError::Io(error) => lost(&error),
                });
                take_lines(&mut intake, lines).await?;
            }
            Format::Csv => {
                let plain = decoded(reader().await?, compression);
                let mut rows = FramedRead::with_capacity(plain, CsvRows::default(), READ_BYTES);
                while let Some(row) = rows.next().await {
                    push(&mut intake, row.map_err(wrong)?).await?;
                }
            }
            Format::Parquet => {
                let mut pieces = pin!(
                    apart::reader::rows(self.program, opened.clone())
                        .await
                        .map_err(wrong)?
                );
                while let Some(rows) = pieces.try_next().await.map_err(wrong)? {
                    for row in rows {
                        push(&mut intake, row).await?;
                    }
                }
            }
        }
        intake
            .seal(now_s)
            .await
            .map_err(|fault| stopped(fault, "the manifest"))
    }
}

async fn push(intake: &mut Intake<'_>, row: Row) -> Result<(), Stopped> {
    let number = intake.listed() + 1;
    let item = BatchItem {
        custom_id: row.custom_id,
        url: row.url,
    };
    intake
        .push(item)
        .await
        .map_err(|fault| stopped(fault, &format!("row {number}")))
}

fn wrong(error: ListError) -> Stopped {
    match error {
        ListError::Content(why) => Stopped::Content(invalid(why)),
        ListError::Io(error) => lost(&error),
    }
}

/// Without the error's own words: they may tell of what is behind the service.
fn lost(error: &io::Error) -> Stopped {
    tracing::warn!(%error, "a manifest cannot be read");
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Stopped::Content(unreadable(
            "The manifest is broken, or was changed while it was read.",
        )),
        io::ErrorKind::PermissionDenied => {
            Stopped::Content(unreadable("The service is not let in to the manifest."))
        }
        _ => Stopped::Lost(unreadable("The manifest cannot be read.")),
    }
}

fn unreadable(detail: &str) -> Fault {
    Fault::new(Code::ManifestUnreadable, Stage::Admit, detail)
}
