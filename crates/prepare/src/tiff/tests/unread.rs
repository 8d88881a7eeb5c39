//! What is not read is called by its name.

use super::*;

#[track_caller]
fn is_named(page: Page, words: &str) {
    let fault = refused(&tiff(&[page]));
    assert_eq!(
        (fault.code, fault.reason),
        (Code::UnsupportedFormat, Some(Reason::Feature)),
        "{words}: {fault:?}"
    );
    assert!(fault.detail.contains(words), "{}", fault.detail);
    assert!(fault.detail.len() < 200, "{}", fault.detail);
}

#[test]
fn a_rare_compression_is_named() {
    for (number, words) in [
        (2, "modified Huffman"),
        (3, "CCITT Group 3"),
        (6, "JPEG compression of the old kind"),
        (34_887, "LERC"),
        (34_925, "LZMA"),
        (34_712, "JPEG 2000"),
        (50_000, "zstd"),
        (50_001, "WebP"),
        (50_002, "JPEG XL"),
        (12_345, "a compression that is unknown"),
    ] {
        is_named(Page::new(2, 8, 3, rgb()).with(259, SHORT, &[number]), words);
    }
}

#[test]
fn rare_colours_are_named() {
    let grey = vec![7; (SIDE * SIDE) as usize];
    is_named(Page::new(8, 8, 3, rgb()), "Lab colours");
    is_named(Page::new(9, 8, 3, rgb()), "Lab colours");
    is_named(Page::new(4, 1, 1, grey.clone()), "a mask");
    is_named(Page::new(6, 8, 3, rgb()), "YCbCr colours without JPEG");
    is_named(Page::new(32_845, 8, 3, rgb()), "a kind that is unknown");
    is_named(
        Page::new(3, 16, 1, grey).with(320, SHORT, &[7; 9]),
        "16 bits",
    );
}

#[test]
fn rare_samples_are_named() {
    let data = || vec![7; (SIDE * SIDE) as usize * 24];
    let of_format =
        |bits: u32, format: u32| Page::new(2, bits, 3, data()).with(339, SHORT, &[format; 3]);
    is_named(of_format(8, 2), "signed numbers of 8 bits");
    is_named(of_format(16, 2), "signed numbers of 16 bits");
    is_named(of_format(16, 3), "floating-point numbers of 16 bits");
    is_named(of_format(64, 3), "floating-point numbers of 64 bits");
    is_named(of_format(64, 6), "complex numbers");
    is_named(Page::new(2, 12, 3, data()), "12 bits in a sample");
    is_named(Page::new(2, 64, 3, data()), "64 bits in a sample");
    let grey = Page::new(1, 32, 1, data()).with(339, SHORT, &[3]);
    is_named(grey, "grey in floating-point numbers");
    let uneven = Page::new(2, 8, 3, data()).with(258, SHORT, &[5, 6, 5]);
    is_named(uneven, "several numbers of bits");
    let mixed = Page::new(2, 8, 3, data()).with(339, SHORT, &[1, 2, 1]);
    is_named(mixed, "several kinds");
}
