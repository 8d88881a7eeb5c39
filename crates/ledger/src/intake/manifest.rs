//! A list that lies in a bucket or a folder, on its way into shards, which is
//! that of an upload.

use std::pin::pin;

use ::manifest::{Compression, CsvRows, Format, ListError, Row, apart, decoded};
use common::{
    budget::Budget,
    fault::Fault,
    outside::{Opened, Outside},
    process::ReaderProgram,
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::{
    io::{AsyncBufRead, BufReader},
    task::consume_budget,
};
use tokio_util::codec::{FramedRead, LinesCodecError};

use super::{BatchItem, Intake, Stopped, lines, lost, open, stopped, take_lines, too_long};
use crate::{Ledger, Manifest, Request, Sealed};

const READ_BYTES: usize = 256 * 1024;

/// What a list is read with.
pub struct ManifestReader<'a> {
    pub ledger: &'a Ledger,
    pub budget: &'a Budget,
    pub outside: &'a Outside,
    /// The program whose `manifest-reader` reads Parquet.
    pub program: &'a ReaderProgram,
}

impl ManifestReader<'_> {
    /// Stopped half-way and begun again it goes on where it was, as an upload does.
    pub async fn take_in(
        &self,
        request: &Request,
        manifest: &Manifest,
        now_s: u64,
    ) -> Result<Sealed, Stopped> {
        let opened = open(self.outside, &request.tenant, &manifest.url).await?;
        let mut intake = Intake::new(self.ledger, self.budget, request, manifest.max_items);
        let compression = manifest.kind.compression;
        match manifest.kind.format {
            Format::Ndjson => take_ndjson(&mut intake, &opened, compression).await?,
            Format::Csv => take_csv(&mut intake, &opened, compression).await?,
            Format::Parquet => take_parquet(&mut intake, &opened, self.program).await?,
        }
        let sealed = intake.seal(now_s).await;
        sealed.map_err(|fault| stopped(fault, "the manifest"))
    }
}

async fn take_ndjson(
    intake: &mut Intake<'_>,
    file: &Opened,
    compression: Compression,
) -> Result<(), Stopped> {
    let lines = lines(read(file).await?, compression).map_err(|error| match error {
        LinesCodecError::MaxLineLengthExceeded => too_long(),
        LinesCodecError::Io(error) => lost(&error),
    });
    take_lines(intake, lines).await
}

async fn take_csv(
    intake: &mut Intake<'_>,
    file: &Opened,
    compression: Compression,
) -> Result<(), Stopped> {
    let plain = decoded(read(file).await?, compression);
    let mut rows = FramedRead::with_capacity(plain, CsvRows::default(), READ_BYTES);
    while let Some(row) = rows.next().await {
        push(intake, row.map_err(wrong)?).await?;
    }
    Ok(())
}

async fn take_parquet(
    intake: &mut Intake<'_>,
    file: &Opened,
    program: &ReaderProgram,
) -> Result<(), Stopped> {
    let rows = apart::reader::rows(program, file.clone()).await;
    let mut pieces = pin!(rows.map_err(wrong)?);
    while let Some(rows) = pieces.try_next().await.map_err(wrong)? {
        for row in rows {
            push(intake, row).await?;
        }
    }
    Ok(())
}

async fn read(file: &Opened) -> Result<impl AsyncBufRead + Send + use<>, Stopped> {
    let reader = file.reader().await.map_err(|error| lost(&error))?;
    Ok(BufReader::with_capacity(READ_BYTES, reader))
}

async fn push(intake: &mut Intake<'_>, row: Row) -> Result<(), Stopped> {
    // A row costs what a message would: where rows are always at hand, others have their turn.
    consume_budget().await;
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
        ListError::Content(why) => Stopped::Content(Fault::invalid(why)),
        ListError::Io(error) => lost(&error),
    }
}
