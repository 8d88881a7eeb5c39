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
    read(file, &Columns::default(), &mut hand_out).map_err(|error| error.to_string())?;
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
            [0, 1, 2_500, 2_501].map(|at| (rows[at].custom_id.as_deref(), rows[at].url.as_str()));
        assert_eq!(
            pairs,
            [
                (None, "http://a/0"),
                (Some("c1"), "http://a/1"),
                (None, "http://a/0"),
                (Some("c1"), "http://a/1")
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

/// One column of names of that type, and what becomes of each.
fn names<T: parquet::data_type::DataType>(
    field: &str,
    values: &[T::T],
) -> Result<Vec<Row>, String> {
    let schema = format!("message table {{ required {field}; required binary url (UTF8); }}");
    let schema = Arc::new(parse_message_type(&schema).expect("a schema"));
    let file = tempfile::tempfile().expect("a temporary file");
    let handle = file.try_clone().expect("a handle");
    let mut writer = SerializedFileWriter::new(handle, schema, Default::default()).expect("opens");
    let mut group = writer.next_row_group().expect("a group");
    let mut ids = group.next_column().expect("answers").expect("a column");
    ids.typed::<T>()
        .write_batch(values, None, None)
        .expect("written");
    ids.close().expect("closed");
    let mut urls = group.next_column().expect("answers").expect("a column");
    let url = vec![ByteArray::from("http://a/"); values.len()];
    urls.typed::<ByteArrayType>()
        .write_batch(&url, None, None)
        .expect("written");
    urls.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");
    rows(file)
}

fn ids(rows: Result<Vec<Row>, String>) -> Vec<String> {
    let rows = rows.expect("reads");
    rows.into_iter()
        .map(|row| row.custom_id.expect("a name"))
        .collect()
}

#[test]
fn names_of_every_type_are_exact() {
    use parquet::data_type::{BoolType, FixedLenByteArrayType, Int32Type};
    let unsigned = names::<Int64Type>("int64 id (INTEGER(64,false))", &[-1, 7]);
    assert_eq!(ids(unsigned), ["18446744073709551615", "7"]);
    let small = names::<Int32Type>("int32 id (INTEGER(32,false))", &[-1]);
    assert_eq!(ids(small), ["4294967295"]);
    let signed = names::<Int64Type>("int64 id", &[i64::MIN]);
    assert_eq!(ids(signed), ["-9223372036854775808"]);
    let decimal = names::<Int64Type>("int64 id (DECIMAL(18,2))", &[-5, 123_456]);
    assert_eq!(ids(decimal), ["-0.05", "1234.56"]);
    let wide = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let wide = names::<FixedLenByteArrayType>(
        "fixed_len_byte_array(16) id (DECIMAL(38,0))",
        &[ByteArray::from(wide).into()],
    );
    assert_eq!(ids(wide), ["18446744073709551616"]);
    let uuid: Vec<u8> = (0..16).collect();
    let uuid = names::<FixedLenByteArrayType>(
        "fixed_len_byte_array(16) id (UUID)",
        &[ByteArray::from(uuid).into()],
    );
    assert_eq!(ids(uuid), ["00010203-0405-0607-0809-0a0b0c0d0e0f"]);
    let flags = names::<BoolType>("boolean id", &[true, false]);
    assert_eq!(ids(flags), ["true", "false"]);
}

#[test]
fn names_that_have_no_exact_text_are_refused_by_name() {
    use parquet::data_type::{DoubleType, Int32Type};
    for (refused, what) in [
        (names::<DoubleType>("double id", &[0.1]), "fractions"),
        (names::<Int32Type>("int32 id (DATE)", &[1]), "dates"),
        (
            names::<Int64Type>("int64 id (TIMESTAMP(MILLIS,true))", &[1]),
            "times",
        ),
    ] {
        let why = refused.expect_err("is refused");
        assert!(why.contains("`id`") && why.contains(what), "{why}");
    }
}

#[test]
fn a_row_without_a_url_costs_itself_alone_and_a_path_leads_into_a_group() {
    let schema = "message table { optional group image { optional binary url (UTF8); } }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let file = tempfile::tempfile().expect("a temporary file");
    let handle = file.try_clone().expect("a handle");
    let mut writer = SerializedFileWriter::new(handle, schema, Default::default()).expect("opens");
    let mut group = writer.next_row_group().expect("a group");
    let mut urls = group.next_column().expect("answers").expect("a column");
    let values = [ByteArray::from("http://a/"), ByteArray::from(vec![0xff])];
    let levels = [2, 1, 0, 2];
    urls.typed::<ByteArrayType>()
        .write_batch(&values, Some(&levels), None)
        .expect("written");
    urls.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");
    let why = rows(file.try_clone().expect("a handle")).expect_err("no such column");
    assert!(
        why.contains("`image.url`") && why.contains("url_column"),
        "{why}"
    );
    let columns = Columns {
        url: Some("image.url".to_owned()),
        id: None,
    };
    let mut all = Vec::new();
    let hand_out = |rows: Vec<Row>| {
        all.extend(rows);
        Ok(())
    };
    read(file, &columns, hand_out).expect("reads");
    let wrong: Vec<_> = all
        .iter()
        .map(|row| row.wrong.as_deref().unwrap_or(""))
        .collect();
    assert_eq!(
        wrong,
        [
            "",
            "its url is null",
            "its url is null",
            "its image.url is not UTF-8"
        ]
    );
    assert_eq!(all[0].url, "http://a/");
}

#[test]
fn a_column_without_a_value_names_nobody() {
    use parquet::data_type::Int32Type;
    let schema = "message table { optional int32 id (UNKNOWN); required binary url (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let file = tempfile::tempfile().expect("a temporary file");
    let handle = file.try_clone().expect("a handle");
    let mut writer = SerializedFileWriter::new(handle, schema, Default::default()).expect("opens");
    let mut group = writer.next_row_group().expect("a group");
    let mut ids = group.next_column().expect("answers").expect("a column");
    ids.typed::<Int32Type>()
        .write_batch(&[], Some(&[0, 0]), None)
        .expect("written");
    ids.close().expect("closed");
    let mut urls = group.next_column().expect("answers").expect("a column");
    urls.typed::<ByteArrayType>()
        .write_batch(
            &[ByteArray::from("http://a/"), ByteArray::from("http://b/")],
            None,
            None,
        )
        .expect("written");
    urls.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");
    let rows = rows(file).expect("reads");
    assert!(
        rows.iter()
            .all(|row| row.custom_id.is_none() && row.wrong.is_none())
    );
}

#[test]
fn what_cannot_be_read_is_said_in_our_own_words() {
    let file = |bytes: &[u8]| {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), bytes).expect("written");
        rows(file.reopen().expect("opens")).expect_err("is refused")
    };
    assert!(file(b"id,url\n1,http://a/\n").contains("no Parquet file"));
    let whole = written(TABLE, 2_500, 1, Compression::SNAPPY);
    let bytes = whole.range(0, whole.bytes() as usize).expect("reads");
    let cut = file(&bytes[..bytes.len() - 30]);
    assert!(
        cut.contains("damaged") && !cut.contains("Parquet error"),
        "{cut}"
    );
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(&Pieces::new(whole.try_clone().expect("a handle")))
        .expect("a footer");
    let group = metadata.row_group(0);
    let columns = group.columns().iter().map(|column| {
        let column = column.clone().into_builder();
        let packed = column.set_compression(Compression::LZ4_RAW);
        packed.build().expect("a column")
    });
    let packed = group
        .clone()
        .into_builder()
        .set_column_metadata(columns.collect());
    let said_so = ParquetMetaDataBuilder::new(metadata.file_metadata().clone())
        .set_row_groups(vec![packed.build().expect("a group")])
        .build();
    ParquetMetaDataWriter::new(&whole, &said_so)
        .finish()
        .expect("written");
    let lz4 = rows(whole).expect_err("is packed otherwise");
    assert!(
        lz4.contains("packed with lz4") && lz4.contains("zstd"),
        "{lz4}"
    );
}

