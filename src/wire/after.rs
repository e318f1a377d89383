//! What becomes of the machine, or of supd, once everything has ended.

use super::codec::{Malformed, Reader, Writer};

/// What asks the init of a machine to switch it off; see [`After::of_signal`].
pub const POWER_OFF_SIGNAL: i32 = 38;
/// What a machine's firmware is told with a restart: a file below the runtime directory.
pub const REBOOT_ARGUMENT: &str = "reboot-argument";
/// Who had to be killed on the way down, for the next supd to tell: a file below the state directory.
pub const KILLED_AT_SHUTDOWN: &str = "killed-at-shutdown";

/// What comes after the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// The machine is switched off.
    #[default]
    PowerOff,
    /// It starts anew.
    Reboot,
    /// It stands still, switched on.
    Halt,
    /// The kernel that was loaded for it takes over.
    Kexec,
    /// The kernel stays, and all that it runs starts anew: PID 1 executes itself.
    SoftReboot,
    /// A shell on the console, and after it as with `SoftReboot`.
    Rescue,
    /// It goes on, with another root and the init there.
    SwitchRoot,
    /// supd ends with this code. Not for the init of a machine.
    Exit(u8),
}

impl After {
    /// What is happening, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::PowerOff => "the machine is being switched off",
            Self::Reboot => "the machine is being restarted",
            Self::Halt => "the machine is being halted",
            Self::Kexec => "the machine is being restarted with the kernel that is loaded",
            Self::SoftReboot => "everything but the kernel is being restarted",
            Self::Rescue => "everything is being stopped for a shell on the console",
            Self::SwitchRoot => "the machine gets another root",
            Self::Exit(_) => "supd is ending",
        }
    }

    /// What a signal to a machine's PID 1 asks for: INT is ctrl-alt-del; the numbers are those that other
    /// inits know as SIGRTMIN+3 to +6 and, at once, as +13 to +16, whatever a C library calls them; TERM, PWR
    /// and the others switch off.
    pub fn of_signal(signal: i32) -> Self {
        match signal {
            libc::SIGINT | 39 | 49 => Self::Reboot,
            37 | 47 => Self::Halt,
            40 | 50 => Self::Kexec,
            42 => Self::SwitchRoot,
            _ => Self::PowerOff,
        }
    }

    /// Whether a signal to a machine's PID 1 wants no unit to be stopped in its order.
    pub fn is_at_once(signal: i32) -> bool {
        matches!(signal, 47..=50)
    }

    /// As one number that is not 0.
    pub fn to_word(self) -> u64 {
        let [kind, code] = self.pack();
        1 << 16 | u64::from(kind) << 8 | u64::from(code)
    }

    /// `None`: it is the number of none.
    pub fn of_word(word: u64) -> Option<Self> {
        let bytes = [(word >> 8) as u8, word as u8];
        Self::unpack(bytes).filter(|after| after.to_word() == word)
    }

    fn pack(self) -> [u8; 2] {
        match self {
            Self::PowerOff => [0, 0],
            Self::Reboot => [1, 0],
            Self::Halt => [2, 0],
            Self::Kexec => [3, 0],
            Self::SoftReboot => [4, 0],
            Self::Rescue => [5, 0],
            Self::Exit(code) => [6, code],
            Self::SwitchRoot => [16, 0],
        }
    }

    fn unpack(bytes: [u8; 2]) -> Option<Self> {
        Some(match bytes {
            [0, 0] => Self::PowerOff,
            [1, 0] => Self::Reboot,
            [2, 0] => Self::Halt,
            [3, 0] => Self::Kexec,
            [4, 0] => Self::SoftReboot,
            [5, 0] => Self::Rescue,
            [6, code] => Self::Exit(code),
            [16, 0] => Self::SwitchRoot,
            _ => return None,
        })
    }

    pub(super) fn put(self, to: &mut Writer<'_>) {
        let [kind, code] = self.pack();
        to.u8(kind).u8(code);
    }

    pub(super) fn get(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::unpack([from.u8()?, from.u8()?]).ok_or(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for after in [
            After::PowerOff,
            After::Reboot,
            After::Halt,
            After::Kexec,
            After::SoftReboot,
            After::Rescue,
            After::SwitchRoot,
            After::Exit(0),
            After::Exit(255),
        ] {
            assert_eq!(After::of_word(after.to_word()), Some(after));
        }
        assert_eq!([0, 1, u64::MAX, 1 << 16 | 0xff00].map(After::of_word), [None; 4]);
    }

    #[test]
    fn each_signal_asks_for_its_end() {
        for (signal, after, at_once) in [
            (libc::SIGINT, After::Reboot, false),
            (libc::SIGTERM, After::PowerOff, false),
            (libc::SIGPWR, After::PowerOff, false),
            (37, After::Halt, false),
            (POWER_OFF_SIGNAL, After::PowerOff, false),
            (39, After::Reboot, false),
            (40, After::Kexec, false),
            (42, After::SwitchRoot, false),
            (47, After::Halt, true),
            (48, After::PowerOff, true),
            (49, After::Reboot, true),
            (50, After::Kexec, true),
        ] {
            assert_eq!((After::of_signal(signal), After::is_at_once(signal)), (after, at_once), "{signal}");
        }
    }
}
