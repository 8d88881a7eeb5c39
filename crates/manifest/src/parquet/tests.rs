use std::{fs::File, sync::Arc};

use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::{
        metadata::{ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter},
        properties::WriterProperties,
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};

use super::*;

/// Groups of rows; a name is missing every third time.
fn written(schema: &str, rows: usize, groups: usize, compression: Compression) -> File {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let file = tempfile::tempfile().expect("a temporary file");
    let mut writer = SerializedFileWriter::new(
        file.try_clone().expect("a handle"),
        schema.clone(),
        properties.into(),
    )
    .expect("opens");
    for _ in 0..groups {
        let mut group = writer.next_row_group().expect("a group");
        for field in schema.get_fields() {
            let mut column = group.next_column().expect("answers").expect("a column");
            match field.name() {
                "url" => {
                    let urls: Vec<ByteArray> = (0..rows)
                        .map(|n| ByteArray::from(&*format!("http://a/{n}")))
                        .collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&urls, None, None)
                        .expect("written");
                }
                "custom_id" => {
                    let levels: Vec<i16> = (0..rows).map(|n| i16::from(n % 3 != 0)).collect();
                    let names: Vec<ByteArray> = (0..rows)
                        .filter(|n| n % 3 != 0)
                        .map(|n| ByteArray::from(&*format!("c{n}")))
                        .collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&names, Some(&levels), None)
                        .expect("written");
                }
                _ => {
                    let numbers: Vec<i64> = (0..rows as i64).collect();
                    column
                        .typed::<Int64Type>()
                        .write_batch(&numbers, None, None)
                        .expect("written");
                }
            }
            column.close().expect("closed");
        }
        group.close().expect("closed");
    }
    writer.close().expect("closed");
    file
}

const TABLE: &str = "message table { required int64 size; required binary url (UTF8); optional binary custom_id (UTF8); }";

fn rows(file: File) -> Result<Vec<Row>, String> {
    let mut all = Vec::new();
    let mut hand_out = |rows: Vec<Row>| {
        all.extend(rows);
        Ok(())
    };
    read(file, &mut hand_out).map_err(|error| error.to_string())?;
    Ok(all)
}

#[test]
fn two_columns_of_many_become_rows() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
    ] {
        let rows = rows(written(TABLE, 2_500, 2, compression)).expect("reads");
        assert_eq!(rows.len(), 5_000, "{compression:?}");
        let pairs =
            [0, 1, 2_500, 2_501].map(|at| (rows[at].custom_id.as_str(), rows[at].url.as_str()));
        assert_eq!(
            pairs,
            [
                ("1", "http://a/0"),
                ("c1", "http://a/1"),
                ("2501", "http://a/0"),
                ("c1", "http://a/1")
            ]
        );
    }
}

#[test]
fn what_is_no_such_table_is_refused() {
    let lacks = rows(written(
        "message table { required int64 size; }",
        3,
        1,
        Compression::UNCOMPRESSED,
    ));
    assert!(lacks.expect_err("is wrong").contains("no column `url`"));
    let whole = written(TABLE, 2_500, 1, Compression::SNAPPY);
    let bytes = whole.range(0, whole.bytes() as usize).expect("reads");
    let again = |bytes: &[u8]| {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), bytes).expect("written");
        std::panic::catch_unwind(|| rows(file.reopen().expect("opens")))
    };
    for cut in [0, 1, 7, bytes.len() / 2, bytes.len() - 1] {
        assert!(
            again(&bytes[..cut]).expect("no panic").is_err(),
            "cut at {cut}"
        );
    }
    // Whatever a broken byte does, it ends.
    for at in (0..bytes.len()).step_by(97) {
        let mut broken = bytes.to_vec();
        broken[at] ^= 0xff;
        let _ = again(&broken);
    }
}

#[test]
fn a_footer_that_names_its_groups_again_and_again_is_refused() {
    let file = written(TABLE, 1_000, 1, Compression::UNCOMPRESSED);
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(&Pieces::new(file.try_clone().expect("a handle")))
        .expect("a footer");
    let groups = vec![metadata.row_group(0).clone(); 10_000];
    let made_up = ParquetMetaDataBuilder::new(metadata.file_metadata().clone())
        .set_row_groups(groups)
        .build();
    // Behind the pages, which stay where they are.
    ParquetMetaDataWriter::new(&file, &made_up)
        .finish()
        .expect("written");
    let refused = rows(file).expect_err("ten million rows of a thousand");
    assert!(refused.contains("in the same place"), "{refused}");
}
