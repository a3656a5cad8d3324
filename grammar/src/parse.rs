//! Text to syntax tree: the entry point that puts scanning, parsing, recovery and building together.
//!
//! The text is cut into chunks where items begin, each chunk is parsed as a whole, and a chunk that does not
//! parse is taken apart at its stages, so that every stage can report its own mistake.
//! Invariants: total, never panics, linear in the size of the text; at most `ERRORS_MAX` errors are returned.

mod expected;
mod explain;
mod recover;

use crate::ast::{Item, Program};
use crate::build_ast::{Builder, Children};
use crate::error::SyntaxError;
use crate::parser::{Failure, Rule, parse_rule};
use crate::scan::{Scan, Structure, Token, begins_definition, begins_item, scan, structure, token_range};
use crate::span::Span;
use crate::{DEPTH_MAX, ERRORS_MAX, NESTING_MAX, SOURCE_BYTES_MAX};

/// Nesting up to which any thread's stack is certainly large enough.
const NESTING_ANYWHERE: usize = 12;

/// Stack of the thread that parses deeply nested programs; only what is used of it is ever allocated.
const STACK_BYTES: usize = 128 << 20;

/// Parses a program. The tree is always usable: what could not be read is an `Error` node in it, and every such
/// node has an error in the list, which is in source order.
pub fn parse(source: &str) -> (Program, Vec<SyntaxError>) {
    parse_from(source, 0)
}

/// Parses the program that begins at byte `base` of `source` and ends with it: one of several texts that stand
/// behind each other, so that a place names its text too. The places in the tree are places in all of `source`.
pub fn parse_from(source: &str, base: u32) -> (Program, Vec<SyntaxError>) {
    parse_and(source, base, |program, _| program)
}

/// Parses a program and passes it on where the stack is large enough for the depth of its tree.
pub(crate) fn parse_and<T: Send>(
    source: &str,
    base: u32,
    finish: impl Fn(Program, &[SyntaxError]) -> T + Sync,
) -> (T, Vec<SyntaxError>) {
    let refuse = |error: SyntaxError| {
        let errors = vec![error];
        (finish(Program::default(), &errors), errors)
    };
    if source.len().saturating_sub(base as usize) > SOURCE_BYTES_MAX {
        let start = Span::at(base);
        let error = SyntaxError::new("F1021", start, "this program is too large")
            .label(start, format!("more than {} MiB", SOURCE_BYTES_MAX >> 20))
            .note("large tables belong in files: use `read` instead of `rows`");
        return refuse(error);
    }
    let scan = scan(source, base as usize);
    let structure = structure(source, &scan.tokens, NESTING_MAX);
    if let Some(place) = structure.too_deep {
        let error = SyntaxError::new("F1008", place, "this is nested too deeply")
            .label(place, format!("more than {NESTING_MAX} brackets, `if`s or `match`es are open here"))
            .note("name a part of it with `fn` or `let`");
        return refuse(error);
    }
    if let Some(place) = structure.too_long {
        let error = SyntaxError::new("F1008", place, "this expression is too long")
            .label(place, format!("more than {DEPTH_MAX} operators in a row"))
            .note("for many alternatives, use `x in [a, b, c]` or `match`; name a part of it with `fn`");
        return refuse(error);
    }
    on_large_stack(structure.nesting.max(structure.longest_run / 8), || {
        let (items, errors) = Parse::new(source, base, &scan, &structure).run();
        let program = Program { items, comments: scan.comments.clone() };
        (finish(program, &errors), errors)
    })
}

/// Runs `work` where its recursion fits: deep nesting gets a thread of its own.
fn on_large_stack<T: Send>(nesting: usize, work: impl Fn() -> T + Sync) -> T {
    if nesting <= NESTING_ANYWHERE {
        return work();
    }
    let work = &work;
    let finished = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    });
    // Without a second thread the parser's own stack guard still turns exhaustion into an error.
    finished.unwrap_or_else(work)
}

/// The state of one parse.
struct Parse<'s> {
    source: &'s str,
    /// Where the program begins in `source`.
    text_start: u32,
    scan: &'s Scan,
    tokens: &'s [Token],
    structure: &'s Structure,
    pipes: Vec<&'s str>,
    items: Vec<Item>,
    errors: Vec<SyntaxError>,
    /// The first token of the chunk that is being read.
    chunk_start: usize,
}

impl<'s> Parse<'s> {
    fn new(source: &'s str, text_start: u32, scan: &'s Scan, structure: &'s Structure) -> Parse<'s> {
        let tokens = scan.tokens.as_slice();
        Parse {
            source,
            text_start,
            scan,
            tokens,
            structure,
            pipes: Vec::new(),
            items: Vec::new(),
            errors: Vec::new(),
            chunk_start: 0,
        }
    }

    fn run(mut self) -> (Vec<Item>, Vec<SyntaxError>) {
        self.pipes = self.declared_pipes();
        self.errors.extend(self.scan.errors.iter().take(ERRORS_MAX).cloned());
        self.bracket_errors();
        let mut from = 0;
        while from < self.tokens.len() && self.errors.len() < ERRORS_MAX {
            if self.text(from) == ";" {
                self.semicolon(from);
                from += 1;
                continue;
            }
            let to = self.chunk_end(from);
            self.chunk(from, to);
            from = to;
        }
        let errors = in_order(self.errors);
        (self.items, errors)
    }

    fn text(&self, at: usize) -> &'s str {
        self.tokens.get(at).map_or("", |token| token.span.text(self.source))
    }

