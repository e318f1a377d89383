//! Text from outside, made fit for a terminal: control characters are shown, never sent.
//!
//! A service chooses what it prints, and a terminal obeys what it reads: it can be told to hide text, to
//! rewrite the line above, to fill the clipboard. So everything that is not plainly a character is spelled
//! out: bytes as `\x1b`, characters that reorder or hide others as `‹U+202E›`. Tabs stay.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with all that a terminal would act upon spelled out.
pub fn visible(text: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(text) {
        Ok(text) if text.chars().all(is_harmless) => Cow::Borrowed(text),
        _ => {
            let mut out = String::with_capacity(text.len() + 16);
            push_visible(&mut out, text);
            Cow::Owned(out)
        }
    }
}

/// Appends what [`visible`] returns.
pub fn push_visible(out: &mut String, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(|c| !is_harmless(c)) {
            out.push_str(&rest[..at]);
            let mut following = rest[at..].chars();
            if let Some(bad) = following.next() {
                spell(out, bad);
            }
            rest = following.as_str();
        }
        out.push_str(rest);
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

fn spell(out: &mut String, bad: char) {
    let _ = match u32::from(bad) {
        code @ ..0x80 => write!(out, "\\x{code:02x}"),
        code => write!(out, "‹U+{code:04X}›"),
    };
}

/// Whether a terminal only shows it, where it stands.
fn is_harmless(c: char) -> bool {
    match c {
        '\t' | ' '..='~' => true,
        // The second set of control characters: U+009B alone is a terminal's `ESC [`.
        ..'\u{a0}' => false,
        // Soft hyphen: there, but not to be seen.
        '\u{ad}' => false,
        // Marks, embeddings, overrides and isolates of writing direction.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => false,
        // Nothing to be seen: zero-width space, word joiner and invisible operators, fillers. The joiners
        // U+200C and U+200D stay: Persian and family emoji need them.
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => false,
        '\u{180e}' | '\u{feff}' => false,
        // Line and paragraph separators.
        '\u{2028}' | '\u{2029}' => false,
        // Interlinear annotation, and tags: a second text inside the first.
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        for text in ["", "hello\tworld", "grün 猫 👩‍👩‍👧 é", "C:\\x41", "naïve – “quoted” ‹x›", "שלום"]
        {
            assert!(matches!(visible(text.as_bytes()), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn what_a_terminal_would_act_upon() {
        let table: [(&[u8], &str); 19] = [
            (b"\x1b[31mred", "\\x1b[31mred"),
            (b"\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
            (b"\x1bP+q\x1b\\", "\\x1bP+q\\x1b\\"),
            (b"over\rwritten", "over\\x0dwritten"),
            (b"two\nlines", "two\\x0alines"),
            (b"back\x08space", "back\\x08space"),
            (b"\0\x7f", "\\x00\\x7f"),
            (b"\x0b\x0c\x0e\x0f", "\\x0b\\x0c\\x0e\\x0f"),
            ("\u{9b}31m".as_bytes(), "‹U+009B›31m"),
            ("\u{85}\u{90}\u{a0}".as_bytes(), "‹U+0085›‹U+0090›\u{a0}"),
            ("user\u{202e}txt.exe".as_bytes(), "user‹U+202E›txt.exe"),
            ("\u{2066}\u{2069}\u{200f}\u{61c}".as_bytes(), "‹U+2066›‹U+2069›‹U+200F›‹U+061C›"),
            ("a\u{200b}\u{feff}b".as_bytes(), "a‹U+200B›‹U+FEFF›b"),
            ("\u{2028}\u{2029}".as_bytes(), "‹U+2028›‹U+2029›"),
            ("\u{e0041}\u{fff9}\u{ad}".as_bytes(), "‹U+E0041›‹U+FFF9›‹U+00AD›"),
            (b"\x9b31m", "\\x9b31m"),
            (b"caf\xe9 \xc3", "caf\\xe9 \\xc3"),
            (b"\xff\xfe\xf0\x9f\x98x", "\\xff\\xfe\\xf0\\x9f\\x98x"),
            (b"\xed\xa0\x80\xc0\xaf", "\\xed\\xa0\\x80\\xc0\\xaf"),
        ];
        for (text, want) in table {
            assert_eq!(visible(text), want);
        }
    }

    #[test]
    fn no_control_character_comes_through() {
        let all: Vec<u8> = (0..=255).chain(["\u{80}\u{9f}\u{202a}"].concat().bytes()).collect();
        assert!(visible(&all).chars().all(|c| c == '\t' || !c.is_control()));
        for code in 0..=0x10_ffff {
            let Some(c) = char::from_u32(code) else { continue };
            let shown = visible(c.to_string().as_bytes()).into_owned();
            assert!(shown.chars().all(is_harmless), "U+{code:04X} became {shown:?}");
        }
    }
}
