//! The path of a request, in its steps.

use super::objects::{Status, StatusReason};
use super::route::bad_request;

/// The deepest path has this many steps (`/apis/apps/v1/namespaces/default/deployments/NAME/scale`).
const STEPS_MAX: usize = 8;

/// A path in its steps, each decoded.
pub(super) fn steps(path: &str) -> Result<Vec<String>, Status> {
    let path = path.strip_prefix('/').ok_or_else(|| bad_request("a path begins with `/`"))?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.split('/').count() > STEPS_MAX {
        return Err(Status::failure(StatusReason::NotFound, "there is no path of so many steps"));
    }
    path.split('/').map(decode).collect()
}

/// `%40` → `@`. What is no text after that is refused.
pub(super) fn decode(text: &str) -> Result<String, Status> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let bad = || bad_request("a `%` is followed by two hexadecimal digits, and all of it is UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(bad)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| bad())
}
