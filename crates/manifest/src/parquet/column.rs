//! A column of texts, or of whatever a name may be. Each value becomes its exact text, or the row says why not.

use parquet::{
    basic::{ConvertedType, LogicalType},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType, FixedLenByteArray},
    schema::types::ColumnDescPtr,
};

use super::{broken, exact};
use crate::{ListError, MAX_CELL_BYTES, wrong};

/// A row's value, nothing where it has none, or what is wrong with it.
pub type Cell = Result<Option<String>, String>;

pub struct Column {
    reader: ColumnReader,
    name: String,
    value: Value,
    /// Levels of a row that has a value.
    present: i16,
}

/// What the values of a column stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Text,
    Whole,
    Unsigned,
    Decimal(i32),
    Uuid,
}

impl Column {
    /// `is_url`: a URL is text, and nothing else.
    pub fn new(
        reader: ColumnReader,
        description: &ColumnDescPtr,
        is_url: bool,
    ) -> Result<Self, ListError> {
        let name = description.path().string();
        if description.max_rep_level() > 0 {
            return Err(wrong(format!(
                "the column `{name}` holds lists, and one value is wanted of each row: write it as text, or name another one"
            )));
        }
        let value = meaning(&reader, description);
        let value = value.filter(|value| !is_url || *value == Value::Text);
        let value = value.ok_or_else(|| {
            let kind = kind_of(description);
            wrong(format!(
                "the column `{name}` holds no text, but {kind}: write it as text"
            ))
        })?;
        Ok(Self {
            reader,
            name,
            value,
            present: description.max_def_level(),
        })
    }

    /// At most so many rows.
    pub fn next(&mut self, rows: usize) -> Result<Vec<Cell>, ListError> {
        let present = self.present;
        let value = self.value;
        let name = &self.name;
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => {
                Ok(exactly(cells(reader, present, rows)?, |flag| {
                    Ok(flag.to_string())
                }))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                Ok(exactly(cells(reader, present, rows)?, |number| {
                    Ok(exact::of_i32(
                        number,
                        value == Value::Unsigned,
                        scale(value),
                    ))
                }))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                Ok(exactly(cells(reader, present, rows)?, |number| {
                    Ok(exact::of_i64(
                        number,
                        value == Value::Unsigned,
                        scale(value),
                    ))
                }))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                Ok(exactly(cells(reader, present, rows)?, |cell: ByteArray| {
                    of_bytes(cell.data(), value, name)
                }))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => Ok(exactly(
                cells(reader, present, rows)?,
                |cell: FixedLenByteArray| of_bytes(cell.data(), value, name),
            )),
            _ => Err(wrong(format!(
                "the column `{name}` holds no text: write it as text"
            ))),
        }
    }
}

fn meaning(reader: &ColumnReader, description: &ColumnDescPtr) -> Option<Value> {
    let logical = description.logical_type_ref();
    let converted = description.converted_type();
    let scale = match logical {
        Some(LogicalType::Decimal(decimal)) => Some(decimal.scale),
        _ => (converted == ConvertedType::DECIMAL).then(|| description.type_scale()),
    };
    if let Some(scale) = scale {
        return Some(Value::Decimal(scale));
    }
    match reader {
        ColumnReader::BoolColumnReader(_) => Some(Value::Whole),
        ColumnReader::Int32ColumnReader(_) | ColumnReader::Int64ColumnReader(_) => {
            whole(logical, converted)
        }
        ColumnReader::ByteArrayColumnReader(_) => Some(Value::Text),
        ColumnReader::FixedLenByteArrayColumnReader(_) => match logical {
            Some(LogicalType::Uuid) => Some(Value::Uuid),
            Some(LogicalType::Float16) => None,
            _ => (converted != ConvertedType::INTERVAL).then_some(Value::Text),
        },
        _ => None,
    }
}

/// Dates and times are numbers too, and nobody would know them again.
fn whole(logical: Option<&LogicalType>, converted: ConvertedType) -> Option<Value> {
    match (logical, converted) {
        (Some(LogicalType::Integer(integer)), _) => Some(if integer.is_signed {
            Value::Whole
        } else {
            Value::Unsigned
        }),
        // Such a column has not a single value, whatever it was to hold.
        (Some(LogicalType::Unknown), _) => Some(Value::Whole),
        (Some(_), _) => None,
        (
            None,
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64,
        ) => Some(Value::Unsigned),
        (
            None,
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64,
        ) => Some(Value::Whole),
        (None, _) => None,
    }
}

fn kind_of(description: &ColumnDescPtr) -> String {
    let physical = description.physical_type().to_string().to_lowercase();
    match description.logical_type_ref() {
        Some(LogicalType::Date) => "dates".to_owned(),
        Some(LogicalType::Time(_)) => "times of day".to_owned(),
        Some(LogicalType::Timestamp(_)) => "times".to_owned(),
        _ if matches!(
            physical.as_str(),
            "float" | "double" | "fixed_len_byte_array"
        ) =>
        {
            "fractions, which have no exact text".to_owned()
        }
        _ => format!("values of type {physical}"),
    }
}

fn scale(value: Value) -> i32 {
    match value {
        Value::Decimal(scale) => scale,
        Value::Text | Value::Whole | Value::Unsigned | Value::Uuid => 0,
    }
}

fn of_bytes(bytes: &[u8], value: Value, name: &str) -> Result<String, String> {
    match value {
        Value::Decimal(scale) => {
            let too_large = || format!("its {name} has more than 38 digits");
            exact::of_big_endian(bytes, scale).ok_or_else(too_large)
        }
        Value::Uuid => Ok(exact::uuid(bytes)),
        Value::Text | Value::Whole | Value::Unsigned => text(bytes, name),
    }
}

fn text(bytes: &[u8], name: &str) -> Result<String, String> {
    if bytes.len() > MAX_CELL_BYTES {
        let length = bytes.len();
        return Err(format!(
            "its {name} is longer than {MAX_CELL_BYTES} bytes: {length}"
        ));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(format!("its {name} is not UTF-8")),
    }
}

fn exactly<T>(cells: Vec<Option<T>>, text: impl Fn(T) -> Result<String, String>) -> Vec<Cell> {
    cells
        .into_iter()
        .map(|cell| cell.map(&text).transpose())
        .collect()
}

/// A row's value, or nothing where it has none.
fn cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    present: i16,
    rows: usize,
) -> Result<Vec<Option<T::T>>, ListError> {
    let mut levels = Vec::new();
    let mut values = Vec::new();
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
