use super::*;
use testing::pictures::{self, header_only};

#[track_caller]
fn is_named(bytes: &[u8], reason: Reason, words: &str) {
    let fault = sniff(bytes).expect_err("no image that is read");
    assert_eq!(
        (fault.code, fault.reason),
        (Code::UnsupportedFormat, Some(reason)),
        "{fault:?}"
    );
    assert!(fault.detail.contains(words), "{}", fault.detail);
    assert!(fault.detail.contains(READABLE), "{}", fault.detail);
    assert!(fault.detail.len() <= 400, "{}", fault.detail);
}

fn branded(brands: &str) -> Vec<u8> {
    let length = (8 + brands.len()) as u32;
    [
        &length.to_be_bytes(),
        b"ftyp".as_slice(),
        brands.as_bytes(),
        &[0; 32],
    ]
    .concat()
}

#[test]
fn what_is_read_is_known_by_its_first_bytes() {
    assert_eq!(sniff(&header_only(1, 1)), Ok(Format::Png));
    assert_eq!(sniff(&pictures::photo(8, 8)), Ok(Format::Jpeg));
    for (brands, format) in [
        ("heic\0\0\0\0mif1heic", Format::Heic),
        ("mif1\0\0\0\0mif1heix", Format::Heic),
        ("mif1\0\0\0\0mif1avifmiaf", Format::Avif),
        ("avif\0\0\0\0", Format::Avif),
        ("crx \0\0\0\0crx isom", Format::Raw),
    ] {
        assert_eq!(sniff(&branded(brands)), Ok(format), "{brands:?}");
    }
}

#[test]
fn other_files_are_named() {
    let jxl: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";
    let files: [(&[u8], Reason, &str); 20] = [
        (jxl, Reason::JpegXl, "a JPEG XL picture"),
        (b"\xff\x0a\xfa\x1f", Reason::JpegXl, "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n", Reason::Jpeg2000, "JPEG 2000"),
        (b"\x76\x2f\x31\x01\x02\0\0\0", Reason::Exr, "OpenEXR"),
        (b"8BPS\0\x01", Reason::Psd, "Photoshop"),
        (b"\0\0\x01\0\x01\0\x10\x10", Reason::Icon, "icon"),
        (b"%PDF-1.7\n", Reason::Pdf, "a PDF document"),
        (b"PK\x03\x04\x14\0", Reason::Archive, "a ZIP archive"),
        (b"\x1a\x45\xdf\xa3\x01", Reason::Video, "WebM"),
        (b"RIFF\0\0\0\0AVI LIST", Reason::Video, "AVI"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Reason::Video, "QuickTime"),
        (b"<svg xmlns='x'/>", Reason::Svg, "an SVG drawing"),
        (
            b"<?xml version='1.0'?>\n<!-- a --><svg/>",
            Reason::Svg,
            "an SVG drawing",
        ),
        (
            b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
            Reason::Xml,
            "an XML document",
        ),
        (
            b"{\"error\":\"not found\"}",
            Reason::Json,
            "a JSON document",
        ),
        (b"\xef\xbb\xbf [1]", Reason::Json, "a JSON document"),
        (b"404 page not found", Reason::Text, "plain text"),
        ("찾을 수 없".as_bytes(), Reason::Text, "plain text"),
        (
            b"BMW, a car maker, not a bitmap",
            Reason::Text,
            "plain text",
        ),
        (b"\x01\x02\x03", Reason::Unknown, "no format that is known"),
    ];
    for (file, reason, words) in files {
        is_named(file, reason, words);
    }
    is_named(&branded("isom\0\0\0\0mp42"), Reason::Video, "an MP4 film");
    is_named(&branded("qt  \0\0\0\0"), Reason::Video, "a QuickTime film");
    // Wherever a letter is cut in two.
    for length in 1..10 {
        is_named(&"한국어로".as_bytes()[..length], Reason::Text, "plain text");
    }
}

#[test]
fn a_pages_title_is_told_in_few_words() {
    let page = b"\n<!DOCTYPE HTML><html><head><TITLE lang=en>\n 403\tForbidden </TITLE>";
    is_named(page, Reason::Html, "an HTML page, titled “403 Forbidden”.");
    is_named(b"<html><title></title>", Reason::Html, "an HTML page.");
    let endless = format!("<html><title>{}", "\u{1b}[31mé".repeat(2_000));
    is_named(endless.as_bytes(), Reason::Html, "titled");
    for length in 0..endless.len().min(300) {
        let _ = sniff(&endless.as_bytes()[..length]);
    }
}

#[test]
fn nothing_is_a_code_of_its_own() {
    assert_eq!(sniff(b"").expect_err("no bytes").code, Code::EmptyImage);
}
