use std::io::Cursor;

use async_compression::{
    Level,
    tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder},
    zstd::CParameter,
};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::*;

macro_rules! packed {
    ($encoder:ident, $plain:expr) => {{
        let mut encoder = $encoder::new(Vec::new());
        fill(&mut encoder, $plain).await;
        encoder.into_inner()
    }};
}

async fn fill(encoder: &mut (impl AsyncWrite + Unpin), plain: &[u8]) {
    encoder.write_all(plain).await.expect("packs");
    encoder.shutdown().await.expect("packs");
}

async fn with_window(log: u32, plain: &[u8]) -> Vec<u8> {
    let parameters = [
        CParameter::window_log(log),
        CParameter::enable_long_distance_matching(true),
    ];
    let mut encoder = ZstdEncoder::with_quality_and_params(Vec::new(), Level::Fastest, &parameters);
    fill(&mut encoder, plain).await;
    encoder.into_inner()
}

fn budget() -> Budget {
    Budget::new(512 << 20)
}

async fn read(packed: Vec<u8>, said: Compression) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let mut unpacked = unpacked(Cursor::new(packed), said, &budget()).await?;
    unpacked.read_to_end(&mut plain).await?;
    Ok(plain)
}

async fn why(packed: Vec<u8>, said: Compression) -> String {
    let error = read(packed, said).await.expect_err("is refused");
    let why = NotUnpacked::of(&error);
    why.unwrap_or_else(|| panic!("{error} is the bytes' fault"))
        .to_string()
}

#[tokio::test]
async fn few_bytes_become_no_flood() {
    let bomb = packed!(ZstdEncoder, &vec![b'\n'; 64 << 20]);
    assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
    let said = why(bomb, Compression::Zstd).await;
    assert!(said.contains("200 times"), "{said}");
    let short = packed!(ZstdEncoder, &vec![b'\n'; 4 << 20]);
    let plain = read(short, Compression::Zstd).await.expect("short");
    assert_eq!(plain.len(), 4 << 20);
}

#[tokio::test]
async fn what_the_bytes_say_counts_for_more_than_what_is_said() {
    let gzip = packed!(GzipEncoder, b"url\n");
    let zstd = packed!(ZstdEncoder, b"url\n");
    let brotli = packed!(BrotliEncoder, b"url\n");
    for (packed, said) in [
        (gzip.clone(), Compression::None),
        (gzip.clone(), Compression::Zstd),
        (zstd.clone(), Compression::None),
        (brotli, Compression::Brotli),
        (b"url\n".to_vec(), Compression::Gzip),
        (b"url\n".to_vec(), Compression::None),
    ] {
        assert_eq!(
            read(packed, said).await.expect("reads"),
            b"url\n",
            "{said:?}"
        );
    }
    let filled_up = [&gzip[..], &[0; 1_000]].concat();
    assert_eq!(
        read(filled_up, Compression::Gzip).await.expect("reads"),
        b"url\n"
    );
    let members = [gzip.clone(), gzip].concat();
    assert_eq!(
        read(members, Compression::Gzip).await.expect("reads"),
        b"url\nurl\n"
    );
    let frames = [zstd.clone(), zstd].concat();
    assert_eq!(
        read(frames, Compression::Zstd).await.expect("reads"),
        b"url\nurl\n"
    );
}

/// `gzip` and browsers do the same.
#[tokio::test]
async fn bytes_behind_the_last_gzip_member_are_overlooked() {
    let gzip = packed!(GzipEncoder, b"url\n");
    let filled_up = [&gzip[..], &[0; 10]].concat();
    for rest in [&b"more"[..], b"\n", b"\x1fmore", b"\0\0more"] {
        let once = [&gzip[..], rest].concat();
        let plain = read(once, Compression::Gzip).await;
        assert_eq!(plain.expect("it came whole"), b"url\n", "{rest:?}");
        let twice = [&filled_up[..], &gzip, rest].concat();
        let plain = read(twice, Compression::Gzip).await;
        assert_eq!(plain.expect("both are read"), b"url\nurl\n", "{rest:?}");
    }
    let cut = [&gzip[..], &gzip[..gzip.len() - 6]].concat();
    assert!(why(cut, Compression::Gzip).await.contains("end too early"));
    let mut wrong = [&gzip[..], &gzip].concat();
    let crc = wrong.len() - 8;
    wrong[crc] ^= 0xff;
    assert!(why(wrong, Compression::Gzip).await.contains("broken"));
}

#[tokio::test]
async fn deflate_is_read_with_its_head_and_without() {
    let zlib = packed!(ZlibEncoder, b"url\n");
    let bare = packed!(DeflateEncoder, b"url\n");
    for mut unpacked in [
        decoded(Cursor::new(zlib), Compression::Deflate),
        bare_deflate(Cursor::new(bare)),
    ] {
        let mut plain = Vec::new();
        unpacked.read_to_end(&mut plain).await.expect("reads");
        assert_eq!(plain, b"url\n");
    }
}

