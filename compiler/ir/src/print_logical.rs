//! The logical plan as IR text: one line a node, more for sources with many columns or files.
//!
//! `{}` leaves spans out, `{:#}` prints them; `parse_logical` reads both.

use crate::aggregate::{Aggregate, Detail};
use crate::join::{Contract, JoinKind, JoinStrategy};
use crate::layout_of_rows::{Division, RowLayout};
use crate::logical::{ColumnId, LogicalPlan, Node, NodeId, Operator, OutputColumn, SortKey};
use crate::persist::{Persist, Reuse};
use crate::print::{Printer, push_name, push_value};
use crate::sample::{Sample, SampleAmount};
use crate::source::{Dialect, Format, OnError, Sink, Source, SourceColumn, Target, WriteMode};
use crate::value::Value;
use crate::window::{Frame, Window, WindowFunction};
use std::fmt;

impl fmt::Display for LogicalPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut p = Printer::new(f.alternate());
        p.logical_plan(self);
        f.write_str(&p.out)
    }
}

impl Printer {
    fn logical_plan(&mut self, plan: &LogicalPlan) {
        for (i, node) in plan.nodes.iter().enumerate() {
            self.put(format_args!("%{i} = "));
            self.node(node);
            self.push("\n");
        }
        self.push("sinks ");
        self.nodes(&plan.sinks);
        self.push("\nunused ");
        let unused: Vec<ColumnId> = plan.unused.iter().copied().collect();
        self.columns(&unused);
        self.put(format_args!("\nnext #{}\n", plan.next_column));
    }

    fn node(&mut self, node: &Node) {
        // Sources define their columns before they are listed, so that both carry names.
        if let Operator::Read(source) | Operator::Through { answers: source, .. } = &node.operator {
            self.define_source(source);
        }
        let inputs = node.operator.inputs();
        self.push(match node.operator {
            // `reduce` is `reduce_by_key` without keys; the text has one word for the operator.
            Operator::ReduceByKey { .. } => "reduce_by_key",
            // Both takes are `take` in programs, but they read differently.
            Operator::TakePer { .. } => "take_per",
            Operator::Join { .. } => "join",
            _ => node.operator.name(),
        });
        if let ([input], false) = (inputs.as_slice(), matches!(node.operator, Operator::Union { .. })) {
            self.put(format_args!(" %{}", input.0));
        }
        if !matches!(node.operator, Operator::Write { .. } | Operator::Through { .. }) {
            self.push(" ");
        }
        self.operator(&node.operator, &node.columns);
        self.push(" -> ");
        self.output_columns(&node.columns);
        self.span(node.span);
    }

    fn operator(&mut self, operator: &Operator, columns: &[OutputColumn]) {
        let define = |p: &mut Self| columns.iter().for_each(|c| p.define(c.id, &c.path, &c.ty));
        match operator {
            Operator::Read(source) => self.source(source),
            Operator::Rows(rows) => self.rows(rows),
            Operator::Filter { predicate, .. } => self.expr(predicate),
            Operator::Map { computed, .. } => {
                self.name_new(columns);
                self.computed(computed);
            }
            Operator::FlatMap { computed, each, .. } => {
                self.name_new(columns);
                self.computed(computed);
                self.push(" each ");
                self.column(each.id);
                self.push(" = ");
                self.expr(&each.expr);
            }
            Operator::Check { predicate, message, .. } => {
                self.expr(predicate);
                self.push(" ");
                self.string(message);
            }
            Operator::ReduceByKey { keys, aggregates, .. } => {
                self.columns(keys);
                self.push(" ");
                self.name_new(columns);
                self.aggregates(aggregates);
            }
            Operator::Distinct { on, sort, .. } => self.distinct(on, sort),
            Operator::Window { window, .. } => {
                self.name_new(columns);
                self.window(window);
            }
            Operator::TakePer { count, per, .. } => {
                self.put(format_args!("{count} per "));
                self.columns(per);
            }
            Operator::Sort { keys, .. } => self.sort_keys(keys),
            Operator::Take { count, .. } | Operator::Skip { count, .. } => {
                self.put(format_args!("{count}"));
            }
            Operator::Union { inputs, columns: from } => {
                self.nodes(inputs);
                self.push(" [");
                self.separated(from, |p, ids| p.columns(ids));
                self.push("]");
                define(self);
            }
            Operator::Join { kind, left, right, on, left_columns, right_columns, using } => {
                self.join_kind(*kind);
                self.put(format_args!("%{} %{} on ", left.0, right.0));
                self.pairs(on, " == ");
                self.name_new(columns);
                self.join_columns(left_columns, right_columns, *using);
            }
            Operator::Sample { sample, .. } => self.sample(sample),
            Operator::Repartition { layout, .. } => self.layout(layout),
            Operator::Persist { persist, .. } => self.persist(persist),
            Operator::SetOperation { all, left, right, on, .. } => {
                self.push(if *all { "all " } else { "" });
                self.put(format_args!("%{} %{} on ", left.0, right.0));
                self.pairs(on, " == ");
            }
            Operator::Expect { on, contract, .. } => self.contract(on, contract),
            Operator::LoopRows => {}
            Operator::Iterate { state, start, body, until, start_columns, body_columns, rounds } => {
                self.put(format_args!("%{} %{} ", state.0, start.0));
                self.columns(start_columns);
                self.put(format_args!(" %{} ", body.0));
                self.columns(body_columns);
                self.put(format_args!(" rounds {rounds}"));
                if let Some((node, column)) = until {
                    self.put(format_args!(" until %{} ", node.0));
                    self.column(*column);
                }
            }
            Operator::Through { sink, answers, .. } => {
                self.sink(sink);
                self.push(" answers ");
                self.source(answers);
            }
            Operator::Write { sink, .. } => self.sink(sink),
        }
        define(self);
    }

