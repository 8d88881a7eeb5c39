//! Numbers as exact text: a name is compared, never reckoned with.

/// The bits of a column of 32 bits, whose numbers may have no sign.
pub fn of_i32(bits: i32, is_unsigned: bool, scale: i32) -> String {
    match is_unsigned {
        true => u32::from_ne_bytes(bits.to_ne_bytes()).to_string(),
        false => decimal(bits.into(), scale),
    }
}

pub fn of_i64(bits: i64, is_unsigned: bool, scale: i32) -> String {
    match is_unsigned {
        true => u64::from_ne_bytes(bits.to_ne_bytes()).to_string(),
        false => decimal(bits.into(), scale),
    }
}

/// A decimal in bytes, the highest first. `None`: it has more digits than 128 bits hold.
pub fn of_big_endian(bytes: &[u8], scale: i32) -> Option<String> {
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if is_negative { 0xff } else { 0 };
    let (rest, last) = match bytes.len().checked_sub(16) {
        Some(more) => bytes.split_at(more),
        None => (&[][..], bytes),
    };
    if rest.iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut whole = [fill; 16];
    whole[16 - last.len()..].copy_from_slice(last);
    let number = i128::from_be_bytes(whole);
    // The sign may have been in what was left out.
    ((number < 0) == is_negative).then(|| decimal(number, scale))
}

/// With as many digits behind the point as the column has.
fn decimal(unscaled: i128, scale: i32) -> String {
    let Some(places) = usize::try_from(scale).ok().filter(|places| *places > 0) else {
        let zeros = usize::try_from(scale.unsigned_abs()).unwrap_or(0).min(40);
        return format!(
            "{unscaled}{}",
            "0".repeat(if unscaled == 0 { 0 } else { zeros })
        );
    };
    let digits = unscaled.unsigned_abs().to_string();
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if unscaled < 0 { "-" } else { "" };
    format!("{sign}{whole}.{fraction}")
}

pub fn uuid(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match hex.len() {
        32 => format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        ),
        _ => hex,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        assert_eq!(of_i64(-1, true, 0), "18446744073709551615");
        assert_eq!(of_i64(i64::MIN, false, 0), "-9223372036854775808");
        assert_eq!(of_i32(-1, true, 0), "4294967295");
        assert_eq!(of_i32(-5, false, 2), "-0.05");
        assert_eq!(of_i64(123_456, false, 3), "123.456");
        let big = (10_i128.pow(37) + 7).to_be_bytes();
        assert_eq!(
            of_big_endian(&big, 0),
            Some((10_i128.pow(37) + 7).to_string())
        );
        assert_eq!(of_big_endian(&[0xff], 1), Some("-0.1".to_owned()));
        assert_eq!(
            of_big_endian(&[1; 17], 0),
            None,
            "too many digits for 128 bits"
        );
        assert_eq!(of_big_endian(&[], 0), Some("0".to_owned()));
    }

    #[test]
    fn a_uuid_is_written_as_everywhere() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(uuid(&bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
