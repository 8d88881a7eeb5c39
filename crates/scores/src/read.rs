//! A table, some rows at a time.

use bytes::Bytes;
use parquet::{
    column::reader::get_typed_column_reader,
    data_type::{ByteArrayType, DataType, Int64Type},
    file::reader::{FileReader, RowGroupReader, SerializedFileReader},
    schema::types::SchemaDescriptor,
};

use crate::{Rows, TableError};

pub struct Table {
    file: SerializedFileReader<Bytes>,
    at: Places,
}

/// Where the columns are.
struct Places {
    place: usize,
    line: usize,
    custom_id: usize,
    url: usize,
    image: usize,
    model: usize,
    version: usize,
    classes: usize,
    scores: usize,
}

/// Finds a column that has one value in every row.
fn place_of(schema: &SchemaDescriptor, name: &'static str) -> Result<usize, TableError> {
    let mut columns = schema.columns().iter();
    let found = columns.position(|column| {
        column.path().string() == name && column.max_rep_level() == 0 && column.max_def_level() == 0
    });
    found.ok_or(TableError::Column(name))
}

impl Table {
    pub fn open(bytes: Bytes) -> Result<Self, TableError> {
        let file = SerializedFileReader::new(bytes)?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let find = |name| place_of(&schema, name);
        let at = Places {
            place: find("place")?,
            line: find("line")?,
            custom_id: find("custom_id")?,
            url: find("url")?,
            image: find("image")?,
            model: find("model")?,
            version: find("version")?,
            classes: find("classes")?,
            scores: find("scores")?,
        };
        Ok(Self { file, at })
    }

    /// How many images it tells of.
    pub fn rows(&self) -> usize {
        let rows = self.file.metadata().file_metadata().num_rows();
        usize::try_from(rows).unwrap_or_default()
    }

    /// All rows, as many at a time as were written together.
    pub fn groups(&self) -> impl Iterator<Item = Result<Rows, TableError>> {
        (0..self.file.num_row_groups()).map(|number| self.group(number))
    }

    fn group(&self, number: usize) -> Result<Rows, TableError> {
        let group = self.file.get_row_group(number)?;
        let group = group.as_ref();
        let at = &self.at;
        let rows = Rows {
            places: column::<Int64Type>(group, at.place, "place")?,
            lines: column::<Int64Type>(group, at.line, "line")?,
            custom_ids: column::<ByteArrayType>(group, at.custom_id, "custom_id")?,
            urls: column::<ByteArrayType>(group, at.url, "url")?,
            images: column::<ByteArrayType>(group, at.image, "image")?,
            models: column::<ByteArrayType>(group, at.model, "model")?,
            versions: column::<ByteArrayType>(group, at.version, "version")?,
            classes: column::<Int64Type>(group, at.classes, "classes")?,
            scores: column::<ByteArrayType>(group, at.scores, "scores")?,
        };
        Ok(rows)
    }
}

/// Reads one column of a group: as many values as the group has rows.
fn column<T: DataType>(
    group: &dyn RowGroupReader,
    at: usize,
    name: &'static str,
) -> Result<Vec<T::T>, TableError> {
    if group.metadata().schema_descr().column(at).physical_type() != T::get_physical_type() {
        return Err(TableError::Column(name));
    }
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(at)?);
    let mut values = Vec::with_capacity(rows);
    while values.len() < rows {
        let (read, ..) = reader.read_records(rows - values.len(), None, None, &mut values)?;
        if read == 0 {
            return Err(TableError::Column(name));
        }
    }
    Ok(values)
}
