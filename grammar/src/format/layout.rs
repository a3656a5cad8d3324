//! Layouts: text with places where a line may break, and the choice of which of them do.
//!
//! A group is printed on one line if it fits, otherwise all of its own breaks become line breaks; groups inside
//! decide for themselves. This is the classic pretty printer of Wadler, extended by text that moves to the end of
//! its line, as trailing comments must.

/// A piece of text with possible line breaks.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// Text without line breaks.
    Text(String),
    /// One after the other.
    Concat(Vec<Layout>),
    /// A blank, or a line break if the group is broken.
    Line,
    /// Nothing, or a line break if the group is broken.
    SoftLine,
    /// Always a line break.
    HardLine,
    /// Text only if the group is broken.
    IfBroken(&'static str),
    /// Text that waits for the end of its line, and breaks all groups around it.
    Suffix(String),
    /// Two columns further right.
    Indent(Box<Layout>),
    /// Broken as one; the flag says that it has to be.
    Group(Box<Layout>, bool),
}

impl Layout {
    pub(super) fn text(text: impl Into<String>) -> Layout {
        Layout::Text(text.into())
    }

    pub(super) fn empty() -> Layout {
        Layout::Concat(Vec::new())
    }

    pub(super) fn concat(parts: impl IntoIterator<Item = Layout>) -> Layout {
        Layout::Concat(parts.into_iter().collect())
    }

    pub(super) fn indent(inner: Layout) -> Layout {
        Layout::Indent(Box::new(inner))
    }

    pub(super) fn group(inner: Layout) -> Layout {
        let broken = inner.must_break();
        Layout::Group(Box::new(inner), broken)
    }

    /// True if it cannot be printed on one line.
    pub(super) fn must_break(&self) -> bool {
        match self {
            Layout::HardLine | Layout::Suffix(_) => true,
            Layout::Text(_) | Layout::Line | Layout::SoftLine | Layout::IfBroken(_) => false,
            Layout::Concat(parts) => parts.iter().any(Layout::must_break),
            Layout::Indent(inner) => inner.must_break(),
            Layout::Group(_, broken) => *broken,
        }
    }
}

#[derive(Clone, Copy)]
struct Command<'l> {
    layout: &'l Layout,
    indent: usize,
    broken: bool,
}

/// Prints `layout` within `width` columns where possible.
pub(super) fn render(layout: &Layout, width: usize) -> String {
    let mut out = Output { text: String::new(), column: 0, suffixes: Vec::new() };
    let mut commands = vec![Command { layout, indent: 0, broken: true }];
    while let Some(command) = commands.pop() {
        let Command { layout, indent, broken } = command;
        match layout {
            Layout::Text(text) => out.push(text),
            Layout::Concat(parts) => {
                commands.extend(parts.iter().rev().map(|layout| Command { layout, ..command }));
            }
            Layout::Line if !broken => out.push(" "),
            Layout::SoftLine if !broken => {}
            Layout::Line | Layout::SoftLine | Layout::HardLine => out.line_break(indent),
            Layout::IfBroken(text) if broken => out.push(text),
            Layout::IfBroken(_) => {}
            Layout::Suffix(text) => out.suffixes.push(text.clone()),
            Layout::Indent(layout) => commands.push(Command { layout, indent: indent + 2, broken }),
            Layout::Group(layout, must_break) => {
                let flat = Command { layout, indent, broken: false };
                let fits = !must_break && fits(flat, &commands, width.saturating_sub(out.column));
                commands.push(Command { broken: !fits, ..flat });
            }
        }
    }
    out.flush_suffixes();
    let trimmed = out.text.trim_end().len();
    out.text.truncate(trimmed);
    out.text
}

struct Output {
    text: String,
    column: usize,
    suffixes: Vec<String>,
}

impl Output {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn flush_suffixes(&mut self) {
        for suffix in std::mem::take(&mut self.suffixes) {
            let trimmed = self.text.trim_end_matches(' ').len();
            self.text.truncate(trimmed);
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push(' ');
            }
            self.text.push_str(&suffix);
        }
    }

    fn line_break(&mut self, indent: usize) {
        self.flush_suffixes();
        let trimmed = self.text.trim_end_matches(' ').len();
        self.text.truncate(trimmed);
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }
}

/// True if `first`, and what follows it up to the next possible line break, fits into `room` columns.
fn fits(first: Command<'_>, rest: &[Command<'_>], room: usize) -> bool {
    let mut room = room;
    let mut rest = rest.iter().rev();
    let mut commands = vec![(first, true)];
    loop {
        let (command, inside) = match commands.pop() {
            Some(next) => next,
            // What follows is broken already or may still break, so its first line break ends the line.
            None => match rest.next() {
                Some(command) => (Command { broken: true, ..*command }, false),
                None => return true,
            },
        };
        match command.layout {
            Layout::Text(text) => match room.checked_sub(text.chars().count()) {
                Some(left) => room = left,
                None => return false,
            },
            Layout::Concat(parts) => {
                commands.extend(parts.iter().rev().map(|layout| (Command { layout, ..command }, inside)));
            }
            Layout::Line if inside => match room.checked_sub(1) {
                Some(left) => room = left,
                None => return false,
            },
            Layout::SoftLine if inside => {}
            Layout::Line | Layout::SoftLine | Layout::HardLine => return true,
            Layout::IfBroken(_) | Layout::Suffix(_) => {}
            Layout::Indent(layout) | Layout::Group(layout, _) => {
                commands.push((Command { layout, ..command }, inside))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Layout {
        let mut inner = vec![Layout::SoftLine];
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                inner.extend([Layout::text(","), Layout::Line]);
            }
            inner.push(Layout::text(*item));
        }
        inner.push(Layout::IfBroken(","));
        let body = Layout::indent(Layout::Concat(inner));
        Layout::group(Layout::concat([Layout::text("["), body, Layout::SoftLine, Layout::text("]")]))
    }

    #[test]
    fn a_group_breaks_only_if_it_must() {
        assert_eq!(render(&list(&["a", "b"]), 6), "[a, b]");
        assert_eq!(render(&list(&["a", "b"]), 5), "[\n  a,\n  b,\n]");
    }

    #[test]
    fn what_follows_a_group_counts_up_to_its_first_break() {
        let layout = Layout::concat([list(&["a"]), Layout::text(" == "), list(&["bbbb", "cccc"])]);
        assert_eq!(render(&layout, 10), "[a] == [\n  bbbb,\n  cccc,\n]");
    }

    #[test]
    fn a_suffix_moves_behind_its_line_and_breaks_its_group() {
        let inner = Layout::concat([
            Layout::text("a"),
            Layout::Suffix("# why".to_string()),
            Layout::text(","),
            Layout::Line,
            Layout::text("b"),
        ]);
        assert_eq!(render(&Layout::group(inner), 80), "a, # why\nb");
    }
}
