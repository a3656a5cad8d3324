//! Layout of pipelines and their stages.

use super::Formatter;
use super::layout::Layout;
use crate::ast::*;
use crate::span::Span;

impl Formatter<'_> {
    /// Source and stages, each stage behind a `line`.
    fn pipeline_lines(&mut self, pipeline: &Pipeline, line: &Layout) -> Layout {
        let mut parts = vec![self.source(&pipeline.source)];
        parts.extend(self.stage_lines(&pipeline.stages, line));
        Layout::Concat(parts)
    }

    pub(super) fn stage_lines(&mut self, stages: &[Stage], line: &Layout) -> Vec<Layout> {
        let mut parts = Vec::new();
        for stage in stages {
            parts.push(self.comments.line(line.clone(), stage.bar.start.min(stage.span.start)));
            parts.push(Layout::text("| "));
            let body = self.stage(stage);
            parts.push(Layout::indent(body));
        }
        parts
    }

    /// A pipeline with every stage on its own line.
    pub(super) fn tall_pipeline(&mut self, pipeline: &Pipeline) -> Layout {
        self.pipeline_lines(pipeline, &Layout::HardLine)
    }

    /// A pipeline within a line, if it fits.
    pub(super) fn inline_pipeline(&mut self, pipeline: &Pipeline) -> Layout {
        Layout::group(self.pipeline_lines(pipeline, &Layout::Line))
    }

    /// A pipeline behind `=`: below and indented as soon as it has a stage.
    pub(super) fn assigned_pipeline(&mut self, pipeline: &Pipeline) -> Layout {
        if pipeline.stages.is_empty() && !self.comments.any_before(pipeline.source.span.start) {
            return Layout::concat([Layout::text(" "), self.source(&pipeline.source)]);
        }
        let line = self.comments.line(Layout::HardLine, pipeline.source.span.start);
        let body = self.tall_pipeline(pipeline);
        Layout::indent(Layout::concat([line, body]))
    }

    pub(super) fn parenthesized(&mut self, pipeline: &Pipeline) -> Layout {
        let line = self.comments.line(Layout::SoftLine, pipeline.source.span.start);
        let body = self.pipeline_lines(pipeline, &Layout::Line);
        Layout::group(Layout::concat([
            Layout::text("("),
            Layout::indent(Layout::concat([line, body])),
            Layout::SoftLine,
            Layout::text(")"),
        ]))
    }

    pub(super) fn source(&mut self, source: &Source) -> Layout {
        match &source.kind {
            SourceKind::Error => Layout::text(source.span.text(self.source)),
            SourceKind::From(path) => Layout::concat([Layout::text("from "), self.path(path)]),
            SourceKind::Rows(rows) => {
                let start = |record: &Record| record.span.start;
                let one = |this: &mut Self, record: &Record| this.record(record);
                let rows = self.bracketed(("[", "]"), Layout::SoftLine, source.span, rows, start, one);
                Layout::concat([Layout::text("rows "), rows])
            }
            SourceKind::Read(read) => self.read(read),
        }
    }

    fn read(&mut self, read: &Read) -> Layout {
        let mut clauses = Vec::new();
        let target = self.expr(&read.target);
        if let Some(format) = &read.format {
            clauses.push(Layout::concat([Layout::text("as "), self.format_clause(format)]));
        }
        let inline = matches!(read.schema, Some(SchemaRef::Inline(_)));
        if let Some(schema) = &read.schema {
            let schema = self.schema_ref(schema);
            clauses.push(Layout::concat([Layout::text("schema "), schema]));
        }
        if let Some(on_error) = &read.on_error {
            let policy = match &on_error.policy {
                OnErrorPolicy::Fail => Layout::text("fail"),
                OnErrorPolicy::Null => Layout::text("null"),
                OnErrorPolicy::Skip => Layout::text("skip"),
                OnErrorPolicy::Quarantine(file) => {
                    Layout::concat([Layout::text("quarantine("), self.expr(file), Layout::text(")")])
                }
            };
            clauses.push(Layout::concat([Layout::text("on_error "), policy]));
        }
        // The braces of a schema take the line breaks, if there are some.
        let line = if inline { Layout::text(" ") } else { Layout::Line };
        clause_list(Layout::concat([Layout::text("read "), target]), clauses, line)
    }

    fn format_clause(&mut self, format: &Format) -> Layout {
        let name = self.name(&format.name);
        if format.args.is_empty() {
            return name;
        }
        let args = self.args(&format.args, Span::new(format.name.span.end, format.span.end));
        Layout::concat([name, args])
    }

    fn dataset(&mut self, dataset: &Dataset) -> Layout {
        match &dataset.kind {
            DatasetKind::Named(path) => self.path(path),
            DatasetKind::Pipeline(pipeline) => self.parenthesized(pipeline),
        }
    }

    /// `word` and what follows it, with a blank in between.
    fn after(&mut self, word: &str, rest: Layout) -> Layout {
        Layout::concat([Layout::text(format!("{word} ")), rest])
    }

    pub(super) fn stage(&mut self, stage: &Stage) -> Layout {
        let word = stage.kind.keyword();
        let body = match &stage.kind {
            StageKind::Error => return Layout::text(stage.span.text(self.source)),
            StageKind::Count => return Layout::text(word),
            StageKind::Filter(expr) | StageKind::Skip(expr) | StageKind::Coalesce(expr) => self.expr(expr),
            StageKind::Map(record) | StageKind::FlatMap(record) | StageKind::Reduce(record) => {
                self.record(record)
            }
            StageKind::Check { condition, message } => self.check(condition, message.as_ref()),
            StageKind::ReduceByKey { keys, record } => {
                let keys = self.keys(keys);
                Layout::concat([keys, Layout::text(" "), self.record(record)])
            }
            StageKind::GroupByKey { keys, into } => {
                Layout::concat([self.keys(keys), Layout::text(" into "), self.name(into)])
            }
            StageKind::Distinct { on, sort } => return self.distinct(on, sort),
            StageKind::Sort(keys) => self.sort_keys(keys),
            StageKind::Take { count, per, sort } => {
                let count = self.expr(count);
                let clauses = self.per_and_sort(per, sort);
                clause_list(count, clauses, Layout::text(" "))
            }
            StageKind::Sample { amount, seed, with_replacement } => {
                self.sample(amount, seed.as_ref(), *with_replacement)
            }
            StageKind::Union(datasets) => self.comma_separated(
                datasets,
                |dataset| dataset.span.start,
                |this, dataset| this.dataset(dataset),
            ),
            StageKind::Intersect { all, dataset } | StageKind::Except { all, dataset } => {
                let all = Layout::text(if *all { "all " } else { "" });
                Layout::concat([all, self.dataset(dataset)])
            }
            StageKind::Join(join) => return self.join(join),
            StageKind::Window(window) => return self.window(window),
            StageKind::Persist { level: None } | StageKind::Show { count: None } => {
                return Layout::text(word);
            }
            StageKind::Persist { level: Some(level) } => {
                return Layout::text(format!("persist({})", self.name_text(level)));
            }
            StageKind::Show { count: Some(count) } => self.expr(count),
            StageKind::Repartition { count, by } => {
                let count = self.expr(count);
                let by = by.iter().map(|by| Layout::concat([Layout::text("by "), self.expr(by)])).collect();
                clause_list(count, by, Layout::text(" "))
            }
            StageKind::Through(through) => return self.through(through),
            StageKind::Write(write) => return self.write(write),
            StageKind::Use { path, args } if args.is_empty() => return self.path(path),
            StageKind::Use { path, args } => {
                let args = self.args(args, Span::new(path.span.end, stage.span.end));
                return Layout::concat([self.path(path), args]);
            }
        };
        self.after(word, body)
    }

    fn check(&mut self, condition: &Expr, message: Option<&StrLit>) -> Layout {
        let condition = self.expr(condition);
        let Some(message) = message else { return condition };
        let line = self.comments.line(Layout::Line, message.span.start);
        let message = Layout::indent(Layout::concat([line, self.str_lit(message)]));
        Layout::group(Layout::concat([condition, Layout::text(","), message]))
    }

    fn distinct(&mut self, on: &[Key], sort: &[SortKey]) -> Layout {
        if on.is_empty() {
            return Layout::text("distinct");
        }
        let head = Layout::concat([Layout::text("distinct on "), self.keys(on)]);
        let clauses = self.per_and_sort(&[], sort);
        clause_list(head, clauses, Layout::text(" "))
    }

    fn per_and_sort(&mut self, per: &[Key], sort: &[SortKey]) -> Vec<Layout> {
        let mut clauses = Vec::new();
        if !per.is_empty() {
            clauses.push(Layout::concat([Layout::text("per "), self.keys(per)]));
        }
        if !sort.is_empty() {
            clauses.push(Layout::concat([Layout::text("sort "), self.sort_keys(sort)]));
        }
        clauses
    }

    fn sample(&mut self, amount: &SampleAmount, seed: Option<&Expr>, with_replacement: bool) -> Layout {
        let amount = match amount {
            SampleAmount::Percent(expr) => Layout::concat([self.expr(expr), Layout::text("%")]),
            SampleAmount::Value(expr) => self.expr(expr),
        };
        let mut clauses = Vec::new();
        if let Some(seed) = seed {
            clauses.push(Layout::concat([Layout::text("seed "), self.expr(seed)]));
        }
        if with_replacement {
            clauses.push(Layout::text("with replacement"));
        }
        clause_list(amount, clauses, Layout::text(" "))
    }

    fn join(&mut self, join: &Join) -> Layout {
        let kind = join.kind.word();
        let word = if kind.is_empty() { "join ".to_string() } else { format!("{kind} join ") };
        let head = Layout::concat([Layout::text(word), self.dataset(&join.dataset)]);
        let mut clauses = Vec::new();
        if let Some(alias) = &join.alias {
            clauses.push(Layout::concat([Layout::text("as "), self.name(alias)]));
        }
        if !join.on.is_empty() {
            let one = |this: &mut Self, key: &JoinKey| match &key.kind {
                JoinKeyKind::Same(expr) => this.expr(expr),
                JoinKeyKind::Equal { left, right } => {
                    Layout::concat([this.expr(left), Layout::text(" == "), this.expr(right)])
                }
            };
            let keys = self.comma_separated(&join.on, |key| key.span.start, one);
            clauses.push(Layout::concat([Layout::text("on "), keys]));
        }
        if let Some(expect) = &join.expect {
            clauses.push(Layout::text(format!("expect {expect}")));
        }
        if let Some(using) = &join.using {
            clauses.push(Layout::text(format!("using {}", using.strategy.word())));
        }
        clause_list(head, clauses, Layout::text(" "))
    }

    fn window(&mut self, window: &Window) -> Layout {
        let mut clauses = self.per_and_sort(&window.per, &window.sort);
        if let Some(frame) = &window.frame {
            clauses.push(Layout::concat([Layout::text("frame "), self.expr(frame)]));
        }
        clauses.push(self.record(&window.record));
        clause_list(Layout::text("window"), clauses, Layout::text(" "))
    }

    fn through(&mut self, through: &Through) -> Layout {
        let head = Layout::concat([Layout::text("through "), self.expr(&through.command)]);
        let mut clauses = Vec::new();
        if let Some(format) = &through.format {
            clauses.push(Layout::concat([Layout::text("as "), self.format_clause(format)]));
        }
        if let Some(schema) = &through.schema {
            clauses.push(Layout::concat([Layout::text("schema "), self.schema_ref(schema)]));
        }
        if let Some(slots) = &through.slots {
            clauses.push(Layout::concat([Layout::text("slots "), self.expr(slots)]));
        }
        let inline = matches!(through.schema, Some(SchemaRef::Inline(_)));
        let line = if inline { Layout::text(" ") } else { Layout::Line };
        clause_list(head, clauses, line)
    }

    fn schema_ref(&mut self, schema: &SchemaRef) -> Layout {
        match schema {
            SchemaRef::Named(path) => self.path(path),
            SchemaRef::Inline(fields) => self.fields(fields),
        }
    }

    fn write(&mut self, write: &Write) -> Layout {
        let head = Layout::concat([Layout::text("write "), self.expr(&write.target)]);
        let mut clauses = Vec::new();
        if let Some(format) = &write.format {
            clauses.push(Layout::concat([Layout::text("as "), self.format_clause(format)]));
        }
        if !write.partition.is_empty() {
            clauses.push(Layout::concat([Layout::text("partition by "), self.keys(&write.partition)]));
        }
        if let Some(mode) = &write.mode {
            clauses.push(Layout::text(format!("mode {}", mode.kind.word())));
        }
        if write.unordered {
            clauses.push(Layout::text("unordered"));
        }
        clause_list(head, clauses, Layout::Line)
    }
}

/// A head and its clauses, each behind a `line`, on lines of their own if that is what makes them fit.
fn clause_list(head: Layout, clauses: Vec<Layout>, line: Layout) -> Layout {
    let rest = clauses.into_iter().flat_map(|clause| [line.clone(), clause]);
    let rest = Layout::concat(rest);
    if matches!(line, Layout::Line) {
        return Layout::group(Layout::concat([head, Layout::indent(rest)]));
    }
    Layout::concat([head, rest])
}