#[tokio::test]
async fn a_large_window_is_read_where_there_is_room_for_it() {
    let text = "http://a.example/1.jpg\n".repeat(10);
    let large = with_window(27, text.as_bytes()).await;
    assert_eq!(window::bytes(&large), Some(128 << 20));
    let plain = read(large.clone(), Compression::Zstd).await;
    assert_eq!(plain.expect("reads"), text.as_bytes());
    let few = Budget::new(64 << 20);
    let error = match unpacked(Cursor::new(large.clone()), Compression::Zstd, &few).await {
        Ok(_) => panic!("there is no room"),
        Err(error) => error,
    };
    assert!(
        NotUnpacked::of(&error).is_none(),
        "it may be sent again: {error}"
    );
    assert!(error.to_string().contains("128 MiB"), "{error}");

    let larger = with_window(28, text.as_bytes()).await;
    let said = why(larger, Compression::Zstd).await;
    assert!(
        said.contains("256 MiB") && said.contains("--long=27"),
        "{said}"
    );
    let small = packed!(ZstdEncoder, b"url\n");
    let said = why([small, large].concat(), Compression::Zstd).await;
    assert!(said.contains("--long=27"), "{said}");
}

#[tokio::test]
async fn the_room_for_a_window_is_given_back() {
    let large = with_window(27, b"url\n").await;
    let budget = Budget::new(128 << 20);
    let unpacked = unpacked(Cursor::new(large), Compression::Zstd, &budget).await;
    let unpacked = unpacked.expect("there is room");
    assert!(budget.hold(1024).is_none(), "all of it is taken");
    drop(unpacked);
    assert!(budget.hold(128 << 20).is_some());
}

#[tokio::test]
async fn what_is_not_read_is_named() {
    for (head, name) in [
        (&b"BZh91AY&SY"[..], "bzip2"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (b"PK\x03\x04\x14\0\0\0\x08\0data/list.csv", "zip"),
        (
            b"PK\x03\x04\x14\0\x06\0\x08\0[Content_Types].xml",
            "it is no list, but a table of Excel (.xlsx): save it as CSV",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\n<!DOCTYPE html><html>", "HTML"),
        (b"%PDF-1.7", "PDF"),
    ] {
        let said = why(head.to_vec(), Compression::None).await;
        assert!(said.contains(name), "{said}");
    }
}

#[tokio::test]
async fn broken_bytes_are_told_from_bytes_that_do_not_come() {
    let lines: String = (0..5_000)
        .map(|number| format!("http://a.example/{number}\n"))
        .collect();
    let gzip = packed!(GzipEncoder, lines.as_bytes());
    let half = gzip[..gzip.len() / 2].to_vec();
    let said = why(half.clone(), Compression::Gzip).await;
    assert!(
        said.contains("gzip") && said.contains("end too early"),
        "{said}"
    );
    for (packed, compression) in [
        (packed!(ZstdEncoder, lines.as_bytes()), Compression::Zstd),
        (
            packed!(BrotliEncoder, lines.as_bytes()),
            Compression::Brotli,
        ),
        (packed!(ZlibEncoder, lines.as_bytes()), Compression::Deflate),
    ] {
        let said = why(packed[..packed.len() / 2].to_vec(), compression).await;
        assert!(said.contains("end too early"), "{said}");
    }
    let mut wrong = gzip.clone();
    let middle = wrong.len() / 2;
    wrong[middle..middle + 64].fill(0xff);
    let said = why(wrong, Compression::Gzip).await;
    assert!(said.contains("gzip") && said.contains("broken"), "{said}");
    let lost = tokio_util::io::StreamReader::new(futures_util::stream::iter([
        Ok(bytes::Bytes::from(half)),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ]));
    let mut unpacked = unpacked(lost, Compression::Gzip, &budget())
        .await
        .expect("begins");
    let error = unpacked
        .read_to_end(&mut Vec::new())
        .await
        .expect_err("is cut");
    assert!(NotUnpacked::of(&error).is_none(), "{error}");
}

#[tokio::test]
async fn other_tasks_have_their_turn_while_bytes_are_at_hand() {
    let bytes: u64 = 64 << 20;
    let plain = vec![b'\n'; bytes as usize];
    let reading = tokio::spawn(async {
        let mut plain = decoded(Cursor::new(plain), Compression::None);
        let mut buffer = vec![0; 256 << 10];
        while plain.read(&mut buffer).await.expect("reads") > 0 {}
    });
    let mut turns = 0;
    while !reading.is_finished() {
        tokio::task::yield_now().await;
        turns += 1;
    }
    assert!(turns >= bytes >> 21, "{turns} turns");
}
