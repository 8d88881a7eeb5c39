//! Parquet, page by page, and of it two columns alone.

mod column;
mod exact;
mod pieces;

use std::{collections::HashSet, io};

use bytes::Bytes;
use parquet::{
    basic::Compression,
    errors::ParquetError,
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader, SerializedFileReader},
    },
    schema::types::SchemaDescriptor,
};

use crate::{
    Columns, ListError, Row,
    columns::{self, Role},
    wrong,
};
use column::{Cell, Column};
use pieces::{Pieces, SourceError};

/// The first bytes of a file, and the last ones.
const MAGIC: &[u8; 4] = b"PAR1";
/// Rows that are handed out at a time.
const ROWS: usize = 1_024;

/// Where a file's bytes come from.
pub trait ByteSource: Send + Sync + 'static {
    fn bytes(&self) -> u64;
    /// Exactly so many, or an error.
    fn range(&self, start: u64, length: usize) -> io::Result<Bytes>;
}

impl ByteSource for std::fs::File {
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
    file: impl ByteSource,
    columns: &Columns,
    mut hand_out: impl FnMut(Vec<Row>) -> Result<(), ListError>,
) -> Result<(), ListError> {
    check_head(&file)?;
    let file = SerializedFileReader::new(Pieces::new(file)).map_err(broken)?;
    let schema = file.metadata().file_metadata().schema_descr_ptr();
    let [url, id] = find(&schema, columns);
    let url = url.ok_or_else(|| missing(&schema, columns))?;
    if id.is_none() {
        check_names(&schema, columns)?;
    }
    check_groups(file.metadata(), [Some(url), id])?;
    check_packing(file.metadata(), [Some(url), id])?;
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group).map_err(broken)?;
        let column = |at| {
            let reader = group.get_column_reader(at).map_err(broken)?;
            Column::new(reader, &schema.column(at), at == url)
        };
        let mut urls = column(url)?;
        let mut ids = id.map(column).transpose()?;
        loop {
            let urls = urls.next(ROWS)?;
            let ids = match &mut ids {
                Some(ids) => ids.next(ROWS)?,
                None => vec![Ok(None); urls.len()],
            };
            if ids.len() != urls.len() {
                return Err(wrong("the columns of the Parquet file differ in length"));
            }
            if urls.is_empty() {
                break;
            }
            hand_out(ids.into_iter().zip(urls).map(row).collect())?;
        }
    }
    Ok(())
}

fn row((id, url): (Cell, Cell)) -> Row {
    let mut wrong = None;
    let url = match url {
        Ok(Some(url)) => url,
        Ok(None) => {
            wrong = Some("its url is null".to_owned());
            String::new()
        }
        Err(why) => {
            wrong = Some(why);
            String::new()
        }
    };
    let id = id.unwrap_or_else(|why| {
        wrong = Some(why);
        None
    });
    Row {
        wrong,
        ..Row::new(id, &url)
    }
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

/// Whatever its name says, a file shows what it is.
fn check_head(file: &impl ByteSource) -> Result<(), ListError> {
    let length = MAGIC.len();
    let is_parquet = file.bytes() > length as u64 && file.range(0, length)?[..] == *MAGIC;
    match is_parquet {
        true => Ok(()),
        false => Err(wrong(
            "the file is no Parquet file, as its first bytes show",
        )),
    }
}

fn check_packing(metadata: &ParquetMetaData, columns: [Option<usize>; 2]) -> Result<(), ListError> {
    for group in metadata.row_groups() {
        for at in columns.into_iter().flatten() {
            let name = match group.column(at).compression() {
                Compression::UNCOMPRESSED
                | Compression::SNAPPY
                | Compression::GZIP(_)
                | Compression::ZSTD(_) => continue,
                Compression::BROTLI(_) => "brotli",
                Compression::LZ4 | Compression::LZ4_RAW => "lz4",
                Compression::LZO => "lzo",
            };
            return Err(wrong(format!(
                "the Parquet file is packed with {name}, which is not read: write it with Snappy, gzip, zstd or nothing"
            )));
        }
    }
    Ok(())
}

/// A name that is asked for, or that is there and can be no name, is not passed over in silence.
fn check_names(schema: &SchemaDescriptor, columns: &Columns) -> Result<(), ListError> {
    if let Some(name) = &columns.id {
        return Err(wrong(format!(
            "the Parquet file has no column `{name}`, which `id_column` names"
        )));
    }
    let groups = schema.root_schema().get_fields().iter();
    let mut groups = groups.filter(|field| !field.is_primitive());
    let named = groups.find(|field| matches!(columns.role(field.name()), Some(Role::Id(_))));
    let Some(named) = named else { return Ok(()) };
    let name = named.name();
    Err(wrong(format!(
        "the column `{name}` holds lists or objects, and so no names: write it as text, or name another one with `id_column`, \
         such as a part of it"
    )))
}

/// Columns of the table itself, or what a path such as `image.url` leads to.
fn find(schema: &SchemaDescriptor, columns: &Columns) -> [Option<usize>; 2] {
    let paths: Vec<_> = schema
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect();
    columns::find(columns, paths.iter().map(String::as_str))
}

fn missing(schema: &SchemaDescriptor, columns: &Columns) -> ListError {
    let paths = schema.columns().iter().map(|column| column.path().string());
    let paths: Vec<_> = paths.collect();
    wrong(format!("the Parquet file {}", columns.missing_url(&paths)))
}

fn broken(error: ParquetError) -> ListError {
    let why = match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            // The error is our own, on its way through the library, or a codec's.
            Ok(error) => match error.downcast::<SourceError>() {
                Ok(SourceError(error)) => return ListError::Io(error),
                Err(_) => "a page of it is damaged".to_owned(),
            },
            Err(error) => error.to_string(),
        },
        ParquetError::EOF(_)
        | ParquetError::NeedMoreData(_)
        | ParquetError::NeedMoreDataRange(_) => "it is damaged, or ends too early".to_owned(),
        _ => "it is damaged, or written in a way that is not read".to_owned(),
    };
    wrong(format!("the Parquet file cannot be read: {why}"))
}

#[cfg(test)]
mod tests;
