//! One line for each object that is waited for, redrawn as it changes; nothing where no person looks.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::context::Context;
use super::rows::Look;
use super::style::printable;
use super::subject::Subject;

/// Lines of progress on standard error.
#[derive(Debug)]
pub struct Progress {
    lines: MultiProgress,
    bars: Vec<(String, ProgressBar)>,
    look: Look,
}

/// How often the sign of life turns.
const TICK: Duration = Duration::from_millis(120);
/// Characters of a bar.
const BAR_WIDTH: &str = "20";

impl Progress {
    /// A line for each name.
    pub fn new(context: &Context, names: &[&str], look: Look) -> Self {
        let target =
            if context.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let lines = MultiProgress::with_draw_target(target);
        let widest = names.iter().map(|name| unicode_width::UnicodeWidthStr::width(*name)).max().unwrap_or(0);
        let bars = names.iter().map(|name| {
            let bar = lines.add(ProgressBar::no_length());
            bar.set_style(spinner(context.screen.unicode));
            bar.set_prefix(format!("{name:<widest$}"));
            if context.progress {
                bar.enable_steady_tick(TICK);
            }
            ((*name).to_owned(), bar)
        });
        let bars = bars.collect();
        Self { lines, bars, look }
    }

    /// Shows how far an object is.
    pub fn update(&self, subject: &Subject) {
        let Some((_, bar)) = self.bars.iter().find(|(name, _)| name == subject.name()) else { return };
        bar.set_message(printable(&subject.at(self.look)).into_owned());
        if let Some((done, total)) = subject.progress().filter(|(_, total)| *total > 1) {
            bar.set_style(counted(self.look.unicode));
            bar.set_length(u64::from(total));
            bar.set_position(u64::from(done));
        }
    }

    /// Takes the line of one object away: its result is printed elsewhere.
    pub fn finish(&self, name: &str) {
        if let Some((_, bar)) = self.bars.iter().find(|(known, _)| known == name) {
            bar.finish_and_clear();
            self.lines.remove(bar);
        }
    }

    /// Runs something that prints, with the lines out of the way.
    pub fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        self.lines.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for (_, bar) in &self.bars {
            bar.finish_and_clear();
        }
    }
}

fn spinner(unicode: bool) -> ProgressStyle {
    let signs = if unicode { "◐◓◑◒ " } else { "|/-\\ " };
    let style = ProgressStyle::with_template("{spinner:.yellow} {prefix}  {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars(signs)
}

fn counted(unicode: bool) -> ProgressStyle {
    let (signs, bar) = if unicode { ("◐◓◑◒ ", "━━─") } else { ("|/-\\ ", "##.") };
    let template =
        format!("{{spinner:.yellow}} {{prefix}}  {{bar:{BAR_WIDTH}.yellow}} {{pos}}/{{len}}  {{wide_msg}}");
    let style = ProgressStyle::with_template(&template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).tick_chars(signs).progress_chars(bar)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A template that cannot be read would silently become indicatif's own.
    #[test]
    fn the_templates_are_well_formed() {
        for template in ["{spinner:.yellow} {prefix}  {wide_msg}", "{bar:20.yellow} {pos}/{len}"] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
        let _ = (spinner(true), spinner(false), counted(true), counted(false));
    }
}
