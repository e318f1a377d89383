//! Which cgroup a run is in: for the keeper, who ends what it leaves there.

use super::{Bytes, Table, field};
use crate::limits::GROUP_BYTES_MAX;

impl Table {
    /// The cgroup that is a described run's own; empty: none.
    pub fn group(&self, slot: u16) -> Bytes {
        self.read_text(slot, field::GROUP, self.load(slot, field::LENGTHS) >> 48, GROUP_BYTES_MAX)
    }

    /// Writes how many processes the kernel had ended there for want of memory before the run was there. The
    /// spawner only.
    pub fn set_oom_before(&self, slot: u16, count: u64) {
        self.store(slot, field::OOM_BEFORE, count);
    }

    /// How many that were.
    pub fn oom_before(&self, slot: u16) -> u64 {
        self.load(slot, field::OOM_BEFORE)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Description, Sinks, Table};
    use crate::wire::run::{Run, Step};

    #[test]
    fn a_group_is_read_back_whatever_else_is_written() {
        let (_fd, table) = Table::create().unwrap();
        let run = Run { pod: 7, class: 0, process: 0, attempt: 0 };
        let group = b"web/web-0";
        table.describe(3, &Description { run, label: b"l", log_path: b"p", sinks: Sinks(0), group });
        table.set_oom_before(3, 5);
        table.set_fault(3, Step::Exec, 2, b"/bin/x");
        assert_eq!(table.group(3).as_slice(), group);
        assert_eq!((table.oom_before(3), table.label(3).as_slice()), (5, &b"l"[..]));
        assert_eq!(table.fault(3).map(|(_, _, detail)| detail.as_slice().to_vec()), Some(b"/bin/x".to_vec()));
        table.describe(3, &Description { run, label: b"l", log_path: b"", sinks: Sinks(0), group: b"" });
        assert_eq!((table.group(3).as_slice(), table.oom_before(3)), (&b""[..], 0));
    }
}
