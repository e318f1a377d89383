//! Tables in kubectl's manner: upper-case headers, no borders, left-aligned but for amounts.
//!
//! In a pipe nothing is cut or left out. On a narrow terminal columns are left out in a declared order, and
//! what then is still too wide wraps as the terminal likes: names are never cut.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use super::style::{Screen, Tone, printable};

/// A table, row by row.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
    gutter: usize,
    headers: bool,
    margin: bool,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    header: Cow<'static, str>,
    right: bool,
    dropped: Option<u8>,
}

/// A line of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Goes into the margin, where there is one.
    pub mark: Tone,
    /// As many as there are columns.
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

/// Columns in the order in which a narrow terminal loses them.
const DROPPED_FIRST_TO_LAST: [&str; 4] = ["AGE", "CPU", "MEMORY", "KIND"];

/// Columns of amounts, which are compared by their last digit.
const AMOUNTS: [&str; 7] = ["CPU", "MEMORY", "PEAK MEMORY", "READ", "WRITTEN", "USER", "SYSTEM"];

/// The narrowest column of kubectl, gutter included.
const COLUMN_MIN: usize = 6;

impl Table {
    /// A table as kubectl prints it.
    pub fn new(headers: &[&'static str]) -> Self {
        Self::of(headers.iter().map(|header| Cow::Borrowed(*header)))
    }

    /// The same, with headers that somebody wrote.
    pub fn of(headers: impl IntoIterator<Item = Cow<'static, str>>) -> Self {
        let columns = headers.into_iter().map(Column::new).collect();
        Self { columns, rows: Vec::new(), gutter: 3, headers: true, margin: false }
    }

    /// The headline screen's: a narrower gutter, and on a terminal a margin with a glyph for each row.
    pub fn with_margin(headers: &[&'static str], margin: bool) -> Self {
        Self { gutter: 2, margin, ..Self::new(headers) }
    }

    /// Whether the line of headers is printed.
    #[must_use]
    pub fn headers(mut self, wanted: bool) -> Self {
        self.headers = wanted;
        self
    }

    /// Adds a row.
    pub fn push(&mut self, mark: Tone, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(Row { mark, cells });
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, each line with its newline.
    pub fn render(&self, screen: Screen) -> String {
        let shown = self.columns_that_fit(screen.width);
        let widths: Vec<usize> = shown.iter().map(|column| self.width(*column)).collect();
        let mut text = String::new();
        if self.headers {
            let cells: Vec<Cell> =
                self.columns.iter().map(|column| Cell::plain(column.header.as_ref())).collect();
            self.line(&mut text, " ", &cells, &shown, &widths, screen);
        }
        for row in &self.rows {
            self.line(&mut text, &screen.glyph(row.mark), &row.cells, &shown, &widths, screen);
        }
        text
    }

    /// One more line, as it would stand below: for what comes after a table was printed.
    pub fn line_below(&self, cells: &[Cell], screen: Screen) -> String {
        let shown = self.columns_that_fit(screen.width);
        let widths: Vec<usize> = shown.iter().map(|column| self.width(*column)).collect();
        let mut text = String::new();
        self.line(&mut text, " ", cells, &shown, &widths, screen);
        text
    }

    fn line(
        &self,
        text: &mut String,
        mark: &str,
        cells: &[Cell],
        shown: &[usize],
        widths: &[usize],
        screen: Screen,
    ) {
        let start = text.len();
        if self.margin {
            text.push_str(mark);
            text.push(' ');
        }
        let mut pending = 0;
        for (&column, &width) in shown.iter().zip(widths) {
            let Some(cell) = cells.get(column) else { continue };
            let free = width.saturating_sub(cell.text.width());
            let (before, after) = if self.columns[column].right { (free, 0) } else { (0, free) };
            if !cell.text.is_empty() {
                text.extend(std::iter::repeat_n(' ', pending + before));
                pending = 0;
            } else {
                pending += before;
            }
            text.push_str(&screen.paint(&cell.text, cell.tone));
            pending += after + self.gap(width);
        }
        let end = text.trim_end_matches(' ').len().max(start);
        text.truncate(end);
        text.push('\n');
    }

    /// What stands between a column of this width and the next.
    fn gap(&self, width: usize) -> usize {
        if self.margin { self.gutter } else { self.gutter.max(COLUMN_MIN.saturating_sub(width)) }
    }

    fn width(&self, column: usize) -> usize {
        let header = if self.headers { self.columns[column].header.width() } else { 0 };
        let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
        cells.map(|cell| cell.text.width()).fold(header, usize::max)
    }

    /// All columns; on a terminal that is too narrow, those that are left when enough have been dropped.
    fn columns_that_fit(&self, width: Option<usize>) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let Some(available) = width else { return shown };
        let order = (0..).map(|turn| self.columns.iter().position(|column| column.dropped == Some(turn)));
        for dropped in order.take(DROPPED_FIRST_TO_LAST.len()) {
            if self.total(&shown) <= available {
                break;
            }
            shown.retain(|column| Some(*column) != dropped);
        }
        shown
    }

    fn total(&self, shown: &[usize]) -> usize {
        let widths = shown.iter().map(|column| self.width(*column));
        let all: usize = widths.map(|width| width + self.gap(width)).sum();
        all.saturating_sub(self.gutter) + if self.margin { 2 } else { 0 }
    }
}

impl Column {
    fn new(header: Cow<'static, str>) -> Self {
        let turn = DROPPED_FIRST_TO_LAST.iter().position(|dropped| *dropped == header);
        Self {
            right: AMOUNTS.contains(&header.as_ref()),
            dropped: turn.and_then(|turn| u8::try_from(turn).ok()),
            header,
        }
    }
}

impl Cell {
    /// Text without colour.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.text.width()
    }

    /// Text in the colour of a tone. Whatever would move the cursor is shown instead.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: printable(&text.into()).into_owned(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::plain(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
        table.push(Tone::Well, ["web-0", "1/1", "Running", "0", "4d3h"].map(Cell::from).to_vec());
        table.push(
            Tone::Failing,
            ["mailer-0", "0/1", "CrashLoopBackOff", "12 (37s ago)", "22m"].map(Cell::from).to_vec(),
        );
        table
    }

