//! Parquet, page by page, and of it two columns alone.

mod column;
mod pieces;

use std::{collections::HashSet, io};

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader, SerializedFileReader},
    },
    schema::types::SchemaDescriptor,
};

use crate::{ListError, Row, wrong};
use column::Column;
use pieces::Pieces;

/// Rows that are handed out at a time.
const ROWS: usize = 1_024;

/// Where a file's bytes come from.
pub trait Source: Send + Sync + 'static {
    fn bytes(&self) -> u64;
    /// Exactly so many, or an error.
    fn range(&self, start: u64, length: usize) -> io::Result<Bytes>;
}

impl Source for std::fs::File {
    fn bytes(&self) -> u64 {
        self.metadata().map_or(0, |meta| meta.len())
    }

    fn range(&self, start: u64, length: usize) -> io::Result<Bytes> {
        use std::os::unix::fs::FileExt;
        let mut bytes = vec![0; length];
        self.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Hands out the rows of a file, some at a time, in their order.
pub fn read(
    file: impl Source,
    mut hand_out: impl FnMut(Vec<Row>) -> Result<(), ListError>,
) -> Result<(), ListError> {
    let file = SerializedFileReader::new(Pieces::new(file)).map_err(broken)?;
    let schema = file.metadata().file_metadata().schema_descr_ptr();
    let url = find(&schema, "url").ok_or_else(|| wrong("the Parquet file has no column `url`"))?;
    let custom_id = find(&schema, "custom_id");
    check_groups(file.metadata(), [Some(url), custom_id])?;
    let mut number = 0;
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group).map_err(broken)?;
        let column = |at| {
            Column::new(
                group.get_column_reader(at).map_err(broken)?,
                schema.column(at),
            )
        };
        let mut urls = column(url)?;
        let mut names = custom_id.map(column).transpose()?;
        loop {
            let (urls, count) = urls.next(ROWS)?;
            let names = match &mut names {
                Some(names) => names.next(ROWS)?,
                None => (vec![None; count], count),
            };
            if names.1 != count {
                return Err(wrong("the columns of the Parquet file differ in length"));
            }
            if count == 0 {
                break;
            }
            let rows = names.0.into_iter().zip(urls).map(|(name, url)| {
                number += 1;
                let url = url.ok_or_else(|| wrong(format!("row {number} has no url")))?;
                Ok(Row {
                    custom_id: name.unwrap_or_else(|| number.to_string()),
                    url,
                })
            });
            hand_out(rows.collect::<Result<_, ListError>>()?)?;
        }
    }
    Ok(())
}

/// Refuses groups of rows that lie in the same place: a short file would else have as many rows, and cost as much, as
/// it likes.
fn check_groups(metadata: &ParquetMetaData, columns: [Option<usize>; 2]) -> Result<(), ListError> {
    let mut seen = HashSet::new();
    for group in metadata.row_groups() {
        for at in columns.into_iter().flatten() {
            let column = group.column(at);
            if column.compressed_size() > 0 && !seen.insert(column.data_page_offset()) {
                return Err(wrong(
                    "two groups of rows of the Parquet file lie in the same place",
                ));
            }
        }
    }
    Ok(())
}

/// A column of the table itself, not of something in it.
fn find(schema: &SchemaDescriptor, name: &str) -> Option<usize> {
    let is_it = |parts: &[String]| parts.len() == 1 && parts[0].eq_ignore_ascii_case(name);
    schema
        .columns()
        .iter()
        .position(|column| is_it(column.path().parts()))
}

fn broken(error: ParquetError) -> ListError {
    match error {
        // The error is our own, on its way through the library.
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => ListError::Io(*error),
            Err(error) => wrong(format!("the Parquet file cannot be read: {error}")),
        },
        error => wrong(format!("the Parquet file cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
