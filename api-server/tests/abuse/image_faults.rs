//! Files that are no image, or one that nobody should decode; each comes as
//! bytes, as base64 and by URL, and is answered alike.

use std::{
    io::{Read, repeat},
    sync::LazyLock,
    time::Duration,
};

use image::ImageFormat;
use libtest_mimic::Trial;
use testing::pictures::{
    self, deflate, encoded, gif_of, header_only, insert_chunk, many_scans, photo, quarters,
};

use crate::{
    suite::{Suite, case},
    support::{
        decoder::{ABORT, HANG, PANIC},
        reply::Reply,
    },
};

/// As many have turns, and as many again are kept ready (`--prepare-processes 2`).
const KEPT_DECODERS: usize = 4;
/// A client asks so often what a file is.
const TRIES: usize = 5;

pub fn cases() -> Vec<Trial> {
    vec![
        fault(
            "html_named_jpg",
            || b"<!doctype html><title>Not found</title>".into(),
            "unsupported_format",
        ),
        fault(
            "svg",
            || b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".into(),
            "unsupported_format",
        ),
        fault(
            "zip",
            || b"PK\x03\x04\x14\0\0\0\x08\0".into(),
            "unsupported_format",
        ),
        fault(
            "exr",
            || b"\x76\x2f\x31\x01\x02\0\0\0channels\0".into(),
            "unsupported_format",
        ),
        fault(
            "text_that_begins_like_a_bitmap",
            || b"BMW, a car maker, not a bitmap".into(),
            "unsupported_format",
        ),
        fault(
            "png_of_100000_squared",
            || header_only(100_000, 100_000),
            "image_too_large",
        ),
        fault(
            "sixty_five_bytes_of_16384_squared",
            sixty_five_bytes,
            "image_too_large",
        ),
        fault("one_by_65535", || header_only(1, 65_535), "bad_aspect"),
        fault("zero_by_zero", || header_only(0, 0), "image_invalid"),
        fault("gif_of_10000_frames", || gif_of(10_000), "too_many_frames"),
        fault(
            "itxt_bomb",
            || bomb(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"),
            "image_invalid",
        ),
        fault(
            "ztxt_bomb",
            || bomb(b"zTXt", b"Comment\0\0"),
            "image_invalid",
        ),
        fault(
            "profile_bomb",
            || bomb(b"iCCP", b"profile\0\0"),
            "image_invalid",
        ),
        fault("pixel_bomb", pixel_bomb, "image_too_large"),
        fault("bad_crc", bad_crc, "image_invalid"),
        fault(
            "truncated_jpeg",
            || half(photo(640, 480)),
            "image_truncated",
        ),
        fault(
            "truncated_jpeg_header",
            || photo(640, 480)[..300].into(),
            "image_truncated",
        ),
        fault(
            "truncated_png",
            || half(encoded(quarters(64, 64), ImageFormat::Png)),
            "image_truncated",
        ),
        fault(
            "progressive_scan_bomb",
            || many_scans(&quarters(64, 64), 10_000),
            "decode_timeout",
        ),
        fault(
            "slow_progressive_scans",
            || many_scans(&quarters(4_000, 3_000), 250),
            "decode_timeout",
        ),
        fault(
            "webp_frame_beyond_its_canvas",
            || pictures::extended_webp(64, 16_383),
            "image_invalid",
        ),
        panic(),
        fault("decoder_aborts", || ABORT.into(), "image_invalid"),
        fault("decoder_hangs", || HANG.into(), "decode_timeout"),
    ]
}

/// `file` is made when it is needed: all at once, they would be many.
fn fault(name: &str, file: fn() -> Vec<u8>, code: &'static str) -> Trial {
    case(format!("image/{name}"), async move |suite: &Suite| {
        refused(suite, &file(), code).await
    })
}

/// Posts a file until something is said of it. Where others leave a decoder no time, a client asks again.
async fn judged(suite: &Suite, file: &[u8]) -> [(&'static str, Reply); 4] {
    let mut replies = suite.post_file(file).await;
    for _ in 1..TRIES {
        if !replies.iter().any(|(_, reply)| had_no_time(reply)) {
            break;
        }
        replies = suite.post_file(file).await;
    }
    replies
}

fn had_no_time(reply: &Reply) -> bool {
    ["overloaded", "deadline_exceeded"].contains(&reply.json["code"].as_str().unwrap_or_default())
}

async fn refused(suite: &Suite, file: &[u8], code: &str) {
    for (way, reply) in judged(suite, file).await {
        assert_eq!(
            (reply.status, &reply.json["code"]),
            (422, &code.into()),
            "{way}: {}",
            reply.json
        );
        reply.is_problem(422, code);
        assert_eq!(
            (&reply.json["stage"], &reply.json["retryable"]),
            (&"prepare".into(), &false.into()),
            "{way}"
        );
    }
    suite.is_tagged(&photo(64, 64)).await;
}

/// No process is lost: not the server, and not even the one that decodes.
fn panic() -> Trial {
    case("image/decoder_panics", async |suite: &Suite| {
        let before = settled_decoders(suite).await;
        refused(suite, PANIC, "image_invalid").await;
        assert_eq!(settled_decoders(suite).await, before);
        assert!(
            suite
                .server
                .log()
                .contains("as a hostile file would make it"),
            "the log tells of it"
        );
    })
}

/// Returns the decoders once those that an earlier case broke are replaced, and those that were started beside them are gone.
async fn settled_decoders(suite: &Suite) -> Vec<u32> {
    let settled = async {
        loop {
            let decoders = suite.server.decoders();
            if decoders.len() == KEPT_DECODERS {
                return decoders;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(20);
    let decoders = tokio::time::timeout(patience, settled).await;
    decoders.unwrap_or_else(|_| panic!("decoders: {:?}", suite.server.decoders()))
}

fn sixty_five_bytes() -> Vec<u8> {
    let file = header_only(16_384, 16_384);
    assert_eq!(file.len(), 65);
    file
}

/// A megabyte that inflates to a gigabyte.
static GIGABYTE: LazyLock<Vec<u8>> = LazyLock::new(|| deflate(repeat(b' ').take(1 << 30)));

/// A good picture with such a chunk.
fn bomb(chunk: &[u8; 4], before: &[u8]) -> Vec<u8> {
    insert_chunk(
        &encoded(quarters(64, 64), ImageFormat::Png),
        chunk,
        &[before, &GIGABYTE].concat(),
    )
}

/// Within the limit of pixels, and a hundred kilobytes for a gigabyte of them.
fn pixel_bomb() -> Vec<u8> {
    pictures::png_of_zeros(10_000, 10_000)
}

fn bad_crc() -> Vec<u8> {
    let mut png = encoded(quarters(64, 64), ImageFormat::Png);
    png[30] ^= 1;
    png
}

fn half(file: Vec<u8>) -> Vec<u8> {
    file[..file.len() / 2].into()
}