    /// Names the columns that a node adds before its operator is printed. Columns it passes on keep
    /// the names of its input until then.
    fn name_new(&mut self, columns: &[OutputColumn]) {
        for c in columns {
            if !self.knows(c.id) {
                self.define(c.id, &c.path, &c.ty);
            }
        }
    }

    fn nodes(&mut self, ids: &[NodeId]) {
        self.push("[");
        self.separated(ids, |p, id| p.put(format_args!("%{}", id.0)));
        self.push("]");
    }

    /// The word in front of `join`, if there is one.
    pub(crate) fn join_kind(&mut self, kind: JoinKind) {
        if kind != JoinKind::Inner {
            self.put(format_args!("{} ", kind.word()));
        }
    }

    /// The columns that a join renames, and the strategy asked for.
    pub(crate) fn join_columns(
        &mut self,
        left: &[(ColumnId, ColumnId)],
        right: &[(ColumnId, ColumnId)],
        using: Option<JoinStrategy>,
    ) {
        if !left.is_empty() {
            self.push(" left ");
            self.pairs(left, " = ");
        }
        self.push(" right ");
        self.pairs(right, " = ");
        if let Some(using) = using {
            self.put(format_args!(" using {}", using.name()));
        }
    }

    /// What follows `sample` and its input.
    pub(crate) fn sample(&mut self, sample: &Sample) {
        match sample.amount {
            SampleAmount::Fraction(p) => {
                self.push("fraction ");
                push_value(&mut self.out, &Value::Float(p));
            }
            SampleAmount::Rows(n) => self.put(format_args!("rows {n}")),
        }
        self.put(format_args!(" seed {}", sample.seed));
        self.push(if sample.with_replacement { " with replacement" } else { "" });
    }

    /// What follows `repartition` or `coalesce` and the input.
    pub(crate) fn layout(&mut self, layout: &RowLayout) {
        self.put(format_args!("{}", layout.parts));
        let by = match layout.division {
            Division::Even | Division::Coalesce => return,
            Division::Hash => " by hash ",
            Division::Range => " by range ",
        };
        self.push(by);
        self.columns(&layout.keys);
    }

    /// What follows `persist` and its input.
    pub(crate) fn persist(&mut self, persist: &Persist) {
        self.put(format_args!("{} ", persist.level.name()));
        self.string(&persist.name);
        match &persist.reuse {
            Reuse::Never(why) => {
                self.push(" never ");
                self.string(why);
            }
            Reuse::Whole { key, files } => {
                self.push(" whole ");
                self.string(key);
                self.push(" [");
                self.separated(files, |p, file| p.string(file));
                self.push("]");
            }
            Reuse::PerFile { key } => {
                self.push(" per_file ");
                self.string(key);
            }
        }
    }

