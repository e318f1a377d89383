//! What the manager says to the logger; the keeper passes the bytes on without reading them.

use crate::limits::LOG_PATH_BYTES_MAX;
use crate::logs::path::PodDir;

/// A message for the logger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relay {
    /// A pod's record is gone, and its logs go with it.
    Forget {
        /// The directory of the pod.
        dir: PodDir,
    },
}

const FORGET: u8 = 1;

impl Relay {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Forget { dir } => [&[FORGET], dir.as_str().as_bytes()].concat(),
        }
    }

    /// From bytes; nothing, if they are no message that this logger knows.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&FORGET, name) if name.len() <= LOG_PATH_BYTES_MAX => {
                Some(Self::Forget { dir: PodDir::parse(str::from_utf8(name).ok()?)? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_directory_of_a_pod_can_be_forgotten() {
        let forget = Relay::Forget { dir: PodDir::parse("web_web-0_0000002a").unwrap() };
        assert_eq!(Relay::decode(&forget.encode()), Some(forget));
        for bad in
            ["", "..", ".", "/", "web_web-0_0000002a/main", "../web_web-0_0000002a", "web_.._0000002a\0"]
        {
            assert_eq!(Relay::decode(&[&[FORGET], bad.as_bytes()].concat()), None, "{bad}");
        }
        assert_eq!(Relay::decode(b""), None);
        assert_eq!(Relay::decode(b"\xffweb_web-0_0000002a"), None);
    }
}