/// A codec's error is no outage: what is damaged is refused at once, and in our own words.
#[test]
fn a_damaged_page_is_no_outage() {
    for compression in [
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
    ] {
        let whole = written(TABLE, 2_500, 1, compression);
        let bytes = whole.range(0, whole.bytes() as usize).expect("reads");
        let mut bytes = bytes.to_vec();
        let length = bytes.len();
        bytes[length * 4 / 10..length * 5 / 10].fill(0);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), bytes).expect("written");
        let file = file.reopen().expect("opens");
        let refused = read(file, &Columns::default(), |_| Ok(())).expect_err("is refused");
        assert!(matches!(refused, ListError::Content(_)), "{refused:?}");
        assert!(refused.to_string().contains("damaged"), "{refused}");
    }
}

#[test]
fn a_name_that_can_be_none_is_not_passed_over() {
    let schema =
        "message table { required group id { required int64 a; } required binary url (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let file = tempfile::tempfile().expect("a temporary file");
    let handle = file.try_clone().expect("a handle");
    let mut writer = SerializedFileWriter::new(handle, schema, Default::default()).expect("opens");
    let mut group = writer.next_row_group().expect("a group");
    let mut ids = group.next_column().expect("answers").expect("a column");
    ids.typed::<Int64Type>()
        .write_batch(&[7], None, None)
        .expect("written");
    ids.close().expect("closed");
    let mut urls = group.next_column().expect("answers").expect("a column");
    urls.typed::<ByteArrayType>()
        .write_batch(&[ByteArray::from("http://a/")], None, None)
        .expect("written");
    urls.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");
    let read_with = |id: Option<&str>| {
        let columns = Columns {
            url: None,
            id: id.map(str::to_owned),
        };
        let mut ids = Vec::new();
        let hand_out = |rows: Vec<Row>| {
            ids.extend(rows.into_iter().map(|row| row.custom_id));
            Ok(())
        };
        let read = read(file.try_clone().expect("a handle"), &columns, hand_out);
        read.map(|()| ids).map_err(|error| error.to_string())
    };
    let why = read_with(None).expect_err("an object");
    assert!(why.contains("`id` holds lists or objects"), "{why}");
    assert_eq!(read_with(Some("id.a")), Ok(vec![Some("7".to_owned())]));
    let why = read_with(Some("none")).expect_err("is not there");
    assert!(why.contains("no column `none`"), "{why}");
}
