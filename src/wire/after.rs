//! What becomes of the machine once supd, its init, has ended everything.

use super::codec::Malformed;

/// How a machine goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// It is switched off.
    #[default]
    PowerOff,
    /// It starts anew.
    Reboot,
    /// It stands still, switched on.
    Halt,
    /// It goes on, with another root and the init there.
    SwitchRoot,
}

impl After {
    /// What is happening, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::PowerOff => "the machine is being switched off",
            Self::Reboot => "the machine is being restarted",
            Self::Halt => "the machine is being halted",
            Self::SwitchRoot => "the machine gets another root",
        }
    }

    /// What a signal to a machine's PID 1 asks for: INT is ctrl-alt-del; the numbers are those that other
    /// inits know as SIGRTMIN+3, +4 and +5, whatever a C library calls them; TERM, PWR and the others switch
    /// off.
    pub fn of_signal(signal: i32) -> Self {
        match signal {
            libc::SIGINT | 39 => Self::Reboot,
            37 => Self::Halt,
            42 => Self::SwitchRoot,
            _ => Self::PowerOff,
        }
    }

    /// The signal that asks for it.
    pub fn signal(self) -> i32 {
        match self {
            Self::PowerOff => 38,
            Self::Reboot => 39,
            Self::Halt => 37,
            Self::SwitchRoot => 42,
        }
    }

    pub(super) fn to_wire(self) -> u8 {
        match self {
            Self::PowerOff => 0,
            Self::Reboot => 1,
            Self::Halt => 2,
            Self::SwitchRoot => 16,
        }
    }

    pub(super) fn from_wire(byte: u8) -> Result<Self, Malformed> {
        Ok(match byte {
            0 => Self::PowerOff,
            1 => Self::Reboot,
            2 => Self::Halt,
            16 => Self::SwitchRoot,
            _ => return Err(Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_a_signal_that_asks_for_it() {
        for after in [After::PowerOff, After::Reboot, After::Halt, After::SwitchRoot] {
            assert_eq!(After::of_signal(after.signal()), after);
        }
        assert_eq!(After::of_signal(libc::SIGINT), After::Reboot, "ctrl-alt-del");
        assert_eq!(After::of_signal(libc::SIGTERM), After::PowerOff);
        assert_eq!(After::of_signal(libc::SIGPWR), After::PowerOff);
    }
}
