//! Tables for the tests of every crate.

use std::sync::Arc;

use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

/// A Parquet file with these columns of texts, in groups of so many rows.
pub fn parquet(columns: &[(&str, Vec<ByteArray>)], group_rows: usize) -> Vec<u8> {
    let fields = columns
        .iter()
        .map(|(name, _)| format!("required binary {name} (UTF8);"));
    let schema = format!("message table {{ {} }}", fields.collect::<String>());
    let schema = Arc::new(parse_message_type(&schema).expect("a schema"));
    // One page however large, and every value as it is.
    let properties = WriterProperties::builder()
        .set_compression(Compression::GZIP(Default::default()))
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(1 << 30)
        .set_write_batch_size(group_rows)
        .build();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, schema, properties.into()).expect("opens");
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    for start in (0..rows).step_by(group_rows) {
        let mut group = writer.next_row_group().expect("a group");
        for (_, values) in columns {
            let mut column = group.next_column().expect("answers").expect("a column");
            let values = &values[start..rows.min(start + group_rows)];
            column
                .typed::<ByteArrayType>()
                .write_batch(values, None, None)
                .expect("written");
            column.close().expect("closed");
        }
        group.close().expect("closed");
    }
    writer.close().expect("closed");
    file
}

pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<ByteArray> {
    texts
        .into_iter()
        .map(|text| ByteArray::from(text.as_ref()))
        .collect()
}
