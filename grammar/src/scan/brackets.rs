//! Matches brackets, decides which one was forgotten when they do not match, and measures nesting.
//!
//! What makes the decisions good is knowing what cannot stand inside a bracket: a stage cannot begin inside a
//! record, and a definition cannot begin inside an expression. So an open record ends where the next stage
//! begins, not at the end of the file.

use super::tokens::{Kind, Token};
use super::{begins_definition, begins_source, is_reserved_operator};
use crate::span::Span;
use crate::words;

/// What the brackets of a text say.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    /// For every token, how many brackets are open around it; a bracket counts as outside of itself.
    pub(crate) depths: Vec<u32>,
    /// Brackets without a partner, with the place where one was expected.
    pub(crate) unclosed: Vec<(Span, Span)>,
    /// Closing brackets that nothing opened.
    pub(crate) stray_closes: Vec<Span>,
    /// The deepest nesting, counting brackets and the recursive forms without brackets (`if`, `match`).
    pub(crate) nesting: usize,
    /// The first token that is nested deeper than allowed.
    pub(crate) too_deep: Option<Span>,
    /// The greatest number of tokens in a row at one level without a separator.
    pub(crate) longest_run: usize,
    /// The first token of an expression that has too many operators in any case.
    pub(crate) too_long: Option<Span>,
}

/// What a bracket may contain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// An expression, a record, fields: neither stages nor items.
    Values,
    /// Arms, whose patterns use `|`.
    Arms,
    /// `let`s and a value.
    FnBlock,
    /// A pipeline, or the stages of a `pipe`.
    Stages,
    /// The steps of a test.
    Steps,
}

struct Level {
    open: Span,
    close: &'static str,
    inside: Inside,
    /// Recursive forms without brackets that are open at this level.
    pending: usize,
    /// `match`es at this level whose `{` has not come yet.
    matches: usize,
    /// Tokens of this level since the last separator.
    run: usize,
}

/// Tokens in a row without a separator that no expression within `DEPTH_MAX` can have.
const RUN_MAX: usize = 8 * crate::DEPTH_MAX;

struct Matcher<'s> {
    source: &'s str,
    tokens: &'s [Token],
    levels: Vec<Level>,
    /// What the next `{` of the current item holds, if a word has announced it.
    announced: Option<Inside>,
    base_pending: usize,
    base_matches: usize,
    base_run: usize,
    pending_total: usize,
    nesting_max: usize,
    out: Structure,
}

/// Matches the brackets of `tokens`.
pub(crate) fn structure(source: &str, tokens: &[Token], nesting_max: usize) -> Structure {
    let mut matcher = Matcher {
        source,
        tokens,
        levels: Vec::new(),
        announced: None,
        base_pending: 0,
        base_matches: 0,
        base_run: 0,
        pending_total: 0,
        nesting_max,
        out: Structure { depths: Vec::with_capacity(tokens.len()), ..Structure::default() },
    };
    for at in 0..tokens.len() {
        matcher.step(at);
    }
    let end = tokens.last().map_or(Span::at(0), |token| token.span.after());
    while !matcher.levels.is_empty() {
        matcher.pop_unclosed(end);
    }
    matcher.out
}

