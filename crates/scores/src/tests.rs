use std::sync::Arc;

use bytes::Bytes;
use common::wire::{ModelId, Scores};
use parquet::{
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::writer::SerializedFileWriter,
    schema::parser::parse_message_type,
};

use super::*;

fn row(place: u64) -> Row<'static> {
    Row {
        place,
        line: place + 7,
        custom_id: "사진-1",
        url: "http://a.example/1",
        image: r#"{"width":3}"#,
        model: "lite",
        version: "3",
        classes: u64::MAX - place,
        scores: &[1, 2, 0x80, 4],
    }
}

fn rows(places: std::ops::Range<u64>) -> Rows {
    let mut rows = Rows::default();
    places.for_each(|place| rows.push(row(place)));
    rows
}

fn read(bytes: Bytes) -> Result<Vec<u64>, TableError> {
    let mut places = Vec::new();
    for group in Table::open(bytes)?.groups() {
        for read in group?.iter() {
            let read = read?;
            assert_eq!(read, row(read.place));
            places.push(read.place);
        }
    }
    Ok(places)
}

#[test]
fn rows_come_back_in_their_order() {
    let mut writer = TableWriter::new().expect("a schema");
    writer.push(&rows(0..3)).expect("written");
    writer.push(&Rows::default()).expect("nothing to write");
    writer.push(&rows(3..1_500)).expect("written");
    let table = writer.finish().expect("whole");
    let all: Vec<u64> = (0..1_500).collect();
    assert_eq!(read(table).expect("read"), all);
    let empty = TableWriter::new().expect("a schema").finish();
    assert!(read(empty.expect("whole")).expect("read").is_empty());
}

#[test]
fn an_image_may_be_without_scores() {
    let model = ModelId {
        name: "lite".into(),
        version: "4".into(),
    };
    let scores = Scores {
        classes: 5,
        values: vec![9],
    };
    let with = row(1).scored(&model, Some(&scores));
    assert_eq!(
        (with.version, with.classes, with.scores),
        ("4", 5, &[9][..])
    );
    let without = row(1).scored(&model, None);
    assert_eq!((without.model, without.scores), ("lite", &[][..]));
}

/// A later version's table: one more column, and the others in another order.
#[test]
fn columns_are_found_by_name() {
    let schema = "message scores {
        optional binary embedding; required binary scores; required int64 classes; required binary version (UTF8);
        required binary model (UTF8); required binary image (UTF8); required binary url (UTF8);
        required binary custom_id (UTF8); required int64 line; required int64 place; }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).expect("opens");
    let mut group = file.next_row_group().expect("a group");
    let rows = rows(4..5);
    let mut write =
        |texts: Option<&[ByteArray]>, numbers: Option<&[i64]>, levels: Option<&[i16]>| {
            let mut column = group.next_column().expect("answers").expect("a column");
            if let Some(texts) = texts {
                let typed = column.typed::<ByteArrayType>();
                typed.write_batch(texts, levels, None).expect("written");
            }
            if let Some(numbers) = numbers {
                let typed = column.typed::<Int64Type>();
                typed.write_batch(numbers, None, None).expect("written");
            }
            column.close().expect("closed");
        };
    write(Some(&[]), None, Some(&[0]));
    write(Some(&rows.scores), None, None);
    write(None, Some(&rows.classes), None);
    for column in [
        &rows.versions,
        &rows.models,
        &rows.images,
        &rows.urls,
        &rows.custom_ids,
    ] {
        write(Some(column), None, None);
    }
    write(None, Some(&rows.lines), None);
    write(None, Some(&rows.places), None);
    group.close().expect("closed");
    let table = file.into_inner().expect("whole");
    assert_eq!(read(table.into()).expect("read"), [4]);
}

#[test]
fn what_is_no_table_is_an_error() {
    assert!(read(Bytes::from_static(b"nonsense")).is_err());
    let other = parse_message_type("message scores { required binary place; }").expect("a schema");
    let file = SerializedFileWriter::new(Vec::new(), Arc::new(other), Arc::default());
    let file = file.expect("opens").into_inner().expect("whole");
    assert!(matches!(read(file.into()), Err(TableError::Column(_))));
}
