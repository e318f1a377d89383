//! Users and groups from `/etc/passwd` and `/etc/group`, and from nowhere else: a lookup through NSS may load
//! libraries and ask the network, and neither belongs between us and a start.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::prepare::Trouble;
use crate::limits::{ACCOUNT_FILE_BYTES_MAX, GROUPS_MAX};
use crate::wire::plan::Account;
use crate::wire::run::Step;

/// The two files, read again when they change.
pub(super) struct Accounts {
    passwd: Cached,
    group: Cached,
}

/// A user of the password file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: Vec<u8>,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: Vec<u8>,
    pub(super) shell: Vec<u8>,
}

struct Cached {
    path: PathBuf,
    seen: Option<(u64, u64, i64, i64, u64)>,
    content: Vec<u8>,
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self::of("/etc/passwd".into(), "/etc/group".into())
    }

    fn of(passwd: PathBuf, group: PathBuf) -> Self {
        let cached = |path| Cached { path, seen: None, content: Vec::new() };
        Self { passwd: cached(passwd), group: cached(group) }
    }

    /// The user with this name or number. `Ok(None)`: a number that the file does not know.
    pub(super) fn user(&mut self, account: &Account) -> Result<Option<User>, Trouble> {
        let trouble = |errno: i32| Trouble::new(Step::User, errno, describe(account));
        let content = match (self.passwd.read(), account) {
            (Ok(content), _) => content,
            // An image without the file: a number needs none.
            (Err(error), Account::Id(_)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // One that only root may read, as some container managers make it: our own number is right without.
            (Err(error), Account::Id(number))
                if error.kind() == io::ErrorKind::PermissionDenied
                    && *number == nix::unistd::geteuid().as_raw() =>
            {
                return Ok(None);
            }
            (Err(error), _) => return Err(trouble(error.raw_os_error().unwrap_or(libc::EIO))),
        };
        let mut users = content.split(|byte| *byte == b'\n').filter_map(user);
        match account {
            Account::Id(u32::MAX) => Err(trouble(libc::EINVAL)),
            Account::Id(number) => Ok(users.find(|user| user.uid == *number)),
            Account::Name(name) => users.find(|user| user.name == *name).map(Some).ok_or_else(|| trouble(0)),
        }
    }

    /// The number of a group.
    pub(super) fn group(&mut self, account: &Account) -> Result<u32, Trouble> {
        let trouble = |errno: i32| Trouble::new(Step::Group, errno, describe(account));
        let name = match account {
            Account::Id(u32::MAX) => return Err(trouble(libc::EINVAL)),
            Account::Id(number) => return Ok(*number),
            Account::Name(name) => name,
        };
        let content =
            self.group.read().map_err(|error| trouble(error.raw_os_error().unwrap_or(libc::EIO)))?;
        let mut groups = content.split(|byte| *byte == b'\n').filter_map(group);
        groups.find(|(known, ..)| known == name).map(|(_, gid, _)| gid).ok_or_else(|| trouble(0))
    }

    /// Exactly the groups that the group file gives a user, and its own.
    pub(super) fn groups_of(&mut self, user: &User) -> Result<Vec<u32>, Trouble> {
        let mut gids = vec![user.gid];
        let content = match self.group.read() {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(gids),
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                return Err(Trouble::new(Step::Group, errno, user.name.clone()));
            }
        };
        for (_, gid, members) in content.split(|byte| *byte == b'\n').filter_map(group) {
            let member = members.split(|byte| *byte == b',').any(|member| member == user.name);
            if member && !gids.contains(&gid) && gids.len() < GROUPS_MAX {
                gids.push(gid);
            }
        }
        Ok(gids)
    }
}

impl Cached {
    fn read(&mut self) -> io::Result<&[u8]> {
        let meta = std::fs::metadata(&self.path)?;
        let seen = Some((meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.size()));
        if self.seen != seen {
            if !meta.is_file() || meta.size() > ACCOUNT_FILE_BYTES_MAX {
                return Err(io::Error::from_raw_os_error(libc::EFBIG));
            }
            self.content = std::fs::read(&self.path)?;
            self.seen = seen;
        }
        Ok(&self.content)
    }
}

