//! The logical plan like a program: pipelines of stages, with the type of the row behind each stage
//! that changes it. Rows that several pipelines read are named `d1`, `d2`, and so on.

use super::expr::{
    aggregates_text, distinct_text, expr_text, keys_text, list_text, record_text, window_text,
};
use super::path_name;
use crate::lower::{ARROW_COMPRESSION, PARQUET_COMPRESSION};
use crate::optimize::consumers::Consumers;
use flow_ir::location::without_secrets;
use flow_ir::logical::{Node, Operator, OutputColumn};
use flow_ir::source::{Dialect, Format, OnError, PageCompression, Sink, Source, Target, WriteMode};
use flow_ir::text;
use flow_ir::types::quote_name;
use flow_ir::{
    ColumnId, Contract, Division, LogicalPlan, NodeId, Persist, Reuse, RowLayout, Sample, SampleAmount,
};
use std::collections::BTreeMap;

/// `plan` like a program.
pub fn explain_logical(plan: &LogicalPlan) -> String {
    let consumers = Consumers::of(plan);
    let mut writer = Writer { plan, pipelines: Vec::new(), of: BTreeMap::new(), names: BTreeMap::new() };
    for i in 0..plan.nodes.len() {
        let id = NodeId(i as u32);
        if consumers.is_reachable(id) {
            writer.node(id, &consumers);
        }
    }
    writer.finish()
}

/// A run of stages under construction.
struct Pipeline {
    name: Option<String>,
    lines: Vec<String>,
    last: NodeId,
}

struct Writer<'a> {
    plan: &'a LogicalPlan,
    pipelines: Vec<Pipeline>,
    /// The pipeline each node ends, so far.
    of: BTreeMap<NodeId, usize>,
    /// The names of datasets.
    names: BTreeMap<NodeId, String>,
}

