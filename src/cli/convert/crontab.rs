//! Crontabs as crontab(5) has them: lines with five fields or `@daily`, variables above them, and a column for the
//! user in those of the system. Pure: a text in, entries and what could not be read out.

/// What stands in a line beside when and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Of one user, or of supercronic.
    Command,
    /// `/etc/crontab`, `/etc/cron.d/*`.
    UserAndCommand,
}

/// A line that runs something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Counted from 1.
    pub(super) line: usize,
    /// As it was written.
    pub(super) text: String,
    /// When it runs.
    pub(super) when: When,
    /// As whom, where that has a column.
    pub(super) user: Option<String>,
    /// For a shell.
    pub(super) command: String,
    /// What the command reads: what stood behind the first `%`.
    pub(super) input: Option<String>,
    /// Variables above it, the last one of a name.
    pub(super) variables: Vec<(String, String)>,
}

/// When a line runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// `@reboot`
    Boot,
    /// `30 2 * * *`, `@daily`
    Times(String),
}

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Counted from 1.
    pub(super) line: usize,
    /// In words.
    pub(super) message: String,
}

/// Reads all lines; one with a fault is left out.
pub(super) fn parse(text: &str, columns: Columns) -> (Vec<Entry>, Vec<Fault>) {
    let (mut entries, mut faults, mut variables) = (Vec::new(), Vec::new(), Vec::new());
    for (index, whole) in text.lines().enumerate() {
        let line = whole.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.contains(char::REPLACEMENT_CHARACTER) {
            faults.push(Fault { line: index + 1, message: "it is not UTF-8".to_owned() });
            continue;
        }
        if let Some((name, value)) = variable(line) {
            variables.retain(|(known, _)| *known != name);
            variables.push((name, value));
            continue;
        }
        match entry(line, columns) {
            Ok((when, user, command)) => {
                let (command, input) = split_input(command);
                entries.push(Entry {
                    line: index + 1,
                    text: whole.trim().to_owned(),
                    when,
                    user: user.map(str::to_owned),
                    command,
                    input,
                    variables: variables.clone(),
                });
            }
            Err(message) => faults.push(Fault { line: index + 1, message }),
        }
    }
    (entries, faults)
}

/// `NAME = value`; both may stand in quotes. A line that runs something begins with no letter.
fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = unquoted(name.trim());
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    (begins && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .then(|| (name.to_owned(), unquoted(value.trim()).to_owned()))
}

fn unquoted(text: &str) -> &str {
    let within = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

fn entry(line: &str, columns: Columns) -> Result<(When, Option<&str>, &str), String> {
    // cronie's: nothing goes to the system's log.
    let line = line.strip_prefix('-').unwrap_or(line);
    let (when, rest) = if line.starts_with('@') {
        let (word, rest) = word(line).ok_or("there is no command")?;
        let when =
            if word.eq_ignore_ascii_case("@reboot") { When::Boot } else { When::Times(word.to_lowercase()) };
        (when, rest)
    } else {
        let mut rest = line;
        let mut fields = Vec::new();
        for _ in 0..5 {
            let (field, behind) = word(rest).ok_or("there is no command behind five fields")?;
            fields.push(field);
            rest = behind;
        }
        if days_differ(&fields) {
            return Err("cron runs this where both days match, and supd where either does: have the command ask for one \
                        of them, as with `[ $(date +%u) = 1 ]`"
                .to_owned());
        }
        (When::Times(fields.join(" ")), rest)
    };
    let (user, command) = match columns {
        Columns::Command => (None, rest),
        Columns::UserAndCommand => {
            let (user, command) = word(rest).ok_or("there is no command behind the user")?;
            (Some(user), command)
        }
    };
    let is_field =
        |word: &str| word.contains('*') && word.bytes().all(|byte| b"0123456789*/,-".contains(&byte));
    if user.or_else(|| Some(word(command)?.0)).is_some_and(is_field) {
        return Err("this line has more than five fields; in a unit six are seconds first: schedule = \"*/10 * * * * *\""
            .to_owned());
    }
    match command.trim_end() {
        "" => Err("there is no command".to_owned()),
        command => Ok((when, user, command)),
    }
}

/// The first word, and what is behind the blanks that follow it. Nothing if nothing follows.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.trim_start().split_once([' ', '\t'])?;
    Some((word, rest.trim_start()))
}

/// At the first `%` the command ends, and what it reads begins, in which each one more is a new line. Before `%` a
/// backslash takes that away, in the command also before another backslash. As in Debian's cron.
fn split_input(text: &str) -> (String, Option<String>) {
    let (mut command, mut input) = (String::new(), None);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, &mut input) {
            ('%', None) => input = Some(String::new()),
            ('%', Some(input)) => input.push('\n'),
            ('\\', None) => command.push(letters.next_if(|next| matches!(next, '%' | '\\')).unwrap_or('\\')),
            ('\\', Some(input)) => input.push(letters.next_if_eq(&'%').unwrap_or('\\')),
            (other, None) => command.push(other),
            (other, Some(input)) => input.push(other),
        }
    }
    if let Some(input) = input.as_mut().filter(|input| !input.is_empty() && !input.ends_with('\n')) {
        input.push('\n');
    }
    (command, input)
}