impl<'s> Matcher<'s> {
    fn text(&self, at: usize) -> &'s str {
        self.tokens.get(at).map_or("", |token| token.span.text(self.source))
    }

    fn step(&mut self, at: usize) {
        let Some(token) = self.tokens.get(at).copied() else { return };
        let text = token.span.text(self.source);
        self.close_what_cannot_contain(at, token, text);
        match token.kind {
            Kind::Open => {
                self.out.depths.push(self.depth());
                self.open(at, token.span, text);
            }
            Kind::Close => {
                self.close(token.span, text);
                self.out.depths.push(self.depth());
            }
            _ => {
                self.out.depths.push(self.depth());
                self.note_word(at, token.kind, text);
            }
        }
        let run = self.levels.last_mut().map_or(&mut self.base_run, |level| &mut level.run);
        *run += 1;
        self.out.longest_run = self.out.longest_run.max(*run);
        if *run > RUN_MAX && self.out.too_long.is_none() {
            self.out.too_long = Some(token.span);
        }
        let nesting = self.levels.len() + self.pending_total;
        self.out.nesting = self.out.nesting.max(nesting);
        if nesting > self.nesting_max && self.out.too_deep.is_none() {
            self.out.too_deep = Some(token.span);
        }
    }

    fn depth(&self) -> u32 {
        u32::try_from(self.levels.len()).unwrap_or(u32::MAX)
    }

    /// Gives up brackets that `token` proves to be unclosed.
    fn close_what_cannot_contain(&mut self, at: usize, token: Token, text: &str) {
        if self.levels.is_empty() {
            return;
        }
        let previous = at.checked_sub(1).map_or("", |before| self.text(before));
        if matches!(text, "|" | "|>") {
            let stage_follows = token.first_on_line || words::STAGES.contains(&self.text(at + 1));
            while stage_follows && self.inside() == Some(Inside::Values) {
                self.pop_unclosed(token.span);
            }
        } else if token.first_on_line && token.kind == Kind::Word {
            let definition = begins_definition(self.source, self.tokens, at);
            let can_begin = !matches!(previous, "(" | "[" | "=" | "==" | ",");
            if definition || (can_begin && begins_source(self.source, self.tokens, at)) {
                let block_let = text == "let";
                while let Some(inside) = self.inside() {
                    let stays = match inside {
                        Inside::Values | Inside::Arms => false,
                        Inside::FnBlock => block_let,
                        Inside::Stages | Inside::Steps => !definition,
                    };
                    if stays {
                        break;
                    }
                    self.pop_unclosed(token.span);
                }
            }
        }
    }

    fn inside(&self) -> Option<Inside> {
        self.levels.last().map(|level| level.inside)
    }

    fn open(&mut self, at: usize, span: Span, text: &str) {
        let previous = at.checked_sub(1).map_or("", |before| self.text(before));
        let next = self.text(at + 1);
        let (close, inside) = match text {
            "(" => {
                let dataset = matches!(previous, "join" | "union" | "intersect" | "except" | "all");
                let pipeline = matches!(next, "from" | "read" | "rows");
                (")", if dataset || pipeline { Inside::Stages } else { Inside::Values })
            }
            "[" => ("]", Inside::Values),
            _ => ("}", self.brace_inside(previous)),
        };
        self.levels.push(Level { open: span, close, inside, pending: 0, matches: 0, run: 0 });
    }

    fn brace_inside(&mut self, previous: &str) -> Inside {
        let matches = self.levels.last_mut().map_or(&mut self.base_matches, |level| &mut level.matches);
        let operand_before = !matches!(previous, "," | "(" | "[" | ":" | "=" | "->") || previous == "match";
        if *matches > 0 && operand_before {
            *matches -= 1;
            return Inside::Arms;
        }
        if previous == "=" || !self.levels.is_empty() {
            return Inside::Values;
        }
        self.announced.take().unwrap_or(Inside::Values)
    }

    fn close(&mut self, span: Span, text: &str) {
        if !self.levels.iter().any(|level| level.close == text) {
            self.out.stray_closes.push(span);
            return;
        }
        while let Some(level) = self.levels.last() {
            if level.close == text {
                self.pop();
                return;
            }
            self.pop_unclosed(span);
        }
    }

    fn pop(&mut self) -> Option<Level> {
        let level = self.levels.pop()?;
        self.pending_total -= level.pending;
        Some(level)
    }

    fn pop_unclosed(&mut self, expected: Span) {
        if let Some(level) = self.pop() {
            self.out.unclosed.push((level.open, expected));
        }
    }

    /// Keeps count of the forms that nest without brackets, and of what the next `{` will hold.
    fn note_word(&mut self, at: usize, kind: Kind, text: &str) {
        let previous = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let after_operand = previous.is_some_and(|token| self.ends_operand(token));
        let separator = matches!(text, "," | ";" | "=>" | "|" | "|>");
        let begins_operand = match kind {
            Kind::Word => !is_reserved_operator(text) && text != "not",
            Kind::Quoted | Kind::Number | Kind::Instant | Kind::Str | Kind::FStart => true,
            _ => text == "$",
        };
        if separator || (after_operand && begins_operand) {
            self.reset_pending();
        }
        let recursive = match kind {
            Kind::Word => matches!(text, "if" | "match"),
            _ => text == "<" && previous.is_some_and(|token| token.span.text(self.source) == "list"),
        };
        if recursive {
            *self.level_pending() += 1;
            self.pending_total += 1;
        }
        if kind == Kind::Word {
            match text {
                "match" => *self.level_matches() += 1,
                "pipe" | "iterate" if self.levels.is_empty() => self.announced = Some(Inside::Stages),
                "rounds" | "until" if self.levels.is_empty() => self.announced = Some(Inside::Stages),
                "test" if self.levels.is_empty() => self.announced = Some(Inside::Steps),
                "fn" if self.levels.is_empty() => self.announced = Some(Inside::FnBlock),
                _ if self.levels.is_empty() && words::ITEMS.contains(&text) => self.announced = None,
                _ => {}
            }
        } else if self.levels.is_empty() && matches!(text, "|" | "|>") {
            self.announced = None;
        }
    }

    fn ends_operand(&self, token: &Token) -> bool {
        match token.kind {
            Kind::Word => {
                let text = token.span.text(self.source);
                !is_reserved_operator(text) && !matches!(text, "not" | "if" | "match" | "each")
            }
            Kind::Quoted
            | Kind::Number
            | Kind::Instant
            | Kind::Str
            | Kind::FStart
            | Kind::FRest
            | Kind::Close => true,
            Kind::Open | Kind::Punct | Kind::Unknown => false,
        }
    }

    fn level_pending(&mut self) -> &mut usize {
        self.levels.last_mut().map_or(&mut self.base_pending, |level| &mut level.pending)
    }

    fn level_matches(&mut self) -> &mut usize {
        self.levels.last_mut().map_or(&mut self.base_matches, |level| &mut level.matches)
    }

    fn reset_pending(&mut self) {
        let pending = std::mem::take(self.level_pending());
        self.pending_total -= pending;
        *self.level_matches() = 0;
        *self.levels.last_mut().map_or(&mut self.base_run, |level| &mut level.run) = 0;
    }
}