    /// What follows `expect` and its input.
    pub(crate) fn contract(&mut self, on: &[ColumnId], contract: &Contract) {
        self.columns(on);
        self.push(" ");
        self.string(&contract.text);
        self.push(" of ");
        self.string(&contract.side);
        self.push(" keys [");
        self.separated(&contract.keys, |p, key| p.string(key));
        self.push("]");
        self.span(contract.span);
    }

    pub(crate) fn pairs(&mut self, pairs: &[(ColumnId, ColumnId)], between: &str) {
        self.push("[");
        self.separated(pairs, |p, (a, b)| {
            p.column(*a);
            p.push(between);
            p.column(*b);
        });
        self.push("]");
    }

    fn output_columns(&mut self, columns: &[OutputColumn]) {
        self.separated(columns, |p, c| {
            p.define(c.id, &c.path, &c.ty);
            p.path(&c.path);
            p.put(format_args!("#{}: ", c.id.0));
            p.ty(&c.ty);
        });
    }

    fn path(&mut self, path: &[String]) {
        let text = crate::print::path_text(path);
        self.push(&text);
    }

    /// One parenthesised tuple a row.
    pub(crate) fn rows(&mut self, rows: &[Vec<Value>]) {
        self.push("[");
        self.separated(rows, |p, row| {
            p.push("(");
            p.separated(row, |p, v| push_value(&mut p.out, v));
            p.push(")");
        });
        self.push("]");
    }

    pub(crate) fn sort_keys(&mut self, keys: &[SortKey]) {
        self.push("[");
        self.separated(keys, |p, key| {
            p.column(key.column);
            p.push(if key.descending { " desc" } else { "" });
            p.push(if key.nulls_first { " nulls first" } else { "" });
        });
        self.push("]");
    }

    pub(crate) fn distinct(&mut self, on: &[ColumnId], sort: &[SortKey]) {
        self.columns(on);
        if !sort.is_empty() {
            self.push(" sort ");
            self.sort_keys(sort);
        }
    }

    pub(crate) fn window(&mut self, window: &Window) {
        self.push("per ");
        self.columns(&window.per);
        self.push(" sort ");
        self.sort_keys(&window.sort);
        match window.frame {
            Frame::Key => self.push(" frame key "),
            Frame::Running => self.push(" frame running "),
            Frame::Rows { from, to } => self.put(format_args!(" frame rows {from} to {to} ")),
        }
        self.aggregates(&window.aggregates);
        self.push(" functions { ");
        self.separated(&window.functions, |p, f| p.window_function(f));
        self.push(if window.functions.is_empty() { "}" } else { " }" });
    }

    fn window_function(&mut self, f: &WindowFunction) {
        self.column(f.output);
        self.push(": ");
        self.ty(&f.ty);
        self.put(format_args!(" = {}(", f.kind.name()));
        if let Some(argument) = f.argument {
            self.column(argument);
            self.put(format_args!(", {}", f.offset));
        }
        if let Some(default) = f.default {
            self.push(", ");
            self.column(default);
        }
        self.push(")");
        self.span(f.span);
    }

    pub(crate) fn aggregates(&mut self, aggregates: &[Aggregate]) {
        self.push("{ ");
        self.separated(aggregates, |p, a| {
            p.column(a.output);
            p.push(": ");
            p.ty(&a.ty);
            p.put(format_args!(" = {}(", a.kind.name()));
            if let Some(argument) = a.argument {
                p.column(argument);
            }
            if let Some(by) = a.by {
                p.push(" by ");
                p.column(by);
            }
            p.push(")");
            p.detail(&a.detail);
            p.span(a.span);
        });
        self.push(if aggregates.is_empty() { "}" } else { " }" });
    }

    /// What follows the columns of an aggregate.
    fn detail(&mut self, detail: &Detail) {
        match detail {
            Detail::None => {}
            Detail::Quantile(q) => {
                self.push(" at ");
                push_value(&mut self.out, &Value::Float(*q));
            }
            Detail::Separator(text) => {
                self.push(" with ");
                self.string(text);
            }
            Detail::Reducer(reducer) => {
                self.push(" to ");
                self.ty(&reducer.accumulator);
                if let Some(start) = &reducer.start {
                    self.push(" from ");
                    push_value(&mut self.out, start);
                }
                self.push(" step ");
                self.expr(&reducer.step);
                if let Some(merge) = &reducer.merge {
                    self.push(" merge ");
                    self.expr(merge);
                }
                self.push(if reducer.in_parts { " in parts" } else { " in order" });
            }
        }
    }