/// Whether a schedule does not mean here what it means to cron: there a field that begins with `*` is none that restricts, and
/// both days must match; here, as in Kubernetes, either does where neither is `*`.
fn days_differ(fields: &[&str]) -> bool {
    let stepped = |field: &str| field.starts_with('*') && field != "*" && field != "*/1";
    match fields {
        [_, _, month_day, _, week_day] => {
            (stepped(month_day) && *week_day != "*") || (stepped(week_day) && *month_day != "*")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, columns: Columns) -> Entry {
        let (mut entries, faults) = parse(text, columns);
        assert_eq!((entries.len(), &*faults), (1, [].as_slice()), "{text}");
        entries.remove(0)
    }

    fn fault(text: &str, columns: Columns) -> String {
        let (entries, mut faults) = parse(text, columns);
        assert_eq!((entries.len(), faults.len()), (0, 1), "{text}");
        faults.remove(0).message
    }

    #[test]
    fn lines_of_a_user_and_of_the_system() {
        let entry = one("# daily\n\n 30  2\t* * mon-fri  backup --all  \n", Columns::Command);
        assert_eq!((entry.line, &*entry.text), (3, "30  2\t* * mon-fri  backup --all"));
        assert_eq!((entry.when, &*entry.command), (When::Times("30 2 * * mon-fri".into()), "backup --all"));
        let entry =
            one("17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly", Columns::UserAndCommand);
        assert_eq!(entry.user.as_deref(), Some("root"));
        assert_eq!(entry.command, "cd / && run-parts --report /etc/cron.hourly");
        let entry = one("@Daily true", Columns::Command);
        assert_eq!(entry.when, When::Times("@daily".into()));
        assert_eq!(one("@reboot www serve", Columns::UserAndCommand).when, When::Boot);
        assert_eq!(one("-0 1 * * * quietly", Columns::Command).when, When::Times("0 1 * * *".into()));
    }

    #[test]
    fn variables_stand_above_what_they_are_for() {
        let text = "SHELL=/bin/bash\nPATH = \"/usr/bin:/bin\"\n0 * * * * a\n'MAILTO'=\nSHELL=/bin/sh \n0 * * * * b=c\n";
        let (entries, faults) = parse(text, Columns::Command);
        assert!(faults.is_empty(), "{faults:?}");
        let variables = |index: usize| {
            let pairs = &entries[index].variables;
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(variables(0), ["SHELL=/bin/bash", "PATH=/usr/bin:/bin"]);
        assert_eq!(variables(1), ["PATH=/usr/bin:/bin", "MAILTO=", "SHELL=/bin/sh"]);
        assert_eq!(entries[1].command, "b=c");
    }

    #[test]
    fn a_percent_sign_ends_the_command() {
        let entry = one("0 0 * * * mail -s 'a 100\\% \\n' root%Hello,%%bye\\%", Columns::Command);
        assert_eq!(entry.command, "mail -s 'a 100% \\n' root");
        assert_eq!(entry.input.as_deref(), Some("Hello,\n\nbye%\n"));
        let entry = one("0 0 * * * echo a\\\\b\\\\%a\\\\%%", Columns::Command);
        assert_eq!((&*entry.command, entry.input.as_deref()), ("echo a\\b\\", Some("a\\%\n")));
        assert_eq!(one("0 0 * * * cat%", Columns::Command).input.as_deref(), Some(""));
        assert_eq!(one("0 0 * * * date", Columns::Command).input, None);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(fault("0 0 * * *", Columns::Command), "there is no command behind five fields");
        assert_eq!(fault("0 0 * * * root", Columns::UserAndCommand), "there is no command behind the user");
        assert_eq!(fault("@daily", Columns::Command), "there is no command");
        for (line, columns) in [
            ("*/2 * * * * * * count", Columns::Command),
            ("0 */5 * * * * root true", Columns::UserAndCommand),
        ] {
            assert!(fault(line, columns).contains("more than five fields"), "{line}");
        }
        for days in ["*/2 * mon", "*/100,1-7 * mon", "1 * */2"] {
            assert!(fault(&format!("0 0 {days} true"), Columns::Command).contains("both days"), "{days}");
        }
        assert_eq!(fault("@daily \u{fffd}", Columns::Command), "it is not UTF-8");
        let (entries, faults) = parse("nonsense\n0 0 * * * good\n", Columns::Command);
        assert_eq!((entries.len(), faults[0].line), (1, 1));
    }
}
