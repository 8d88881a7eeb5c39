//! A column of texts, or of whole numbers where a name may be one.

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType},
    schema::types::ColumnDescPtr,
};

use super::broken;
use crate::{ListError, MAX_CELL_BYTES, wrong};

pub struct Column {
    reader: ColumnReader,
    name: String,
    /// Levels of a row that has a value.
    present: i16,
}

impl Column {
    pub fn new(reader: ColumnReader, description: ColumnDescPtr) -> Result<Self, ListError> {
        let name = description.name().to_owned();
        if description.max_rep_level() > 0 {
            return Err(wrong(format!("the column `{name}` holds lists")));
        }
        Ok(Self {
            reader,
            name,
            present: description.max_def_level(),
        })
    }

    /// At most so many rows, and how many they are.
    pub fn next(&mut self, rows: usize) -> Result<(Vec<Option<String>>, usize), ListError> {
        let texts = match &mut self.reader {
            ColumnReader::ByteArrayColumnReader(reader) => {
                let cells = cells(reader, self.present, rows)?;
                cells
                    .into_iter()
                    .map(|cell| cell.map(|cell| text(&cell, &self.name)).transpose())
                    .collect::<Result<_, _>>()?
            }
            ColumnReader::Int64ColumnReader(reader) if self.name != "url" => {
                numbers(cells(reader, self.present, rows)?)
            }
            ColumnReader::Int32ColumnReader(reader) if self.name != "url" => {
                numbers(cells(reader, self.present, rows)?)
            }
            _ => return Err(wrong(format!("the column `{}` holds no text", self.name))),
        };
        let count = texts.len();
        Ok((texts, count))
    }
}

/// A row's value, or nothing where it has none.
fn cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    present: i16,
    rows: usize,
) -> Result<Vec<Option<T::T>>, ListError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (read, _, _) = reader
        .read_records(rows, Some(&mut levels), None, &mut values)
        .map_err(broken)?;
    let mut values = values.into_iter();
    if present == 0 {
        return Ok(values.map(Some).collect());
    }
    let cells: Vec<_> = levels
        .iter()
        .map(|level| (*level == present).then(|| values.next()).flatten())
        .collect();
    if cells.len() == read {
        Ok(cells)
    } else {
        Err(wrong("the Parquet file cannot be read: rows are missing"))
    }
}

fn text(cell: &ByteArray, name: &str) -> Result<String, ListError> {
    if cell.len() > MAX_CELL_BYTES {
        return Err(wrong(format!(
            "a cell of the column `{name}` is longer than {MAX_CELL_BYTES} bytes"
        )));
    }
    let text = cell
        .as_utf8()
        .map_err(|_| wrong(format!("a cell of the column `{name}` is not UTF-8")))?;
    Ok(text.to_owned())
}

fn numbers<N: ToString>(cells: Vec<Option<N>>) -> Vec<Option<String>> {
    cells
        .into_iter()
        .map(|cell| cell.map(|number| number.to_string()))
        .collect()
}
