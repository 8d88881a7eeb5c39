//! Rows on their way into a table.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DataType, Int64Type},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

use crate::{Rows, SCHEMA, TableError};

/// Columns whose values are few.
const FEW: [&str; 2] = ["model", "version"];

/// A table in memory, which grows by some rows at a time.
#[derive(Debug)]
pub struct TableWriter(SerializedFileWriter<Vec<u8>>);

impl TableWriter {
    pub fn new() -> Result<Self, TableError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = FEW.iter().fold(
            WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
                .set_statistics_enabled(EnabledStatistics::None)
                .set_dictionary_enabled(false),
            |properties, name| properties.set_column_dictionary_enabled((*name).into(), true),
        );
        let properties = Arc::new(properties.build());
        Ok(Self(SerializedFileWriter::new(
            Vec::new(),
            schema,
            properties,
        )?))
    }

    /// Adds rows, which stay together.
    pub fn push(&mut self, rows: &Rows) -> Result<(), TableError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.0.next_row_group()?;
        numbers(&mut group, &rows.places)?;
        numbers(&mut group, &rows.lines)?;
        for column in [
            &rows.custom_ids,
            &rows.urls,
            &rows.images,
            &rows.models,
            &rows.versions,
        ] {
            texts(&mut group, column)?;
        }
        numbers(&mut group, &rows.classes)?;
        texts(&mut group, &rows.scores)?;
        group.close()?;
        Ok(())
    }

    pub fn finish(self) -> Result<Bytes, TableError> {
        Ok(self.0.into_inner()?.into())
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn numbers(group: &mut Group<'_>, values: &[i64]) -> Result<(), ParquetError> {
    column::<Int64Type>(group, values)
}

fn texts(group: &mut Group<'_>, values: &[ByteArray]) -> Result<(), ParquetError> {
    column::<ByteArrayType>(group, values)
}

fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T]) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("a column too many".to_owned()));
    };
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}
