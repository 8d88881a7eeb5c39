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
    const ICON: &[u8] = b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\0\x04\0\0\x16\0\0\0";
    let jxl: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";
    let files: [(&[u8], Reason, &str); 20] = [
        (jxl, Reason::JpegXl, "a JPEG XL picture"),
        (b"\xff\x0a\xfa\x1f", Reason::JpegXl, "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n", Reason::Jpeg2000, "JPEG 2000"),
        (b"\x76\x2f\x31\x01\x02\0\0\0", Reason::Exr, "OpenEXR"),
        (b"8BPS\0\x01", Reason::Psd, "Photoshop"),
        (ICON, Reason::Icon, "icon"),
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
    for length in 2..10 {
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

#[test]
fn what_lies_among_photos_is_named() {
    let tar = [&[b'a'; 257][..], b"ustar\x0000"].concat();
    let packets: Vec<u8> = (0..4 * 188)
        .map(|at| if at % 188 == 0 { 0x47 } else { 1 })
        .collect();
    let targa = [
        &[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 64, 0, 24, 32],
        &[9; 100][..],
    ]
    .concat();
    let files: [(&[u8], Reason, &str); 12] = [
        (
            b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
            Reason::Unknown,
            "AppleDouble",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0",
            Reason::Unknown,
            "Thumbs.db",
        ),
        (
            b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
            Reason::Video,
            "WMV",
        ),
        (&packets, Reason::Video, "transport stream"),
        (b"icns\0\0\x10\0ic07", Reason::Icon, "macOS"),
        (b"II\x1a\0\0\0HEAPCCDR\x02\0", Reason::CameraRaw, "CRW"),
        (b"\0MRM\0\0\x10\0\0PRD", Reason::CameraRaw, "MRW"),
        (b"BZh91AY&SY", Reason::Archive, "bzip2"),
        (b"\xfd7zXZ\0\0\x04", Reason::Archive, "xz"),
        (&tar, Reason::Archive, "tar"),
        (b"P6\n640 480\n255\n\0\x01", Reason::Unknown, "Netpbm"),
        (&targa, Reason::Unknown, "Targa"),
    ];
    for (file, reason, words) in files {
        is_named(file, reason, words);
    }
}

#[test]
fn pages_are_known_without_their_first_element() {
    for page in [
        "<title>404 &amp; gone</title><p>sorry",
        "<!-- made by hand --><title>404 &amp; gone</title>",
        "<script>x()</script><title>404 &amp; gone</title>",
        "<!doctype html><html><title>404 &amp; gone</title><svg class=\"logo\"/></html>",
    ] {
        is_named(page.as_bytes(), Reason::Html, "titled “404 & gone”");
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let letters = page.encode_utf16().flat_map(order);
            order(0xfeff).into_iter().chain(letters).collect()
        };
        for text in [wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            is_named(&text, Reason::Html, "titled “404 & gone”");
        }
    }
    let old = b"<html><title>caf\xe9</title>";
    is_named(old, Reason::Html, "an HTML page");
}

#[test]
fn a_text_that_holds_a_picture_says_what_to_do() {
    let base64 = b"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQE";
    is_named(base64, Reason::Text, "a picture in base64");
    is_named(
        b"data:image/png;base64,iVBORw0KGgo=",
        Reason::Text,
        "a `data:` URL",
    );
    is_named(
        b"[2026-12-01 10:00] GET /cat.jpg 404",
        Reason::Text,
        "plain text",
    );
    is_named(b"[1, 2, 3]", Reason::Json, "a JSON document");
    is_named(b"[{\"url\": 1}]", Reason::Json, "a JSON document");
    is_named(b" \n ", Reason::Text, "nothing but blanks");
    is_named(b"x", Reason::Unknown, "no format that is known");
}

#[test]
fn a_format_that_shares_jpegs_beginning_is_named() {
    let file =
        b"\xff\xd8\xff\xf7\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\0\0";
    let spec = crate::tests::SPEC;
    let fault = crate::tile(file, spec, &crate::tests::LIMITS).expect_err("another format");
    assert_eq!(
        (fault.code, fault.reason),
        (Code::UnsupportedFormat, Some(Reason::Feature))
    );
    assert!(fault.detail.contains("JPEG-LS"), "{}", fault.detail);
}

#[test]
fn rare_pictures_are_named() {
    let dicom = [&[0; 128][..], b"DICM\x02\0"].concat();
    let emf = [b"\x01\0\0\0\x6c\0\0\0", &[0; 32][..], b" EMF\0\0\x01\0"].concat();
    let mut pcx = vec![0; 128];
    pcx[..4].copy_from_slice(&[0x0a, 5, 1, 8]);
    pcx[65] = 3;
    let bare: &[u8] = b"\x28\0\0\0\x40\0\0\0\x40\0\0\0\x01\0\x18\0\0\0\0\0";
    let files: [(&[u8], &str); 15] = [
        (b"II\xbc\x01\x20\0\0\0", "JPEG XR"),
        (b"\x8aMNG\r\n\x1a\n\0\0\0\x1cMHDR", "MNG"),
        (b"\x8bJNG\r\n\x1a\n\0\0\0\x10JHDR", "JNG"),
        (b"DDS \x7c\0\0\0\x07\x10\x0a\0", "DDS"),
        (b"qoif\0\0\0\x40\0\0\0\x40\x03\0", "QOI"),
        (b"\xd7\xcd\xc6\x9a\0\0\0\0", "WMF"),
        (b"\x01\0\x09\0\0\x03\x20\0\0\0", "WMF"),
        (&emf, "EMF"),
        (&pcx, "PCX"),
        (&dicom, "DICOM"),
        (bare, "DIB"),
        (b"gimp xcf v011\0\0\0", "XCF"),
        (
            b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n",
            "Radiance",
        ),
        (b"AT&TFORM\0\0\x01\0DJVU", "DjVu"),
        (b"\x01\xda\x01\x01\0\x03", "SGI"),
    ];
    for (file, words) in files {
        is_named(file, Reason::Unknown, words);
    }
    is_named(b"DDS is a kind of texture.", Reason::Text, "plain text");
    is_named(b"qoif is a kind of picture.", Reason::Text, "plain text");
}

#[test]
fn packets_of_a_film_are_known_with_and_without_times() {
    let packets = |count: usize, length: usize, first: usize| -> Vec<u8> {
        let is_first = |at: &usize| at % length == first;
        let bytes = 0..count * length;
        bytes
            .map(|at| if is_first(&at) { 0x47 } else { 0 })
            .collect()
    };
    for (count, length, first) in [(2, 188, 0), (4, 188, 0), (2, 192, 4), (4, 192, 4)] {
        let film = packets(count, length, first);
        is_named(&film, Reason::Video, "transport stream");
    }
    let mut cut = packets(9, 188, 0);
    cut.truncate(1_000);
    is_named(&cut, Reason::Video, "transport stream");
    is_named(&packets(1, 188, 0), Reason::Unknown, "no format");
}

#[test]
fn a_picture_that_was_taken_for_text_says_so() {
    for file in [
        b"\x89PNG\n\x1a\n\0\0\0\rIHDR".as_slice(),
        b"\x89PNG\r\r\n\x1a\r\n\0\0\0\rIHDR",
        b"\x89PNG\r\x1a\r\0\0\0\rIHDR",
        b"\x09PNG\r\n\x1a\n\0\0\0\rIHDR",
    ] {
        is_named(file, Reason::Text, "ends of lines");
    }
    let as_text = |file: &[u8]| String::from_utf8_lossy(file).into_owned().into_bytes();
    let png = as_text(&header_only(8, 8));
    is_named(&png, Reason::Text, "a PNG that a program has read as text");
    let jpeg = pictures::photo(8, 8);
    is_named(
        &as_text(&jpeg),
        Reason::Text,
        "a JPEG that a program has read as text",
    );
    let as_letters: String = jpeg.iter().map(|byte| char::from(*byte)).collect();
    is_named(
        as_letters.as_bytes(),
        Reason::Text,
        "a JPEG that a program has read as text",
    );
}

#[test]
fn a_picture_behind_a_text_says_so() {
    let jpeg = pictures::photo(8, 8);
    let png = header_only(8, 8);
    let gif = pictures::gif_of(1);
    let behind = |text: &str, picture: &[u8]| [text.as_bytes(), picture].concat();
    let http = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n";
    is_named(
        &behind(http, &jpeg),
        Reason::Text,
        "a JPEG behind the headers of an HTTP response",
    );
    let form = "--abc\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n";
    is_named(
        &behind(form, &png),
        Reason::Text,
        "a PNG behind the headers of a form",
    );
    let warning = "<br />\n<b>Warning</b>: foo in <b>x.php</b> on line 3<br />\n";
    is_named(
        &behind(warning, &jpeg),
        Reason::Text,
        "a JPEG behind 59 bytes of text",
    );
    is_named(
        &behind("\u{feff}", &png),
        Reason::Text,
        "a PNG behind 3 bytes of text",
    );
    is_named(
        &behind("\r\n", &gif),
        Reason::Text,
        "a GIF behind 2 bytes of text",
    );
    is_named(
        b"GIF is short for GIF89a, they say.",
        Reason::Text,
        "plain text",
    );
}