    pub(crate) fn define_source(&mut self, source: &Source) {
        for c in source.delivered() {
            self.define(c.id, &c.path, &c.ty);
        }
    }

    pub(crate) fn source(&mut self, source: &Source) {
        self.string(&source.pattern);
        self.push(" as ");
        self.format(&source.format);
        match &source.on_error {
            OnError::Fail => {}
            OnError::Quarantine(file) => {
                self.push(" on_error quarantine ");
                self.string(file);
            }
            OnError::Null => self.push(" on_error null"),
            OnError::Skip => self.push(" on_error skip"),
        }
        self.push(" { ");
        self.separated(&source.columns, Self::source_column);
        self.push(" }");
        if !source.folders.keys.is_empty() {
            self.put(format_args!(" folders {} {{ ", source.folders.files));
            self.separated(&source.folders.keys, |p, key| {
                p.put(format_args!("{} ", key.values));
                p.source_column(&key.column);
            });
            self.push(" }");
        }
        if let Some(line) = &source.line {
            self.push(" line ");
            self.source_column(line);
        }
        self.push(" files [");
        self.separated(&source.files, |p, file| {
            p.string(&file.path);
            p.put(format_args!(" {}", file.fields));
            p.push(" [");
            p.separated(&file.positions, |p, at| p.put(format_args!("{at}")));
            p.push("]");
            if !file.keys.is_empty() {
                p.push(" [");
                p.separated(&file.keys, |p, value| push_value(&mut p.out, value));
                p.push("]");
            }
        });
        self.push("]");
        self.span(source.span);
    }

    fn source_column(&mut self, c: &SourceColumn) {
        self.path(&c.path);
        self.put(format_args!("#{}: ", c.id.0));
        self.ty(&c.ty);
        if c.name != c.path.join(".") {
            self.push(" named ");
            push_name(&mut self.out, &c.name);
        }
        self.span(c.span);
        self.span(c.used);
    }

    fn format(&mut self, format: &Format) {
        match format {
            Format::Delimited(dialect) => self.dialect(dialect),
            Format::JsonLines => self.push("jsonl"),
            Format::Lines => self.push("lines"),
            Format::Json => self.push("json"),
            Format::Text => self.push("text"),
            Format::Parquet(c) => self.put(format_args!("parquet({})", c.name())),
            Format::Arrow(c) => self.put(format_args!("arrow({})", c.name())),
        }
    }

    fn dialect(&mut self, dialect: &Dialect) {
        let byte = |b: u8| char::from(b).to_string();
        self.push("csv(");
        self.string(&byte(dialect.separator));
        self.push(if dialect.header { " header" } else { "" });
        if let Some(quote) = dialect.quote {
            self.push(" quote ");
            self.string(&byte(quote));
        }
        if !dialect.null.is_empty() {
            self.push(" null [");
            self.separated(&dialect.null, |p, s| p.string(s));
            self.push("]");
        }
        self.push(")");
    }

    /// What follows the word `write` or `show` (and the input, if there is one).
    pub(crate) fn sink(&mut self, sink: &Sink) {
        match &sink.target {
            Target::File(path) => {
                self.push(" ");
                self.string(path);
            }
            Target::Folder { path, keys } => {
                self.push(" folder ");
                self.string(path);
                self.push(" by [");
                self.separated(keys, |p, at| p.put(format_args!("{at}")));
                self.push("]");
            }
            Target::Processes { command, slots } => {
                self.push(" ");
                self.string(command);
                self.put(format_args!(" slots {slots}"));
            }
            Target::Print { limit: Some(limit) } => self.put(format_args!(" {limit}")),
            Target::Print { limit: None } => self.push(" all"),
        }
        if let Some(format) = &sink.format {
            self.push(" as ");
            self.format(format);
        }
        if sink.mode != WriteMode::Replace {
            self.put(format_args!(" mode {}", sink.mode.name()));
        }
        self.push(if sink.unordered { " unordered" } else { "" });
        self.put(format_args!(" number {} {{ ", sink.number));
        self.separated(&sink.columns, |p, c| {
            p.path(&c.path);
            p.put(format_args!("#{}: ", c.id.0));
            p.ty(&c.ty);
        });
        self.push(" }");
        if !sink.optional.is_empty() {
            self.push(" optional [");
            self.separated(&sink.optional, |p, path| p.path(path));
            self.push("]");
        }
        self.span(sink.span);
    }
}