impl Writer<'_> {
    fn node(&mut self, id: NodeId, consumers: &Consumers) {
        let node = self.plan.node(id);
        let inputs = node.operator.inputs();
        let continued = inputs.first().filter(|input| consumers.only(**input).is_some());
        let pipeline = match continued.and_then(|input| self.of.get(input).copied()) {
            Some(pipeline) => pipeline,
            None => {
                let first = inputs.first().map(|input| format!("from {}", self.name(*input)));
                self.pipelines.push(Pipeline { name: None, lines: first.into_iter().collect(), last: id });
                self.pipelines.len() - 1
            }
        };
        let others: Vec<String> = inputs.iter().skip(1).map(|input| self.name(*input)).collect();
        let (text, before) = self.stage(node, &others);
        let row = row_type(&node.columns);
        let changed = before.as_ref() != Some(&row) && !node.columns.is_empty();
        let mark = if inputs.is_empty() { "" } else { "| " };
        let note = if changed { format!("  # {row}") } else { String::new() };
        self.pipelines[pipeline].lines.push(format!("{mark}{text}{note}"));
        self.pipelines[pipeline].last = id;
        self.of.insert(id, pipeline);
        // Named here, where its pipeline ends, so that names come in order of the text.
        let ends = consumers.consumers(id).len() != 1
            || consumers.only(id).is_some_and(|c| self.plan.node(c).operator.inputs().first() != Some(&id));
        if ends && !matches!(node.operator, Operator::Write { .. }) {
            let name = self.name(id);
            self.pipelines[pipeline].name = Some(name);
        }
    }

    fn name(&mut self, id: NodeId) -> String {
        let next = self.names.len() + 1;
        self.names.entry(id).or_insert_with(|| format!("d{next}")).clone()
    }

    /// The stage's text, and the type of the row before it.
    fn stage(&self, node: &Node, others: &[String]) -> (String, Option<String>) {
        let inputs = node.operator.inputs();
        let columns = |at: usize| inputs.get(at).map_or(&[][..], |id| self.plan.node(*id).columns.as_slice());
        let before = (!inputs.is_empty()).then(|| row_type(columns(0)));
        let name = |id: ColumnId| column_name(columns(0), id);
        let made = |id: ColumnId| column_name(&node.columns, id);
        let labels: Vec<_> = node.columns.iter().map(|c| (c.id, path_name(&c.path))).collect();
        let word = node.operator.name();
        let text = match &node.operator {
            Operator::Read(source) => format!("read {}", source_text(source)),
            Operator::Rows(rows) => rows_text(rows.len()),
            Operator::Filter { predicate, .. } => format!("{word} {}", expr_text(predicate, &name)),
            Operator::Check { predicate, message, .. } => {
                format!("{word} {}, {}", expr_text(predicate, &name), string(message))
            }
            Operator::Map { computed, .. } => {
                format!("{word} {}", record_text(&labels, computed, None, &name))
            }
            Operator::FlatMap { computed, each, .. } => {
                format!("{word} {}", record_text(&labels, computed, Some(each), &name))
            }
            Operator::ReduceByKey { keys, aggregates, .. } if keys.is_empty() => {
                format!("{word} {}", aggregates_text(aggregates, &made, &name))
            }
            Operator::ReduceByKey { keys, aggregates, .. } => {
                format!("{word} {} {}", list_text(keys, &name), aggregates_text(aggregates, &made, &name))
            }
            Operator::Distinct { on, sort, .. } => distinct_text(on, sort, &name),
            Operator::Window { window, .. } => window_text(window, &made, &name),
            Operator::TakePer { count, per, .. } => format!("{word} {count} per {}", list_text(per, &name)),
            Operator::Sort { keys, .. } => format!("{word} {}", keys_text(keys, &name)),
            Operator::Take { count, .. } | Operator::Skip { count, .. } => format!("{word} {count}"),
            Operator::Union { .. } => format!("{word} {}", others.join(", ")),
            Operator::Sample { sample, .. } => format!("{word} {}", sample_text(sample)),
            Operator::Repartition { layout, .. } => layout_text(layout, &name),
            Operator::Persist { persist, .. } => persist_text(persist),
            Operator::SetOperation { all, .. } => {
                format!("{word}{} {}", if *all { " all" } else { "" }, others.join(", "))
            }
            Operator::Expect { on, contract, .. } => expect_text(contract, on, &name),
            Operator::Join { on, using, .. } => {
                let pairs = on.iter().map(|(l, r)| match (name(*l), column_name(columns(1), *r)) {
                    (l, r) if l == r => l,
                    (l, r) => format!("{l} == {r}"),
                });
                let pairs = pairs.collect::<Vec<_>>().join(", ");
                let on = if pairs.is_empty() { String::new() } else { format!(" on {pairs}") };
                let using = using.map(|u| format!(" using {}", u.name())).unwrap_or_default();
                format!("{word} {}{on}{using}", others.join(", "))
            }
            Operator::LoopRows => "the rows before this round".to_owned(),
            Operator::Iterate { rounds, until, .. } => {
                let until = if until.is_some() { " until the condition holds" } else { "" };
                format!("{word} for {rounds} rounds{until} {}", others.join(", "))
            }
            Operator::Write { sink, .. } | Operator::Through { sink, .. } => sink_text(sink),
        };
        (text, before)
    }

    fn finish(mut self) -> String {
        // What ends first stands first: names before their uses, sinks in order of the program.
        self.pipelines.sort_by_key(|p| p.last);
        let mut texts = Vec::new();
        for pipeline in self.pipelines {
            let text = match &pipeline.name {
                Some(name) => format!("let {name} =\n  {}", pipeline.lines.join("\n  ")),
                None => pipeline.lines.join("\n"),
            };
            texts.push(text);
        }
        texts.join("\n\n") + "\n"
    }
}

