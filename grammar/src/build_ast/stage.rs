//! Stages and sources.

use super::{Builder, Children};
use crate::ast::*;
use crate::error::SyntaxError;
use crate::parser::{Node, Rule};
use crate::span::Span;
use crate::words::{foreign_edit, foreign_stage, similar};

impl Builder<'_> {
    /// A `pipeline` or `bare_pipeline` node.
    pub(crate) fn pipeline(&mut self, node: Option<Node<'_>>, near: Span) -> Pipeline {
        let Some(node) = node else {
            let source = Source { kind: SourceKind::Error, span: near.after() };
            return Pipeline { source, stages: Vec::new(), span: near.after() };
        };
        let span = self.span(&node);
        let mut children = Children::of(node);
        let head = children.next();
        let source = self.source(head, span);
        let start = source.span;
        let stages = children.map(|stage| self.stage(stage, Some(start))).collect();
        Pipeline { source, stages, span }
    }

    /// A `source` node, or the `path` of a pipeline that lacks its `from`.
    pub(crate) fn source(&mut self, node: Option<Node<'_>>, near: Span) -> Source {
        let Some(node) = node else { return Source { kind: SourceKind::Error, span: near.after() } };
        let span = self.span(&node);
        if node.as_rule() == Rule::path {
            let error = SyntaxError::new("F1009", span, "a pipeline begins with `read`, `from` or `rows`")
                .label(span, format!("to use the dataset `{0}`, write `from {0}`", node.as_str()))
                .fix(span.before(), "from ");
            self.error(error);
            return Source { kind: SourceKind::From(self.path(node)), span };
        }
        let kind = match node.into_inner().next() {
            Some(inner) if inner.as_rule() == Rule::read => self.read(inner, span),
            Some(inner) if inner.as_rule() == Rule::rows => SourceKind::Rows(self.rows(inner)),
            Some(inner) => {
                SourceKind::From(self.path_or_missing(Children::of(inner).accept(Rule::path), span))
            }
            None => SourceKind::Error,
        };
        Source { kind, span }
    }

    /// A `rows` node.
    pub(super) fn rows(&mut self, node: Node<'_>) -> Vec<Record> {
        Children::of(node).map(|record| self.record(record)).collect()
    }

    fn read(&mut self, node: Node<'_>, span: Span) -> SourceKind {
        let mut children = Children::of(node);
        let target = self.target(children.accept(Rule::target), span);
        let (mut format, mut schema, mut on_error) = (None, None, None);
        for clause in children {
            let place = self.span(&clause);
            match clause.as_rule() {
                Rule::as_format => {
                    let value = self.as_format(clause, place);
                    self.set_once(&mut format, value, place, "as");
                }
                Rule::with_schema => {
                    let value = self.schema_ref(clause, place);
                    self.set_once(&mut schema, value, place, "schema");
                }
                _ => {
                    if let Some(value) = self.on_error(clause, place) {
                        self.set_once(&mut on_error, value, place, "on_error");
                    }
                }
            }
        }
        SourceKind::Read(Box::new(Read { target, format, schema, on_error }))
    }

    fn schema_ref(&mut self, clause: Node<'_>, place: Span) -> SchemaRef {
        match Children::of(clause).next() {
            Some(node) if node.as_rule() == Rule::fields => SchemaRef::Inline(self.fields(node)),
            Some(node) if node.as_rule() == Rule::bad_schema => self.named_schema(node, place),
            path => SchemaRef::Named(self.path_or_missing(path, place)),
        }
    }

    /// `read "x" schema T { ... }`: taken for the body, without the name.
    fn named_schema(&mut self, node: Node<'_>, clause: Span) -> SchemaRef {
        let mut children = Children::of(node);
        let name = self.name_or_missing(children.accept(Rule::ident), clause);
        let fields = match children.accept(Rule::fields) {
            Some(fields) => self.fields(fields),
            None => Fields { fields: Vec::new(), span: clause.after() },
        };
        let error = SyntaxError::new("F1014", name.span, "a schema has a name or a body here, not both")
            .label(
                name.span,
                format!("drop the name, or define `schema {}` above and drop the body", name.text),
            )
            .fix(Span::new(name.span.start, fields.span.start), "");
        self.error(error);
        SchemaRef::Inline(fields)
    }

    fn as_format(&mut self, node: Node<'_>, near: Span) -> Format {
        let format = Children::of(node).accept(Rule::format);
        let span = format.as_ref().map_or(near, |node| self.span(node));
        let mut children = format.map(Children::of);
        let mut take = |rule| children.as_mut().and_then(|children| children.accept(rule));
        let name = self.name_or_missing(take(Rule::ident), near);
        let args = take(Rule::arguments).map(|node| self.arguments(node)).unwrap_or_default();
        Format { name, args, span }
    }

    fn on_error(&mut self, node: Node<'_>, near: Span) -> Option<OnError> {
        let mut children = Children::of(node);
        let word = children.next()?;
        let word_span = self.span(&word);
        let text = word.as_str().to_string();
        let arguments = children.accept(Rule::arguments);
        let args_span = arguments.as_ref().map(|node| self.span(node));
        let mut args = arguments.map(|node| self.arguments(node)).unwrap_or_default();
        let span = args_span.map_or(word_span, |place| word_span.to(place));
        let policy = match (text.as_str(), args.len()) {
            ("null", 0) => OnErrorPolicy::Null,
            ("fail", 0) => OnErrorPolicy::Fail,
            ("skip", 0) => OnErrorPolicy::Skip,
            ("quarantine", 1) => OnErrorPolicy::Quarantine(args.pop()?.value),
            ("quarantine", _) => {
                let error = SyntaxError::new("F1017", span, "`quarantine` needs one file for the bad rows")
                    .label(span, "write quarantine(\"bad.jsonl\")");
                self.error(error);
                return None;
            }
            _ => {
                self.unknown_option(&text, word_span, "policy", &["fail", "null", "skip", "quarantine"]);
                return None;
            }
        };
        Some(OnError { policy, span: if span.is_empty() { near } else { span } })
    }

    fn unknown_option(&mut self, word: &str, span: Span, what: &str, known: &[&str]) {
        let list = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let mut error = SyntaxError::new("F1017", span, format!("there is no {what} `{word}`"));
        error = match similar(word, known) {
            Some(found) => error.label(span, format!("did you mean `{found}`?")).fix(span, found),
            None => error.label(span, format!("unknown {what}")),
        };
        self.error(error.note(format!("known: {list}")));
    }

    /// A `stage` node of a pipeline that begins at `start`.
    pub(crate) fn stage(&mut self, node: Node<'_>, start: Option<Span>) -> Stage {
        let whole = self.span(&node);
        let mut children = Children::of(node);
        let bar_node = children.next();
        let stray = bar_node.as_ref().is_none_or(|node| node.as_rule() == Rule::stray);
        let bar = bar_node.map_or(whole.before(), |node| self.span(&node));
        let Some(body) = children.next() else {
            return Stage { kind: StageKind::Error, span: whole, keyword: whole, bar };
        };
        let span = self.span(&body);
        let keyword = self.keyword_span(&body, span);
        if stray {
            self.stray_stage(keyword, start);
        }
        let kind = self.stage_kind(body, span, keyword);
        Stage { kind, span, keyword, bar: if stray { span.before() } else { bar } }
    }

    fn keyword_span(&self, body: &Node<'_>, span: Span) -> Span {
        let first = body.clone().into_inner().next();
        first.map_or(span, |word| {
            let place = self.span(&word);
            if word.as_rule() == Rule::join_kind {
                let after = Span::new(place.end, span.end).text(self.source);
                let gap = after.find("join").map_or(0, |at| at + "join".len());
                return Span::new(place.start, place.end + crate::span::offset(gap));
            }
            place
        })
    }

    fn stray_stage(&mut self, keyword: Span, start: Option<Span>) {
        let word = keyword.text(self.source).to_string();
        let message = format!("`{word}` is a stage, so it needs a `|` before it");
        let caption = match start {
            Some(start) => {
                let line = crate::span::line_of(self.source, self.text_start, start.start);
                format!("add `|` here, to continue the pipeline that begins on line {line}")
            }
            None => "add `|` here".to_string(),
        };
        let error =
            SyntaxError::new("F1003", keyword, message).label(keyword, caption).fix(keyword.before(), "| ");
        self.error(error);
    }

    fn stage_kind(&mut self, body: Node<'_>, span: Span, keyword: Span) -> StageKind {
        let rule = body.as_rule();
        let mut children = Children::of(body);
        match rule {
            Rule::filter => StageKind::Filter(self.expr_or_missing(children.accept(Rule::expr), span)),
            Rule::skip => StageKind::Skip(self.expr_or_missing(children.accept(Rule::expr), span)),
            Rule::coalesce => StageKind::Coalesce(self.expr_or_missing(children.accept(Rule::expr), span)),
            Rule::check => {
                let condition = self.expr_or_missing(children.accept(Rule::expr), span);
                let message = children.next().map(|node| self.message(node));
                StageKind::Check { condition, message }
            }
            Rule::map => StageKind::Map(self.record_or_missing(children.accept(Rule::record), span)),
            Rule::reduce => StageKind::Reduce(self.record_or_missing(children.accept(Rule::record), span)),
            Rule::flat_map => StageKind::FlatMap(match children.accept(Rule::record) {
                Some(record) => self.each_record(record, keyword),
                None => Record { entries: Vec::new(), span: span.after() },
            }),
            Rule::reduce_by_key => StageKind::ReduceByKey {
                keys: self.keys(children.accept(Rule::keys)),
                record: self.record_or_missing(children.accept(Rule::record), span),
            },
            Rule::group_by_key => StageKind::GroupByKey {
                keys: self.keys(children.accept(Rule::keys)),
                into: self.name_or_missing(children.accept(Rule::ident), span),
            },
            Rule::count => StageKind::Count,
            Rule::distinct => StageKind::Distinct {
                on: self.keys(children.accept(Rule::keys)),
                sort: self.by_sort(children.accept(Rule::by_sort)),
            },
            Rule::sort => StageKind::Sort(self.sort_keys(children.accept(Rule::sort_keys))),
            Rule::take => self.take_stage(children, span),
            Rule::sample => self.sample(children, span),
            Rule::union => StageKind::Union(children.map(|node| self.dataset(Some(node), span)).collect()),
            Rule::intersect | Rule::except => {
                let all = children.accept(Rule::all).is_some();
                let dataset = self.dataset(children.accept(Rule::dataset), span);
                match rule {
                    Rule::intersect => StageKind::Intersect { all, dataset },
                    _ => StageKind::Except { all, dataset },
                }
            }
            Rule::join => StageKind::Join(Box::new(self.join(children, span))),
            Rule::window => StageKind::Window(Box::new(self.window(children, span))),
            Rule::persist => {
                StageKind::Persist { level: children.accept(Rule::ident).map(|level| self.name(&level)) }
            }
            Rule::repartition => {
                let count = self.expr_or_missing(children.accept(Rule::expr), span);
                let by = children.accept(Rule::by).map(|by| self.inner_expr(by, span));
                StageKind::Repartition { count, by }
            }
            Rule::through => self.through(children, span),
            Rule::write => self.write(children, span),
            Rule::show => self.show(children),
            _ => self.use_pipe(children, span),
        }
    }

    fn message(&mut self, node: Node<'_>) -> StrLit {
        let span = self.span(&node);
        let value = if node.as_rule() == Rule::bad_string {
            self.single_quoted(&node)
        } else {
            self.string_value(&node)
        };
        StrLit { value, span }
    }

    fn record_or_missing(&mut self, node: Option<Node<'_>>, near: Span) -> Record {
        match node {
            Some(node) => self.record(node),
            None => Record { entries: Vec::new(), span: near.after() },
        }
    }

    fn inner_expr(&mut self, node: Node<'_>, near: Span) -> Expr {
        self.expr_or_missing(Children::of(node).accept(Rule::expr), near)
    }

    fn by_sort(&mut self, node: Option<Node<'_>>) -> Vec<SortKey> {
        node.map(|node| self.sort_keys(Children::of(node).accept(Rule::sort_keys))).unwrap_or_default()
    }

    fn per(&mut self, node: Node<'_>) -> Vec<Key> {
        self.keys(Children::of(node).accept(Rule::keys))
    }

    fn take_stage(&mut self, mut children: Children<'_>, span: Span) -> StageKind {
        let count = self.expr_or_missing(children.accept(Rule::expr), span);
        let (mut per, mut sort) = (None, None);
        for clause in children {
            let place = self.span(&clause);
            if clause.as_rule() == Rule::per {
                let keys = self.per(clause);
                self.set_once(&mut per, keys, place, "per");
            } else {
                let keys = self.by_sort(Some(clause));
                self.set_once(&mut sort, keys, place, "sort");
            }
        }
        StageKind::Take { count, per: per.unwrap_or_default(), sort: sort.unwrap_or_default() }
    }

    fn sample(&mut self, mut children: Children<'_>, span: Span) -> StageKind {
        let amount = match children.next() {
            Some(node) if node.as_rule() == Rule::percent => SampleAmount::Percent(self.percent(node)),
            node => SampleAmount::Value(self.expr_or_missing(node, span)),
        };
        let (mut seed, mut replacement) = (None, None);
        for clause in children {
            let place = self.span(&clause);
            if clause.as_rule() == Rule::seed {
                let value = self.inner_expr(clause, place);
                self.set_once(&mut seed, value, place, "seed");
            } else {
                self.set_once(&mut replacement, (), place, "with replacement");
            }
        }
        StageKind::Sample { amount, seed, with_replacement: replacement.is_some() }
    }

    fn percent(&mut self, node: Node<'_>) -> Expr {
        let Some(number) = node.into_inner().next() else {
            return Expr::new(ExprKind::Error, Span::at(self.base));
        };
        let span = self.span(&number);
        let kind = match number.as_rule() {
            Rule::float => ExprKind::Float(FloatLit { text: number.as_str().to_string() }),
            _ => self.int(number.as_str(), span),
        };
        Expr::new(kind, span)
    }

    fn dataset(&mut self, node: Option<Node<'_>>, near: Span) -> Dataset {
        let span = node.as_ref().map_or(near.after(), |node| self.span(node));
        let kind = match node.and_then(|node| Children::of(node).next()) {
            Some(path) if path.as_rule() == Rule::path => DatasetKind::Named(self.path(path)),
            pipeline => DatasetKind::Pipeline(Box::new(self.pipeline(pipeline, near))),
        };
        Dataset { kind, span }
    }

    fn join(&mut self, mut children: Children<'_>, span: Span) -> Join {
        let word = children.accept(Rule::join_kind).and_then(|node| node.into_inner().next());
        let kind = match word.map(|word| word.as_rule()) {
            Some(Rule::kw_left) => JoinKind::Left,
            Some(Rule::kw_right) => JoinKind::Right,
            Some(Rule::kw_full) => JoinKind::Full,
            Some(Rule::kw_semi) => JoinKind::Semi,
            Some(Rule::kw_anti) => JoinKind::Anti,
            Some(_) => JoinKind::Cross,
            None => JoinKind::Inner,
        };
        let dataset = self.dataset(children.accept(Rule::dataset), span);
        let (mut alias, mut on, mut expect, mut using) = (None, None, None, None);
        for clause in children {
            let place = self.span(&clause);
            match clause.as_rule() {
                Rule::alias => {
                    let name = self.name_or_missing(Children::of(clause).accept(Rule::ident), place);
                    self.set_once(&mut alias, name, place, "as");
                }
                Rule::join_on => {
                    let keys = Children::of(clause).map(|key| self.join_key(key)).collect();
                    self.set_once(&mut on, keys, place, "on");
                }
                Rule::cardinality => {
                    let ratio = Children::of(clause).accept(Rule::ratio);
                    let value = self.cardinality(ratio, place);
                    self.set_once(&mut expect, value, place, "expect");
                }
                _ => {
                    if let Some(hint) = self.join_hint(clause) {
                        self.set_once(&mut using, hint, place, "using");
                    }
                }
            }
        }
        Join { kind, dataset, alias, on: on.unwrap_or_default(), expect, using }
    }

    fn join_key(&mut self, node: Node<'_>) -> JoinKey {
        let expr = self.expr(node);
        let span = expr.outer();
        let kind = match expr {
            Expr { kind: ExprKind::Binary { op: BinaryOp::Eq, left, right, .. }, parens: None, .. } => {
                JoinKeyKind::Equal { left: *left, right: *right }
            }
            other => JoinKeyKind::Same(other),
        };
        JoinKey { kind, span }
    }

    fn cardinality(&self, node: Option<Node<'_>>, near: Span) -> Cardinality {
        let span = node.as_ref().map_or(near, |node| self.span(node));
        let text = node.map_or("", |node| node.as_str());
        Cardinality { left_many: text.starts_with('m'), right_many: text.ends_with('m'), span }
    }

    fn join_hint(&mut self, node: Node<'_>) -> Option<JoinHint> {
        let word = Children::of(node).accept(Rule::ident)?;
        let span = self.span(&word);
        let strategy = match word.as_str() {
            "broadcast" => JoinStrategy::Broadcast,
            "shuffle" => JoinStrategy::Shuffle,
            "merge" => JoinStrategy::Merge,
            other => {
                self.unknown_option(other, span, "way to join", &["broadcast", "shuffle", "merge"]);
                return None;
            }
        };
        Some(JoinHint { strategy, span })
    }

    fn window(&mut self, children: Children<'_>, span: Span) -> Window {
        let (mut per, mut sort, mut frame, mut record) = (None, None, None, None);
        for part in children {
            let place = self.span(&part);
            match part.as_rule() {
                Rule::per => {
                    let keys = self.per(part);
                    self.set_once(&mut per, keys, place, "per");
                }
                Rule::by_sort => {
                    let keys = self.by_sort(Some(part));
                    self.set_once(&mut sort, keys, place, "sort");
                }
                Rule::frame => {
                    let range = self.inner_expr(part, place);
                    if !matches!(range.kind, ExprKind::Range { .. } | ExprKind::Error) {
                        let error = SyntaxError::new("F1017", range.outer(), "a frame is a range of rows")
                            .label(range.outer(), "write `-6..0` for this row and the six before it");
                        self.error(error);
                    }
                    self.set_once(&mut frame, range, place, "frame");
                }
                _ => record = Some(self.record(part)),
            }
        }
        let record = record.unwrap_or(Record { entries: Vec::new(), span: span.after() });
        Window { per: per.unwrap_or_default(), sort: sort.unwrap_or_default(), frame, record }
    }

    fn through(&mut self, mut children: Children<'_>, span: Span) -> StageKind {
        let command = self.target(children.accept(Rule::target), span);
        let (mut format, mut schema, mut slots) = (None, None, None);
        for clause in children {
            let place = self.span(&clause);
            match clause.as_rule() {
                Rule::as_format => {
                    let value = self.as_format(clause, place);
                    self.set_once(&mut format, value, place, "as");
                }
                Rule::with_schema => {
                    let value = self.schema_ref(clause, place);
                    self.set_once(&mut schema, value, place, "schema");
                }
                _ => {
                    let value = self.inner_expr(clause, place);
                    self.set_once(&mut slots, value, place, "slots");
                }
            }
        }
        StageKind::Through(Box::new(Through { command, format, schema, slots }))
    }

    fn write(&mut self, mut children: Children<'_>, span: Span) -> StageKind {
        let target = self.target(children.accept(Rule::target), span);
        let (mut format, mut partition, mut mode, mut unordered) = (None, None, None, None);
        for clause in children {
            let place = self.span(&clause);
            match clause.as_rule() {
                Rule::as_format => {
                    let value = self.as_format(clause, place);
                    self.set_once(&mut format, value, place, "as");
                }
                Rule::partition => {
                    let keys = self.keys(Children::of(clause).accept(Rule::keys));
                    self.set_once(&mut partition, keys, place, "partition by");
                }
                Rule::mode => {
                    if let Some(value) = self.write_mode(clause) {
                        self.set_once(&mut mode, value, place, "mode");
                    }
                }
                _ => self.set_once(&mut unordered, (), place, "unordered"),
            }
        }
        let partition = partition.unwrap_or_default();
        StageKind::Write(Box::new(Write { target, format, partition, mode, unordered: unordered.is_some() }))
    }

    fn write_mode(&mut self, node: Node<'_>) -> Option<WriteMode> {
        let word = Children::of(node).accept(Rule::ident)?;
        let span = self.span(&word);
        let kind = match word.as_str() {
            "replace" => WriteModeKind::Replace,
            "append" => WriteModeKind::Append,
            "error" => WriteModeKind::Error,
            other => {
                self.unknown_option(other, span, "mode", &["replace", "append", "error"]);
                return None;
            }
        };
        Some(WriteMode { kind, span })
    }

    fn show(&mut self, mut children: Children<'_>) -> StageKind {
        let count = children.next().map(|node| {
            let span = self.span(&node);
            let kind = match node.as_rule() {
                Rule::dollar => self.dollar(node, span),
                _ => self.int(node.as_str(), span),
            };
            Expr::new(kind, span)
        });
        StageKind::Show { count }
    }

    fn use_pipe(&mut self, mut children: Children<'_>, span: Span) -> StageKind {
        let path = self.path_or_missing(children.accept(Rule::path), span);
        let args = children.accept(Rule::arguments).map(|node| self.arguments(node)).unwrap_or_default();
        let known = |name: &str| self.pipes.contains(&name);
        let foreign = path.as_single().filter(|name| !known(&name.text));
        if let Some((name, (_, hint))) = foreign.and_then(|name| Some((name, foreign_stage(&name.text)?))) {
            let mut error =
                SyntaxError::new("F1001", name.span, format!("there is no stage called `{}`", name.text))
                    .label(name.span, hint);
            if let Some(stage) = foreign_edit(&name.text, false, false) {
                error = error.fix(name.span, stage);
            }
            self.error(error);
            return StageKind::Error;
        }
        StageKind::Use { path, args }
    }
}
