//! Recovery: a chunk that does not parse is read piece by piece, each piece on its own.
//!
//! Pipelines are cut at their bars, `pipe`s at the bars in their body, tests at their steps. What a piece means
//! is kept if it parses; otherwise its first mistake is reported and an `Error` node stands in its place.

use super::Parse;
use crate::ERRORS_MAX;
use crate::ast::*;
use crate::build_ast::Children;
use crate::parser::{Failure, Node, Rule, parse_rule};
use crate::scan::{Kind, token_range};
use crate::span::Span;
use crate::words;

impl<'s> Parse<'s> {
    /// Reads the tokens `from..to`, which failed to parse as a whole.
    pub(super) fn recover(&mut self, from: usize, to: usize, failure: Failure) {
        let errors_before = self.errors.len();
        let kind = match self.text(from) {
            _ if failure.exhausted => ItemKind::Error,
            "pipe" => self.recover_pipe(from, to),
            "test" => self.recover_test(from, to),
            "let" if self.text(from + 3) == "iterate" => ItemKind::Error,
            "let" | "read" | "from" | "rows" => self.recover_pipeline(from, to),
            "import" | "schema" | "param" | "const" | "fn" => ItemKind::Error,
            _ if matches!(self.text(from + 1), "|" | "|>") => self.recover_pipeline(from, to),
            _ => ItemKind::Error,
        };
        if self.errors.len() == errors_before {
            self.report(&failure, from, to);
        }
        let place = token_range(self.tokens, from, to);
        let item = self.builder(place).assembled(kind, place);
        self.items.push(item);
    }

    /// The beginnings of the stages in the tokens `from..to` that are `depth` brackets deep.
    fn stage_starts(&self, from: usize, to: usize, depth: u32) -> Vec<usize> {
        let mut starts = Vec::new();
        let mut stage = "";
        for at in from..to {
            if self.depth(at) != depth {
                continue;
            }
            let bar = matches!(self.text(at), "|" | "|>");
            if bar || self.is_stray_stage(at, from, stage) {
                starts.push(at);
                stage = self.text(at + usize::from(bar));
            }
        }
        starts
    }

    /// True if a stage word without its bar stands at `at`, where the stage before it cannot want it.
    fn is_stray_stage(&self, at: usize, from: usize, stage: &str) -> bool {
        let Some(token) = self.tokens.get(at) else { return false };
        if !token.first_on_line || at <= from || !words::STAGES.contains(&self.text(at)) {
            return false;
        }
        let clause = self.text(at) == "sort" && matches!(stage, "take" | "window" | "distinct");
        let after_value =
            !matches!(self.text(at - 1), "|" | "|>" | "," | ":" | "=" | "==" | "and" | "or" | "not");
        let used_as_name =
            matches!(self.text(at + 1), ":" | "," | "." | "=" | "==" | "(" | "+" | "-" | "*" | "/");
        after_value && !clause && !used_as_name
    }

    fn recover_pipeline(&mut self, from: usize, to: usize) -> ItemKind {
        let starts = self.stage_starts(from, to, self.depth(from));
        let head_end = starts.first().copied().unwrap_or(to);
        let head = token_range(self.tokens, from, head_end);
        let mut name = None;
        let source = match self.piece(Rule::only_head, from, head_end) {
            Some(mut nodes) => {
                let mut builder = self.builder(head);
                let node = match nodes.pop() {
                    Some(node) if node.as_rule() == Rule::let_head => {
                        let mut children = Children::of(node);
                        name = children.accept(Rule::ident).map(|ident| builder.name(&ident));
                        children.next()
                    }
                    node => node,
                };
                let source = builder.source(node, head);
                let mut errors = builder.errors;
                self.errors.append(&mut errors);
                source
            }
            None => Source { kind: SourceKind::Error, span: head },
        };
        if name.is_none() && self.text(from) == "let" {
            name = self.name_token(from + 1);
        }
        let start = source.span;
        let stages = self.stages(&starts, to, Some(start));
        let span = start.to(token_range(self.tokens, from, to).after());
        let pipeline = Pipeline { source, stages, span };
        match name {
            Some(name) => ItemKind::Let(LetDef { name, value: LetValue::Pipeline(pipeline) }),
            None => ItemKind::Pipeline(pipeline),
        }
    }

