//! What differs between two texts of a unit, line by line, without the comments that say where each value
//! was written.

/// Lines with ` `, `-` or `+` in front; those that both have stand only around the others.
pub(super) fn lines(old: &str, new: &str) -> String {
    let (old, new) = (plain(old), plain(new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let first = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let room = old.len().min(new.len()) - first;
    let last = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    let (gone, come) = (&old[first..old.len() - last], &new[first..new.len() - last]);
    let mut out = Vec::new();
    let before = first.saturating_sub(CONTEXT);
    out.extend(old[before..first].iter().map(|line| format!(" {line}")));
    changes(gone, come, &mut out);
    out.extend(old[old.len() - last..].iter().take(CONTEXT).map(|line| format!(" {line}")));
    out.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Lines that stay, before the first change and behind the last.
const CONTEXT: usize = 3;
/// Lines of one side that are matched with the other's; of longer pieces all is gone and all is new.
const MATCHED_MAX: usize = 2_000;

/// The longest common sequence stays, the rest goes and comes.
fn changes(gone: &[&str], come: &[&str], out: &mut Vec<String>) {
    if gone.len() > MATCHED_MAX || come.len() > MATCHED_MAX {
        out.extend(gone.iter().map(|line| format!("-{line}")));
        out.extend(come.iter().map(|line| format!("+{line}")));
        return;
    }
    let width = come.len() + 1;
    let mut lengths = vec![0u16; (gone.len() + 1) * width];
    for (i, one) in gone.iter().enumerate().rev() {
        for (j, other) in come.iter().enumerate().rev() {
            lengths[i * width + j] = if one == other {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < gone.len() || j < come.len() {
        let both = i < gone.len() && j < come.len();
        if both && gone[i] == come[j] {
            out.push(format!(" {}", gone[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == come.len() || (both && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
            out.push(format!("-{}", gone[i]));
            i += 1;
        } else {
            out.push(format!("+{}", come[j]));
            j += 1;
        }
    }
}

/// Without the places: `    # web.yaml:3` behind a value, and the lines at the top; one space around `=`.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let line = line.rfind("    # ").map_or(line, |at| &line[..at]);
        match line.split_once(" = ") {
            Some((key, value)) => out.extend([key.trim_end(), " = ", value]),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let old = "# a.yaml\nexec  = [\"a\"]    # a.yaml:1\nuser  = 1    # a.yaml:2\n\n[env]\nA = \"1\"    # a.yaml:3\n";
        let new = "# b.yaml\nexec = [\"a\"]    # b.yaml:9\nuser = 2    # b.yaml:8\n\n[env]\nA = \"1\"    # b.yaml:3\nB = \"2\"    # b.yaml:4\n";
        assert_eq!(
            lines(old, new),
            " exec = [\"a\"]\n-user = 1\n+user = 2\n\n [env]\n A = \"1\"\n+B = \"2\"\n"
        );
        assert_eq!(lines("", "a = 1\n"), "+a = 1\n");
        assert_eq!(lines("a = 1\n", ""), "-a = 1\n");
    }
}
