//! What travels beside every run, in at most 256 bytes: enough for a new manager to know whose it is.
//!
//! In the order of the fields of [`Label`], as the wire writes numbers and bytes: a version, the unit, the
//! job (empty: none), the pod, then whether there is an ordinal and the ordinal, whether there is a slot of
//! a calendar and the slot, the template's hash, the restart count. A new field gets a new version; a
//! manager that reads a version it doesn't know ends the run, since it can't tell whose it is.

use crate::engine::event::Label;
use crate::engine::time::Wall;
use crate::limits::LABEL_BYTES_MAX;
use crate::unit::name::UnitName;
use crate::wire::codec::{Malformed, Reader, Writer};

const VERSION: u8 = 1;

/// Writes a label into `out`, replacing what is there. False: it is too long.
pub fn encode(label: &Label, out: &mut Vec<u8>) -> bool {
    let mut to = Writer::begin(out);
    to.u8(VERSION);
    to.bytes(label.unit.as_str().as_bytes());
    to.bytes(label.job.as_deref().unwrap_or_default().as_bytes());
    to.bytes(label.pod.as_bytes());
    to.bool(label.ordinal.is_some()).u32(label.ordinal.unwrap_or_default());
    to.bool(label.scheduled.is_some()).i64(label.scheduled.unwrap_or_default().0);
    to.u64(label.template_hash).u32(label.restarts);
    out.len() <= LABEL_BYTES_MAX
}

/// Reads a label.
pub fn decode(bytes: &[u8]) -> Result<Label, Malformed> {
    let mut from = Reader::new(bytes);
    let VERSION = from.u8()? else { return Err(Malformed) };
    let unit = UnitName::parse(text(from.bytes()?)?).map_err(|_| Malformed)?;
    let job = Some(text(from.bytes()?)?).filter(|job| !job.is_empty()).map(str::to_owned);
    let pod = text(from.bytes()?)?.to_owned();
    let (has_ordinal, ordinal) = (from.bool()?, from.u32()?);
    let (has_slot, slot) = (from.bool()?, Wall(from.i64()?));
    let label = Label {
        unit,
        job,
        pod,
        ordinal: has_ordinal.then_some(ordinal),
        scheduled: has_slot.then_some(slot),
        template_hash: from.u64()?,
        restarts: from.u32()?,
    };
    from.end()?;
    Ok(label)
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, job: Option<&str>) -> Label {
        Label {
            unit: UnitName::parse(name).unwrap(),
            job: job.map(str::to_owned),
            pod: format!("{name}-0").replace('@', "-"),
            ordinal: Some(7),
            scheduled: Some(Wall(-5)),
            template_hash: u64::MAX,
            restarts: 3,
        }
    }

    #[test]
    fn labels_read_back() {
        let mut out = Vec::new();
        for label in [
            label("worker@eu", Some("worker-29")),
            Label { ordinal: None, scheduled: None, ..label("web", None) },
        ] {
            assert!(encode(&label, &mut out));
            assert_eq!(decode(&out), Ok(label));
        }
    }

    #[test]
    fn the_longest_names_fit() {
        let name = "u".repeat(52);
        let label = Label { pod: "p".repeat(63), ..label(&name, Some(&"j".repeat(63))) };
        let mut out = Vec::new();
        assert!(encode(&label, &mut out), "{} bytes", out.len());
        let longer = Label { pod: "p".repeat(200), ..label };
        assert!(!encode(&longer, &mut out));
    }

    #[test]
    fn a_label_of_another_build_is_refused() {
        let mut out = Vec::new();
        encode(&label("web", None), &mut out);
        for length in 0..out.len() {
            assert_eq!(decode(&out[..length]), Err(Malformed), "cut at {length}");
        }
        out[0] = 2;
        assert_eq!(decode(&out), Err(Malformed));
    }
}
