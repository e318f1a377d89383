//! What a plain YAML scalar is: YAML 1.1's rules as Kubernetes' reader has them, so that what is a number or
//! a boolean there is one here: `0644` is octal, `yes` and `on` are booleans.

use super::super::tree::Value;

/// The value of a scalar without quotes and without a tag.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            Value::Boolean(true)
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            Value::Boolean(false)
        }
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Value::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Value::Float(f64::NAN));
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain: String = unsigned.chars().filter(|c| *c != '_').collect();
    let negative = text.starts_with('-');
    let (digits, radix) = match plain.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&plain[2..], 16),
        [b'0', b'b' | b'B', ..] => (&plain[2..], 2),
        [b'0', b'o', ..] => (&plain[2..], 8),
        [b'0', rest @ ..] if !rest.is_empty() && rest.iter().all(|b| (b'0'..=b'7').contains(b)) => {
            (&plain[1..], 8)
        }
        // No octal number, and no other whole one.
        [b'0', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) => ("", 10),
        _ => (plain.as_str(), 10),
    };
    if !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)) {
        let signed = format!("{}{digits}", if negative { "-" } else { "" });
        return Some(Value::Integer(i64::from_str_radix(&signed, radix).ok(), radix));
    }
    let shape = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    let digit = plain.bytes().any(|byte| byte.is_ascii_digit());
    if radix == 10 && digit && plain.chars().all(shape) {
        let float: f64 = plain.parse().ok()?;
        return Some(Value::Float(if negative { -float } else { float }));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_they_are_to_kubernetes() {
        for (text, value) in [
            ("", "Null"),
            ("~", "Null"),
            ("yes", "Boolean(true)"),
            ("off", "Boolean(false)"),
            ("0644", "Integer(Some(420), 8)"),
            ("0o644", "Integer(Some(420), 8)"),
            ("0x1F", "Integer(Some(31), 16)"),
            ("1_000", "Integer(Some(1000), 10)"),
            ("-7", "Integer(Some(-7), 10)"),
            ("99999999999999999999", "Integer(None, 10)"),
            ("1.5", "Float(1.5)"),
            ("1e3", "Float(1000.0)"),
            ("1.10.2", "String(\"1.10.2\")"),
            ("089", "Float(89.0)"),
            ("500m", "String(\"500m\")"),
            ("-", "String(\"-\")"),
            ("12:30", "String(\"12:30\")"),
            ("1e", "String(\"1e\")"),
        ] {
            assert_eq!(format!("{:?}", resolve(text)), value, "{text}");
        }
    }
}