    fn depth(&self, at: usize) -> u32 {
        self.structure.depths.get(at).copied().unwrap_or(0)
    }

    fn declared_pipes(&self) -> Vec<&'s str> {
        let declares =
            |at: &usize| self.text(*at) == "pipe" && begins_definition(self.source, self.tokens, *at);
        (0..self.tokens.len()).filter(declares).map(|at| self.text(at + 1).trim_matches('`')).collect()
    }

    fn bracket_errors(&mut self) {
        for &(open, expected) in self.structure.unclosed.iter().take(ERRORS_MAX) {
            // An unclosed quote swallows closing brackets: it is the cause, this the effect.
            let between = open.to(expected.before());
            let spoils =
                |quote: &SyntaxError| between.touches(quote.span.start) || quote.span.touches(open.start);
            if self.scan.errors.iter().any(spoils) {
                continue;
            }
            let bracket = open.text(self.source);
            let close = match bracket {
                "(" => ")",
                "[" => "]",
                _ => "}",
            };
            let place = self.end_before(expected.start);
            let before = match expected.text(self.source) {
                "|" | "|>" => "before the next stage",
                ")" | "]" | "}" => "before this bracket closes",
                "" => "at the end",
                _ => "before the next item",
            };
            let error = SyntaxError::new("F1004", open, format!("this `{bracket}` is never closed"))
                .label(open, "")
                .label(place, format!("expected `{close}` here, {before}"))
                .fix(place, if close == "}" { " }" } else { close });
            self.errors.push(error);
        }
        for &place in self.structure.stray_closes.iter().take(ERRORS_MAX) {
            let bracket = place.text(self.source);
            let error = SyntaxError::new("F1022", place, format!("this `{bracket}` closes nothing"))
                .label(place, "no bracket of this kind is open here")
                .fix(place, "");
            self.errors.push(error);
        }
    }

    /// The place just behind the last token that ends at or before `at`.
    fn end_before(&self, at: u32) -> Span {
        let index = self.tokens.partition_point(|token| token.span.end <= at);
        let last = index.checked_sub(1).and_then(|last| self.tokens.get(last));
        last.map_or(Span::at(at), |token| token.span.after())
    }

    /// The index of the first token behind the chunk that begins at `from`.
    fn chunk_end(&self, from: usize) -> usize {
        let begins = |at: &usize| {
            self.depth(*at) == 0 && (self.text(*at) == ";" || begins_item(self.source, self.tokens, *at))
        };
        (from + 1..self.tokens.len()).find(begins).unwrap_or(self.tokens.len())
    }

    fn semicolon(&mut self, at: usize) {
        let place = token_range(self.tokens, at, at + 1);
        let error =
            SyntaxError::new("F1009", place, "`;` is not needed: an item ends where the next one begins")
                .label(place, "remove this")
                .fix(place, "");
        self.errors.push(error);
    }

    /// Parses the tokens `from..to`, which hold one item unless something is wrong.
    fn chunk(&mut self, from: usize, to: usize) {
        let place = token_range(self.tokens, from, to);
        self.chunk_start = from;
        match parse_rule(Rule::chunk, place.text(self.source)) {
            Ok(pairs) => {
                let mut builder = self.builder(place);
                let chunk = pairs.flat_map(Children::of);
                let items: Vec<Item> = chunk.map(|item| builder.item(item)).collect();
                self.errors.append(&mut builder.errors);
                self.items.extend(items);
            }
            Err(failure) => self.recover(from, to, failure.moved(place.start)),
        }
    }

    fn builder(&self, place: Span) -> Builder<'_> {
        let mut builder = Builder::new(self.source, &self.scan.comments, &self.pipes);
        builder.text_start = self.text_start;
        builder.base = place.start;
        builder
    }

    /// Reports what stopped the parser in the tokens `from..to`, unless a quote or bracket explains it already.
    fn report(&mut self, failure: &Failure, from: usize, to: usize) {
        let place = token_range(self.tokens, from, to);
        let within = |span: Span| place.start <= span.start && span.start <= place.end;
        let unclosed = self.structure.unclosed.iter();
        let explained = self.scan.errors.iter().any(|error| within(error.span))
            || unclosed.into_iter().any(|&(open, expected)| within(open) || within(expected))
            || self.structure.stray_closes.iter().any(|&span| within(span));
        if !explained || failure.exhausted {
            let error = self.explain(failure, from, to);
            self.errors.push(error);
        }
    }
}

/// Sorts errors by place and drops those that say less about a place than another one.
fn in_order(mut errors: Vec<SyntaxError>) -> Vec<SyntaxError> {
    let general = |error: &SyntaxError| error.code == "F1009";
    errors.sort_by_key(|error| (error.span.start, general(error), error.code));
    errors.dedup_by(|later, earlier| {
        later.span.start == earlier.span.start && (later.code == earlier.code || general(later))
    });
    errors.truncate(ERRORS_MAX);
    errors
}