/// `10% seed 42 with replacement`.
pub(super) fn sample_text(sample: &Sample) -> String {
    let amount = match sample.amount {
        SampleAmount::Fraction(p) => text::display(&flow_ir::Value::Float(p)),
        SampleAmount::Rows(n) => n.to_string(),
    };
    let replacement = if sample.with_replacement { " with replacement" } else { "" };
    format!("{amount} seed {}{replacement}", sample.seed as i64)
}

/// `repartition 8 by hash(k)`.
pub(super) fn layout_text(layout: &RowLayout, name: &dyn Fn(ColumnId) -> String) -> String {
    let by = match layout.division {
        Division::Even | Division::Coalesce => String::new(),
        Division::Hash => format!(" by hash({})", list_text(&layout.keys, name)),
        Division::Range => format!(" by range({})", list_text(&layout.keys, name)),
    };
    format!("{} {}{by}", layout.name(), layout.parts)
}

/// `persist(disk)`, and whether later runs find the rows.
pub(super) fn persist_text(persist: &Persist) -> String {
    let word = format!("persist({})", persist.level.name());
    match &persist.reuse {
        Reuse::Never(why) => format!("{word}  (for this run only: {why})"),
        Reuse::Whole { key, .. } => format!("{word}  (key {})", short(key)),
        Reuse::PerFile { key } => format!("{word}  (file by file, key {})", short(key)),
    }
}

/// Enough of a key to tell it from others.
fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

/// What `expect` promises.
pub(super) fn expect_text(contract: &Contract, on: &[ColumnId], name: &dyn Fn(ColumnId) -> String) -> String {
    format!("expect {} of {}: {} is there once", contract.text, contract.side, list_text(on, name))
}

/// The name a column has among `columns`.
fn column_name(columns: &[OutputColumn], id: ColumnId) -> String {
    let column = columns.iter().find(|c| c.id == id);
    column.map_or_else(|| format!("#{}", id.0), |c| path_name(&c.path))
}

fn row_type(columns: &[OutputColumn]) -> String {
    if columns.is_empty() {
        return "{}".to_owned();
    }
    let fields: Vec<String> = columns.iter().map(|c| format!("{}: {}", path_name(&c.path), c.ty)).collect();
    format!("{{ {} }}", fields.join(", "))
}

/// What follows `read`: the path, the format, how many files and columns.
pub(super) fn source_text(source: &Source) -> String {
    let mut text =
        format!("{} as {}", string(&without_secrets(&source.pattern)), format_text(&source.format));
    match &source.on_error {
        OnError::Fail => {}
        OnError::Quarantine(path) => text += &format!(" on_error quarantine({})", string(path)),
        OnError::Null => text += " on_error null",
        OnError::Skip => text += " on_error skip",
    }
    text
}

/// Literal rows, by their number.
pub(super) fn rows_text(count: usize) -> String {
    if count == 1 { "rows [1 row]".to_owned() } else { format!("rows [{count} rows]") }
}

/// `2 of 21 columns`, or how many fields are read where files do not say how many they have.
pub(super) fn columns_read(source: &Source) -> String {
    let columns = file_columns_read(source);
    let folders = &source.folders;
    if folders.keys.is_empty() {
        return columns;
    }
    let keys = folders.keys.iter().enumerate().map(|(i, key)| {
        let mut values: Vec<_> = source.files.iter().filter_map(|f| f.keys.get(i)).collect();
        values.sort();
        values.dedup();
        format!("{}: {} of {}", key.column.name, values.len(), key.values)
    });
    let keys = keys.collect::<Vec<_>>().join(", ");
    format!("{columns}, {} of {} files; {keys}", source.files.len(), folders.files)
}

/// Of the columns that stand in the files.
fn file_columns_read(source: &Source) -> String {
    let read = source.columns.len();
    match (&source.format, source.files.iter().map(|f| f.fields).max()) {
        (Format::Delimited(_) | Format::Parquet(_) | Format::Arrow(_), Some(all)) if all > 0 => {
            format!("{read} of {all} columns")
        }
        (Format::Lines, _) => "whole lines".to_owned(),
        _ if read == 1 => "1 field".to_owned(),
        _ => format!("{read} fields"),
    }
}

