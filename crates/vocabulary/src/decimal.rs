//! Decimal text at the edge, integers inside.

use std::fmt;

/// Why a text is not a decimal number of the wanted scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not plain decimal digits with at most one point (no sign but a leading minus, no exponent, no NaN).
    NotDecimal,
    /// More digits after the point than the scale has.
    TooManyDecimals {
        /// Digits allowed after the point.
        scale: u8,
    },
    /// More digits than 128 bits hold.
    TooLarge,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDecimal => write!(f, "must be a plain decimal number as text, like \"12.50\""),
            Self::TooManyDecimals { scale: 0 } => write!(f, "must be a whole number"),
            Self::TooManyDecimals { scale } => write!(f, "must have at most {scale} decimals"),
            Self::TooLarge => write!(f, "is too large"),
        }
    }
}

impl std::error::Error for DecimalError {}

/// Reads `"12.5"` at scale 2 as 1250. `"-0"` is not a number; trailing zeros beyond the scale are not forgiven.
///
/// # Errors
/// [`DecimalError`] says what is wrong with the text.
pub fn parse_decimal(text: &str, scale: u8) -> Result<i128, DecimalError> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || fraction.is_some_and(|f| !all_digits(f)) {
        return Err(DecimalError::NotDecimal);
    }
    let fraction = fraction.unwrap_or("");
    if fraction.len() > usize::from(scale) {
        return Err(DecimalError::TooManyDecimals { scale });
    }
    let padding = std::iter::repeat_n(b'0', usize::from(scale) - fraction.len());
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
        let next = value.checked_mul(10).and_then(|v| v.checked_add(i128::from(digit - b'0')));
        value = next.ok_or(DecimalError::TooLarge)?;
    }
    match (negative, value) {
        (true, 0) => Err(DecimalError::NotDecimal),
        (true, value) => Ok(-value),
        (false, value) => Ok(value),
    }
}

/// Writes 1250 at scale 2 as `"12.50"`.
pub fn format_decimal(value: i128, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (text, scale, value) in
            [("12.50", 2, 1250), ("0.01", 2, 1), ("-3.00", 2, -300), ("7", 0, 7), ("0.00", 2, 0)]
        {
            assert_eq!(parse_decimal(text, scale), Ok(value));
            assert_eq!(format_decimal(value, scale), text);
        }
        assert_eq!(parse_decimal("12.5", 2), Ok(1250));
    }

    #[test]
    fn refuses_what_is_not_plain() {
        for text in
            ["", "-", ".", "1.", ".5", "1e400", "NaN", "-0", "-0.00", "+1", " 1", "1 ", "1,5", "0x10", "٣"]
        {
            assert_eq!(parse_decimal(text, 2), Err(DecimalError::NotDecimal), "{text}");
        }
        assert_eq!(parse_decimal("1.234", 2), Err(DecimalError::TooManyDecimals { scale: 2 }));
        let large = "170141183460469231731687303715884105728";
        assert_eq!(parse_decimal(large, 0), Err(DecimalError::TooLarge));
    }
}