/// A line of the password file: name, password, uid, gid, comment, home, shell.
fn user(line: &[u8]) -> Option<User> {
    let mut fields = line.split(|byte| *byte == b':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(b"#"))?;
    let (uid, gid) = (number(fields.nth(1)?)?, number(fields.next()?)?);
    let home = fields.nth(1)?;
    let shell = fields.next().unwrap_or_default();
    Some(User { name: name.into(), uid, gid, home: home.into(), shell: shell.into() })
}

/// A line of the group file: name, password, gid, members.
fn group(line: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let mut fields = line.split(|byte| *byte == b':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(b"#"))?;
    let gid = number(fields.nth(1)?)?;
    Some((name, gid, fields.next().unwrap_or_default()))
}

/// Digits alone, and never the number that means "leave it as it is".
fn number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()?;
    (number != u32::MAX).then_some(number)
}

/// As the unit has it.
pub(super) fn describe(account: &Account) -> Vec<u8> {
    match account {
        Account::Id(number) => number.to_string().into_bytes(),
        Account::Name(name) => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n# note\nwww:x:33:34::/var/www:/bin/sh\n\
        broken\n0day:x:no:1::/:/bin/sh\nall:x:4294967295:1::/:/bin/sh\nbare:x:7:7::/\n";
    const GROUP: &str =
        "root:x:0:\nwww:x:34:\nadm:x:4:syslog,www\nlog:x:5:www\nlogs:x:6:wwww\ntwice:x:4:www\n";

    fn accounts() -> (tempfile::TempDir, Accounts) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("passwd"), PASSWD).unwrap();
        std::fs::write(dir.path().join("group"), GROUP).unwrap();
        let accounts = Accounts::of(dir.path().join("passwd"), dir.path().join("group"));
        (dir, accounts)
    }

    fn name(name: &str) -> Account {
        Account::Name(name.into())
    }

    #[test]
    fn users_by_name_and_number() {
        let (_dir, mut accounts) = accounts();
        let www = accounts.user(&name("www")).unwrap().unwrap();
        assert_eq!((www.uid, www.gid, www.home.as_slice()), (33, 34, b"/var/www".as_slice()));
        assert_eq!(accounts.user(&Account::Id(33)).unwrap(), Some(www));
        assert_eq!(accounts.user(&Account::Id(1234)).unwrap(), None);
        assert_eq!(accounts.user(&name("bare")).unwrap().unwrap().shell, b"");
    }

    #[test]
    fn what_is_not_a_user_is_refused() {
        let (_dir, mut accounts) = accounts();
        for bad in ["0day", "0", "0x0", "-1", "root\n", "all", "", "broken", "# note"] {
            let trouble = accounts.user(&name(bad)).unwrap_err();
            assert_eq!((trouble.step, trouble.detail.as_slice()), (Step::User, bad.as_bytes()));
        }
        assert!(accounts.user(&Account::Id(u32::MAX)).is_err());
        assert!(accounts.group(&name("nobody")).is_err());
    }

    #[test]
    fn groups_are_exactly_those_of_the_user() {
        let (_dir, mut accounts) = accounts();
        let www = accounts.user(&name("www")).unwrap().unwrap();
        assert_eq!(accounts.groups_of(&www).unwrap(), [34, 4, 5]);
        assert_eq!(accounts.group(&name("adm")), Ok(4));
        assert_eq!(accounts.group(&Account::Id(77)), Ok(77));
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let (dir, mut accounts) = accounts();
        assert!(accounts.user(&name("new")).is_err());
        std::fs::write(dir.path().join("passwd"), format!("{PASSWD}new:x:50:50::/:/bin/sh\n")).unwrap();
        assert_eq!(accounts.user(&name("new")).unwrap().unwrap().uid, 50);
    }
}