    #[test]
    fn kubectls_look() {
        insta::assert_snapshot!(table().render(Screen::pipe()), @r"
        NAME       READY   STATUS             RESTARTS       AGE
        web-0      1/1     Running            0              4d3h
        mailer-0   0/1     CrashLoopBackOff   12 (37s ago)   22m
        ");
    }

    #[test]
    fn a_narrow_terminal_loses_the_age_first() {
        let narrow = Screen { width: Some(55), terminal: true, ..Screen::pipe() };
        insta::assert_snapshot!(table().render(narrow), @r"
        NAME       READY   STATUS             RESTARTS
        web-0      1/1     Running            0
        mailer-0   0/1     CrashLoopBackOff   12 (37s ago)
        ");
    }

    #[test]
    fn columns_go_in_the_declared_order() {
        let mut table = Table::with_margin(&["UNIT", "KIND", "CPU", "MEMORY", "AGE"], true);
        table.push(Tone::Well, ["db", "service", "2%", "312Mi", "4d3h"].map(Cell::from).to_vec());
        let at = |width| {
            let text = table.render(Screen { width: Some(width), ..Screen::pipe() });
            text.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(at(80), "UNIT KIND CPU MEMORY AGE");
        assert_eq!(at(29), "UNIT KIND CPU MEMORY");
        assert_eq!(at(24), "UNIT KIND MEMORY");
        assert_eq!(at(16), "UNIT KIND");
        assert_eq!(at(10), "UNIT");
        assert_eq!(at(1), "UNIT");
    }

    #[test]
    fn wide_characters_are_measured_and_amounts_end_together() {
        let mut table = Table::with_margin(&["UNIT", "CPU", "STATUS"], true);
        table.push(Tone::Well, ["日本", "2%", "Running"].map(Cell::from).to_vec());
        table.push(Tone::Rest, ["ab", "100%", ""].map(Cell::from).to_vec());
        let expected = "  UNIT   CPU  STATUS\n● 日本    2%  Running\n○ ab    100%\n";
        assert_eq!(table.render(Screen::pipe()), expected);
    }

    #[test]
    fn colour_does_not_count_as_width() {
        let mut table = Table::new(&["NAME", "STATUS", "AGE"]);
        table.push(Tone::Well, vec!["a".into(), Cell::toned("Running", Tone::Well), "1s".into()]);
        let colored = table.render(Screen { color: true, ..Screen::pipe() });
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), table.render(Screen::pipe()));
        assert!(colored.contains("\u{1b}[32mRunning\u{1b}[0m"));
    }
}
