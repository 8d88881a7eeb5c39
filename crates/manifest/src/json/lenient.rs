//! What other languages write as JSON, and JSON does not know.

/// Python and JavaScript write them for what is no number.
const NO_NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

/// Returns the text with `null` in place of what is no number, if there is such a thing outside of quotation marks.
pub fn without_nan(json: &[u8]) -> Option<Vec<u8>> {
    let has = |word: &[u8]| memchr::memmem::find(json, word).is_some();
    if !has(b"NaN") && !has(b"Infinity") {
        return None;
    }
    let mut plain = Vec::with_capacity(json.len());
    let mut is_text = false;
    let mut rest = json;
    while let Some(byte) = rest.first().copied() {
        let word = match is_text {
            true => None,
            false => NO_NUMBERS.iter().find(|word| rest.starts_with(word)),
        };
        let length = match (byte, word) {
            (_, Some(word)) => {
                plain.extend_from_slice(b"null");
                word.len()
            }
            // The next byte is no end of the text, whatever it is.
            (b'\\', None) if is_text => {
                let escaped = &rest[..rest.len().min(2)];
                plain.extend_from_slice(escaped);
                escaped.len()
            }
            (byte, None) => {
                is_text ^= byte == b'"';
                plain.push(byte);
                1
            }
        };
        rest = &rest[length..];
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_null_outside_of_texts() {
        for (json, plain) in [
            (
                r#"{"a":NaN,"b":-Infinity,"c":[Infinity]}"#,
                r#"{"a":null,"b":null,"c":[null]}"#,
            ),
            (r#"{"a":"NaN \" NaN"}"#, r#"{"a":"NaN \" NaN"}"#),
            (r#"{"Infinity":1,"a":NaN}"#, r#"{"Infinity":1,"a":null}"#),
        ] {
            let found = without_nan(json.as_bytes()).expect("has such words");
            assert_eq!(String::from_utf8_lossy(&found), plain);
        }
        assert_eq!(without_nan(br#"{"a":1}"#), None);
    }
}