/// A string literal.
pub(super) fn string(s: &str) -> String {
    text::display(&flow_ir::Value::string(s))
}

fn format_text(format: &Format) -> String {
    match format {
        Format::Delimited(dialect) => dialect_text(dialect),
        Format::JsonLines => "jsonl".to_owned(),
        Format::Lines => "lines".to_owned(),
        Format::Json => "json".to_owned(),
        Format::Text => "text".to_owned(),
        Format::Parquet(c) => columnar_text("parquet", *c, PARQUET_COMPRESSION),
        Format::Arrow(c) => columnar_text("arrow", *c, ARROW_COMPRESSION),
    }
}

/// The compression, unless it is the one that is taken without a word.
fn columnar_text(word: &str, compression: PageCompression, plain: PageCompression) -> String {
    match compression == plain {
        true => word.to_owned(),
        false => format!("{word}(compression: {})", string(compression.name())),
    }
}

/// Only the options that differ from `csv`'s or `tsv`'s own.
fn dialect_text(dialect: &Dialect) -> String {
    let (word, plain) = match dialect.separator {
        b'\t' => ("tsv", Dialect::tsv()),
        _ => ("csv", Dialect::csv()),
    };
    let byte = |b: u8| string(&char::from(b).to_string());
    let mut options = Vec::new();
    if dialect.separator != plain.separator {
        options.push(format!("sep: {}", byte(dialect.separator)));
    }
    if dialect.header != plain.header {
        options.push(format!("header: {}", dialect.header));
    }
    if dialect.quote != plain.quote {
        options.push(format!("quote: {}", dialect.quote.map_or("none".to_owned(), byte)));
    }
    if dialect.null != plain.null {
        let texts: Vec<String> = dialect.null.iter().map(|s| string(s)).collect();
        options.push(format!("null: [{}]", texts.join(", ")));
    }
    if options.is_empty() { word.to_owned() } else { format!("{word}({})", options.join(", ")) }
}

/// A sink as a stage.
pub(super) fn sink_text(sink: &Sink) -> String {
    let names = || {
        let names =
            sink.columns.iter().map(|c| c.path.iter().map(|p| quote_name(p)).collect::<Vec<_>>().join("."));
        names.collect::<Vec<_>>().join(", ")
    };
    let mode = match sink.mode {
        WriteMode::Replace => String::new(),
        mode => format!(" mode {}", mode.name()),
    };
    let order = if sink.unordered { " unordered" } else { "" };
    match (&sink.target, &sink.format) {
        (Target::Processes { command, slots }, _) => {
            format!("through {} as jsonl slots {slots}", string(command))
        }
        (Target::Folder { path, keys }, format) => {
            let format = format.as_ref().map_or_else(String::new, |f| format!(" as {}", format_text(f)));
            let name =
                |at: &u32| sink.columns.get(*at as usize).map_or_else(String::new, |c| path_name(&c.path));
            let by = match keys.as_slice() {
                [] => String::new(),
                keys => format!(" partition by {}", keys.iter().map(name).collect::<Vec<_>>().join(", ")),
            };
            format!("write {}{format}{by}{mode}{order}", string(path))
        }
        (Target::File(path), Some(format)) => {
            format!("write {} as {}{mode}{order}", string(path), format_text(format))
        }
        (Target::File(path), None) => format!("write {}{mode}{order}", string(path)),
        (Target::Print { .. }, Some(format)) => format!("write \"-\" as {}{order}", format_text(format)),
        (Target::Print { limit: Some(limit) }, None) => format!("show {limit}  # {}", names()),
        (Target::Print { limit: None }, None) => format!("show all  # {}", names()),
    }
}
