//! A list that lies in a bucket or a folder, on its way into shards, which is
//! that of an upload.

use std::pin::pin;

use ::manifest::{Format, apart};
use common::{
    budget::Budget,
    outside::{Opened, Outside},
    process::ReaderProgram,
};
use futures_util::TryStreamExt;
use tokio::{
    io::{AsyncBufRead, BufReader},
    task::consume_budget,
};

use super::{
    Intake, Stopped, lost, open,
    rows::{Reading, stopped, take_list},
};
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
        let reading = Reading {
            format: manifest.kind.format,
            compression: manifest.kind.compression,
            columns: manifest.columns.clone(),
        };
        match reading.format {
            Format::Parquet => self.take_parquet(&mut intake, &opened, &reading).await?,
            Format::Ndjson | Format::Csv | Format::Text => {
                let file = read(&opened).await?;
                take_list(&mut intake, file, &reading, self.budget, lost).await?;
            }
        }
        Ok(intake.seal(now_s).await?)
    }

    async fn take_parquet(
        &self,
        intake: &mut Intake<'_>,
        file: &Opened,
        reading: &Reading,
    ) -> Result<(), Stopped> {
        let rows = apart::reader::rows(self.program, file.clone(), &reading.columns).await;
        let mut pieces = pin!(rows.map_err(|error| stopped(error, lost))?);
        while let Some(rows) = pieces
            .try_next()
            .await
            .map_err(|error| stopped(error, lost))?
        {
            for row in rows {
                consume_budget().await;
                intake.push(row).await?;
            }
        }
        Ok(())
    }
}

async fn read(file: &Opened) -> Result<impl AsyncBufRead + Send + Unpin + use<>, Stopped> {
    let reader = file.reader().await.map_err(|error| lost(&error))?;
    Ok(BufReader::with_capacity(READ_BYTES, reader))
}
