//! The wish for another root.

use serde::{Deserialize, Serialize};

/// With `switch-root`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SwitchRootOptions {
    /// Where the new root is mounted: an absolute path.
    pub root: String,
    /// The program there to go on as; absent: what the kernel's command line says, else the usual names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
}

impl SwitchRootOptions {
    /// Itself, if it can be meant; else why not.
    pub(crate) fn checked(self) -> Result<Self, String> {
        for (key, path) in [("root", Some(&self.root)), ("init", self.init.as_ref())] {
            if let Some(path) = path.filter(|path| !path.starts_with('/') || path.contains('\0')) {
                return Err(format!("{key}: `{}` is no absolute path", path.escape_debug()));
            }
        }
        match self.root.bytes().all(|byte| byte == b'/') {
            true => Err("root: it is the root already".to_owned()),
            false => Ok(self),
        }
    }
}