    fn stages(&mut self, starts: &[usize], to: usize, pipeline: Option<Span>) -> Vec<Stage> {
        let ends = starts.iter().skip(1).copied().chain([to]);
        let mut stages = Vec::new();
        for (from, to) in starts.iter().copied().zip(ends) {
            if self.errors.len() >= ERRORS_MAX {
                break;
            }
            stages.push(self.stage(from, to, pipeline));
        }
        stages
    }

    fn stage(&mut self, from: usize, to: usize, pipeline: Option<Span>) -> Stage {
        let place = token_range(self.tokens, from, to);
        if let Some(node) = self.piece(Rule::only_stage, from, to).and_then(|mut nodes| nodes.pop()) {
            let mut builder = self.builder(place);
            let stage = builder.stage(node, pipeline);
            let mut errors = builder.errors;
            self.errors.append(&mut errors);
            return stage;
        }
        let has_bar = matches!(self.text(from), "|" | "|>");
        let token = |at: usize| self.tokens.get(at).map_or(place, |token| token.span);
        let keyword = if has_bar && from + 1 < to { token(from + 1) } else { token(from) };
        let bar = if has_bar { token(from) } else { place.before() };
        Stage { kind: StageKind::Error, span: Span::new(keyword.start, place.end), keyword, bar }
    }

    /// Parses the tokens `from..to` as `rule`, without the end of the text; reports why if they do not.
    fn piece(&mut self, rule: Rule, from: usize, to: usize) -> Option<Vec<Node<'s>>> {
        let source: &'s str = self.source;
        let place = token_range(self.tokens, from, to);
        match parse_rule(rule, place.text(source)) {
            Ok(pairs) => {
                let inner = pairs.flat_map(|outer| outer.into_inner());
                Some(inner.filter(|node| node.as_rule() != Rule::EOI).collect())
            }
            Err(failure) => {
                self.report(&failure.moved(place.start), from, to);
                None
            }
        }
    }

    fn name_token(&self, at: usize) -> Option<Name> {
        let token = self.tokens.get(at).filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted))?;
        Some(Name { text: self.text(at).trim_matches('`').to_string(), span: token.span })
    }

    /// The token behind the `{` of the body and the one of its `}` (or the end), of an item at `from..to`.
    fn body(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let outside = self.depth(from);
        let open = (from..to).find(|&at| self.text(at) == "{" && self.depth(at) == outside)?;
        let close = (open + 1..to).find(|&at| self.depth(at) == outside).unwrap_or(to);
        Some((open + 1, close))
    }

    fn recover_pipe(&mut self, from: usize, to: usize) -> ItemKind {
        let Some((body, end)) = self.body(from, to) else { return ItemKind::Error };
        let Some(mut nodes) = self.piece(Rule::only_pipe, from, body - 1) else { return ItemKind::Error };
        let place = token_range(self.tokens, from, to);
        let (name, params) = self.builder(place).pipe_head(nodes.pop(), place);
        let mut starts = self.stage_starts(body, end, self.depth(from) + 1);
        if starts.first() != Some(&body) && body < end {
            starts.insert(0, body);
        }
        let stages = self.stages(&starts, end, None);
        ItemKind::Pipe(PipeDef { name, params, stages })
    }

    fn recover_test(&mut self, from: usize, to: usize) -> ItemKind {
        let Some((body, end)) = self.body(from, to) else { return ItemKind::Error };
        let Some(nodes) = self.piece(Rule::only_test, from, body - 1) else { return ItemKind::Error };
        let place = token_range(self.tokens, from, to);
        let name = self.builder(place).test_name(nodes, place);
        let begins = |at: &usize| {
            let first = self.tokens.get(*at).is_some_and(|token| token.first_on_line);
            let step =
                matches!(self.text(*at), "given" | "expect") && self.depth(*at) == self.depth(from) + 1;
            *at == body || (step && first)
        };
        let starts: Vec<usize> = (body..end).filter(begins).collect();
        let ends: Vec<usize> = starts.iter().skip(1).copied().chain([end]).collect();
        let mut steps = Vec::new();
        for (from, to) in starts.into_iter().zip(ends) {
            if self.errors.len() >= ERRORS_MAX {
                break;
            }
            let place = token_range(self.tokens, from, to);
            if let Some(node) = self.piece(Rule::only_step, from, to).and_then(|mut nodes| nodes.pop()) {
                let mut builder = self.builder(place);
                steps.push(builder.step(node));
                let mut errors = builder.errors;
                self.errors.append(&mut errors);
            }
        }
        ItemKind::Test(TestDef { name, steps })
    }
}
