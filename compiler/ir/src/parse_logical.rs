//! Reads the logical plan from the text that its `Display` writes.

use crate::aggregate::{Aggregate, AggregateKind, Detail, Reducer};
use crate::join::{Contract, JoinKind, JoinStrategy};
use crate::layout_of_rows::{Division, RowLayout};
use crate::logical::{ColumnId, LogicalPlan, Node, NodeId, Operator, OutputColumn, SortKey};
use crate::parse::{ParseError, Parsed, Parser};
use crate::persist::{Persist, PersistLevel, Reuse};
use crate::sample::{Sample, SampleAmount};
use crate::set_operation::SetOperation;
use crate::source::{
    Dialect, FolderKey, Folders, Format, OnError, PageCompression, Sink, SinkColumn, Source, SourceColumn,
    SourceFile, Target, WriteMode,
};
use crate::value::Value;
use crate::window::{Frame, Window, WindowFunction, WindowKind};

/// The set operation of that name.
pub(crate) fn set_operation(word: &str) -> Option<SetOperation> {
    [SetOperation::Intersect, SetOperation::Except].into_iter().find(|o| o.name() == word)
}

/// (new, own) of the left and of the right side, and the strategy.
pub(crate) type JoinColumns = (Vec<(ColumnId, ColumnId)>, Vec<(ColumnId, ColumnId)>, Option<JoinStrategy>);

/// Reads a logical plan. The result is well-formed text, not necessarily a plan that makes sense.
pub fn parse_logical(text: &str) -> Result<LogicalPlan, ParseError> {
    let mut p = Parser::new(text);
    let mut plan = LogicalPlan::default();
    while p.sees("%") {
        p.expect("%")?;
        let number: usize = p.number()?;
        if number != plan.nodes.len() {
            return p.fail(format!("expected node %{}", plan.nodes.len()));
        }
        p.expect("=")?;
        let node = p.logical_node()?;
        plan.nodes.push(node);
    }
    p.expect_word("sinks")?;
    plan.sinks = p.list("[", "]", Parser::node_id)?;
    p.expect_word("unused")?;
    plan.unused = p.columns()?.into_iter().collect();
    p.expect_word("next")?;
    p.expect("#")?;
    plan.next_column = p.number()?;
    p.end()?;
    Ok(plan)
}

impl Parser<'_> {
    fn node_id(&mut self) -> Parsed<NodeId> {
        self.expect("%")?;
        Ok(NodeId(self.number()?))
    }

    fn logical_node(&mut self) -> Parsed<Node> {
        let operator = self.logical_operator()?;
        self.expect("->")?;
        let columns = self.open_list(Self::output_column)?;
        Ok(Node { operator, columns, span: self.span()? })
    }

    fn output_column(&mut self) -> Parsed<OutputColumn> {
        let (path, id) = self.named_column()?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.types.insert(id, ty.clone());
        Ok(OutputColumn { id, path, ty })
    }

    /// A column whose names count.
    fn named_column(&mut self) -> Parsed<(Vec<String>, ColumnId)> {
        let Some(path) = self.path()? else { return self.fail("expected a column") };
        self.expect("#")?;
        Ok((path, ColumnId(self.number()?)))
    }

    fn logical_operator(&mut self) -> Parsed<Operator> {
        let word = self.word()?;
        if word == "read" {
            return Ok(Operator::Read(self.source()?));
        }
        if word == "rows" {
            return Ok(Operator::Rows(self.rows()?));
        }
        if word == "union" {
            let inputs = self.list("[", "]", Self::node_id)?;
            return Ok(Operator::Union { inputs, columns: self.list("[", "]", Self::columns)? });
        }
        if word == "join" {
            return self.logical_join();
        }
        if let Some(operation) = set_operation(word) {
            let all = self.eat_word("all");
            let (left, right) = (self.node_id()?, self.node_id()?);
            self.expect_word("on")?;
            return Ok(Operator::SetOperation { operation, all, left, right, on: self.pairs("==")? });
        }
        if word == "loop_rows" {
            return Ok(Operator::LoopRows);
        }
        let input = self.node_id()?;
        Ok(match word {
            "iterate" => {
                let (start, start_columns) = (self.node_id()?, self.columns()?);
                let (body, body_columns) = (self.node_id()?, self.columns()?);
                self.expect_word("rounds")?;
                let rounds = self.number()?;
                let until =
                    if self.eat_word("until") { Some((self.node_id()?, self.column()?)) } else { None };
                Operator::Iterate { state: input, start, body, until, start_columns, body_columns, rounds }
            }
            "filter" => Operator::Filter { input, predicate: self.expr()? },
            "map" => Operator::Map { input, computed: self.list("{", "}", Self::computed)? },
            "flat_map" => {
                let computed = self.list("{", "}", Self::computed)?;
                self.expect_word("each")?;
                Operator::FlatMap { input, computed, each: self.computed()? }
            }
            "check" => Operator::Check { input, predicate: self.expr()?, message: self.string()? },
            "reduce_by_key" => {
                let keys = self.columns()?;
                Operator::ReduceByKey { input, keys, aggregates: self.aggregates()? }
            }
            "distinct" => {
                let (on, sort) = self.distinct()?;
                Operator::Distinct { input, on, sort }
            }
            "window" => Operator::Window { input, window: self.window()? },
            "take_per" => {
                let count = self.number()?;
                self.expect_word("per")?;
                Operator::TakePer { input, count, per: self.columns()? }
            }
            "sort" => Operator::Sort { input, keys: self.sort_keys()? },
            "take" => Operator::Take { input, count: self.number()? },
            "skip" => Operator::Skip { input, count: self.number()? },
            "sample" => Operator::Sample { input, sample: self.sample()? },
            "repartition" => Operator::Repartition { input, layout: self.repartition()? },
            "coalesce" => Operator::Repartition { input, layout: self.coalesce()? },
            "persist" => Operator::Persist { input, persist: self.persist()? },
            "expect" => {
                let (on, contract) = self.contract()?;
                Operator::Expect { input, on, contract }
            }
            "through" => {
                let sink = self.sink(word)?;
                self.expect_word("answers")?;
                Operator::Through { input, sink, answers: self.source()? }
            }
            "write" | "show" => Operator::Write { input, sink: self.sink(word)? },
            other => return self.fail(format!("there is no operator `{other}`")),
        })
    }

    fn logical_join(&mut self) -> Parsed<Operator> {
        let kind = self.join_kind();
        let (left, right) = (self.node_id()?, self.node_id()?);
        self.expect_word("on")?;
        let on = self.pairs("==")?;
        let (left_columns, right_columns, using) = self.join_columns()?;
        Ok(Operator::Join { kind, left, right, on, left_columns, right_columns, using })
    }

    pub(crate) fn join_kind(&mut self) -> JoinKind {
        let kind = JoinKind::ALL.into_iter().find(|k| *k != JoinKind::Inner && self.eat_word(k.word()));
        kind.unwrap_or(JoinKind::Inner)
    }

    /// What a join renames on the left and on the right, and the strategy asked for.
    pub(crate) fn join_columns(&mut self) -> Parsed<JoinColumns> {
        let left = if self.eat_word("left") { self.pairs("=")? } else { Vec::new() };
        self.expect_word("right")?;
        let right = self.pairs("=")?;
        if !self.eat_word("using") {
            return Ok((left, right, None));
        }
        let word = self.word()?;
        match JoinStrategy::from_name(word) {
            Some(using) => Ok((left, right, Some(using))),
            None => self.fail(format!("there is no way to join called `{word}`")),
        }
    }

    pub(crate) fn persist(&mut self) -> Parsed<Persist> {
        let word = self.word()?;
        let Some(level) = PersistLevel::from_name(word) else {
            return self.fail(format!("there is no level `{word}` on disk"));
        };
        let name = self.string()?;
        let reuse = match self.word()? {
            "never" => Reuse::Never(self.string()?),
            "whole" => Reuse::Whole { key: self.string()?, files: self.list("[", "]", Self::string)? },
            "per_file" => Reuse::PerFile { key: self.string()? },
            _ => return self.fail("expected `never`, `whole` or `per_file`"),
        };
        Ok(Persist { level, name, reuse })
    }

    pub(crate) fn sample(&mut self) -> Parsed<Sample> {
        let amount = match self.word()? {
            "rows" => SampleAmount::Rows(self.number()?),
            "fraction" => match self.value()? {
                Value::Float(p) => SampleAmount::Fraction(p),
                _ => return self.fail("expected a float"),
            },
            _ => return self.fail("expected `rows` or `fraction`"),
        };
        self.expect_word("seed")?;
        let seed = self.number()?;
        let with_replacement = self.eat_word("with");
        if with_replacement {
            self.expect_word("replacement")?;
        }
        Ok(Sample { amount, seed, with_replacement })
    }

    pub(crate) fn repartition(&mut self) -> Parsed<RowLayout> {
        let parts = self.number()?;
        if !self.eat_word("by") {
            return Ok(RowLayout { division: Division::Even, parts, keys: Vec::new() });
        }
        let division = match self.word()? {
            "hash" => Division::Hash,
            "range" => Division::Range,
            _ => return self.fail("expected `hash` or `range`"),
        };
        Ok(RowLayout { division, parts, keys: self.columns()? })
    }

    pub(crate) fn coalesce(&mut self) -> Parsed<RowLayout> {
        Ok(RowLayout { division: Division::Coalesce, parts: self.number()?, keys: Vec::new() })
    }

    pub(crate) fn contract(&mut self) -> Parsed<(Vec<ColumnId>, Contract)> {
        let on = self.columns()?;
        let text = self.string_value()?;
        self.expect_word("of")?;
        let side = self.string_value()?;
        self.expect_word("keys")?;
        let keys = self.list("[", "]", Self::string_value)?;
        Ok((on, Contract { text, side, keys, span: self.span()? }))
    }

    pub(crate) fn pairs(&mut self, between: &str) -> Parsed<Vec<(ColumnId, ColumnId)>> {
        self.list("[", "]", |p| {
            let a = p.column()?;
            p.expect(between)?;
            Ok((a, p.column()?))
        })
    }

    pub(crate) fn rows(&mut self) -> Parsed<Vec<Vec<Value>>> {
        self.list("[", "]", |p| p.list("(", ")", Self::value))
    }

    pub(crate) fn sort_keys(&mut self) -> Parsed<Vec<SortKey>> {
        self.list("[", "]", |p| {
            let column = p.column()?;
            let descending = p.eat_word("desc");
            let nulls_first = p.eat_word("nulls");
            if nulls_first {
                p.expect_word("first")?;
            }
            Ok(SortKey { column, descending, nulls_first })
        })
    }

    pub(crate) fn distinct(&mut self) -> Parsed<(Vec<ColumnId>, Vec<SortKey>)> {
        let on = self.columns()?;
        let sort = if self.eat_word("sort") { self.sort_keys()? } else { Vec::new() };
        Ok((on, sort))
    }

    pub(crate) fn window(&mut self) -> Parsed<Window> {
        self.expect_word("per")?;
        let per = self.columns()?;
        self.expect_word("sort")?;
        let sort = self.sort_keys()?;
        self.expect_word("frame")?;
        let frame = match self.word()? {
            "key" => Frame::Key,
            "running" => Frame::Running,
            "rows" => {
                let from = self.offset()?;
                self.expect_word("to")?;
                Frame::Rows { from, to: self.offset()? }
            }
            other => return self.fail(format!("there is no frame `{other}`")),
        };
        let aggregates = self.aggregates()?;
        self.expect_word("functions")?;
        let functions = self.list("{", "}", Self::window_function)?;
        Ok(Window { per, sort, frame, aggregates, functions })
    }

    /// A number that may be negative.
    fn offset(&mut self) -> Parsed<i64> {
        let sign: i128 = if self.eat("-") { -1 } else { 1 };
        let digits: u64 = self.number()?;
        match i64::try_from(sign * i128::from(digits)) {
            Ok(n) => Ok(n),
            Err(_) => self.fail("expected an offset of 64 bits"),
        }
    }

    fn window_function(&mut self) -> Parsed<WindowFunction> {
        let output = self.column()?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.expect("=")?;
        let word = self.word()?;
        let Some(kind) = WindowKind::from_name(word) else {
            return self.fail(format!("there is no window function `{word}`"));
        };
        self.expect("(")?;
        let (mut argument, mut offset, mut default) = (None, 0, None);
        if !self.sees(")") {
            argument = Some(self.column()?);
            self.expect(",")?;
            offset = self.number()?;
            if self.eat(",") {
                default = Some(self.column()?);
            }
        }
        self.expect(")")?;
        Ok(WindowFunction { output, kind, argument, offset, default, ty, span: self.span()? })
    }

    pub(crate) fn aggregates(&mut self) -> Parsed<Vec<Aggregate>> {
        self.list("{", "}", |p| {
            let output = p.column()?;
            p.expect(":")?;
            let ty = p.ty()?;
            p.expect("=")?;
            let word = p.word()?;
            let Some(kind) = AggregateKind::from_name(word) else {
                return p.fail(format!("there is no aggregate `{word}`"));
            };
            p.expect("(")?;
            let argument = if p.sees(")") { None } else { Some(p.column()?) };
            let by = if p.eat_word("by") { Some(p.column()?) } else { None };
            p.expect(")")?;
            let detail = p.detail()?;
            Ok(Aggregate { output, kind, argument, by, detail, ty, span: p.span()? })
        })
    }

    fn detail(&mut self) -> Parsed<Detail> {
        if self.eat_word("at") {
            return match self.value()? {
                Value::Float(q) => Ok(Detail::Quantile(q)),
                _ => self.fail("a quantile stands at a float"),
            };
        }
        if self.eat_word("with") {
            return Ok(Detail::Separator(self.string()?.into()));
        }
        if !self.eat_word("to") {
            return Ok(Detail::None);
        }
        let accumulator = self.ty()?;
        let start = if self.eat_word("from") { Some(self.value()?) } else { None };
        self.expect_word("step")?;
        let step = self.expr()?;
        let merge = if self.eat_word("merge") { Some(self.expr()?) } else { None };
        self.expect_word("in")?;
        let in_parts = match self.word()? {
            "parts" => true,
            "order" => false,
            _ => return self.fail("expected `parts` or `order`"),
        };
        Ok(Detail::Reducer(Box::new(Reducer { start, step, merge, accumulator, in_parts })))
    }

    pub(crate) fn source(&mut self) -> Parsed<Source> {
        let pattern = self.string_value()?;
        self.expect_word("as")?;
        let format = self.format()?;
        let on_error = if self.eat_word("on_error") {
            match self.word()? {
                "quarantine" => OnError::Quarantine(self.string_value()?),
                "null" => OnError::Null,
                "skip" => OnError::Skip,
                _ => return self.fail("expected `quarantine`, `null` or `skip`"),
            }
        } else {
            OnError::Fail
        };
        let columns = self.list("{", "}", Self::source_column)?;
        let mut folders = Folders::default();
        if self.eat_word("folders") {
            folders.files = self.number()?;
            folders.keys =
                self.list("{", "}", |p| Ok(FolderKey { values: p.number()?, column: p.source_column()? }))?;
        }
        let line = if self.eat_word("line") { Some(self.source_column()?) } else { None };
        self.expect_word("files")?;
        let with_keys = !folders.keys.is_empty();
        let files = self.list("[", "]", |p| {
            let path = p.string_value()?;
            let fields = p.number()?;
            let positions = p.list("[", "]", Self::number)?;
            let keys = if with_keys { p.list("[", "]", Self::value)? } else { Vec::new() };
            Ok(SourceFile { path, fields, positions, keys })
        })?;
        Ok(Source { pattern, files, format, columns, folders, line, on_error, span: self.span()? })
    }

    fn source_column(&mut self) -> Parsed<SourceColumn> {
        let (path, id) = self.named_column()?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.types.insert(id, ty.clone());
        let name = if self.eat_word("named") { self.name()? } else { path.join(".") };
        Ok(SourceColumn { id, name, path, ty, span: self.span()?, used: self.span()? })
    }

    fn string_value(&mut self) -> Parsed<String> {
        self.skip_space();
        self.string()
    }

    fn format(&mut self) -> Parsed<Format> {
        Ok(match self.word()? {
            "csv" => Format::Delimited(self.dialect()?),
            "jsonl" => Format::JsonLines,
            "lines" => Format::Lines,
            "json" => Format::Json,
            "text" => Format::Text,
            "parquet" => Format::Parquet(self.page_compression()?),
            "arrow" => Format::Arrow(self.page_compression()?),
            other => return self.fail(format!("there is no format `{other}`")),
        })
    }

    fn page_compression(&mut self) -> Parsed<PageCompression> {
        self.expect("(")?;
        let name = self.word()?;
        let Some(compression) = PageCompression::from_name(name) else {
            return self.fail(format!("there is no compression `{name}`"));
        };
        self.expect(")")?;
        Ok(compression)
    }

    fn dialect(&mut self) -> Parsed<Dialect> {
        self.expect("(")?;
        let separator = self.byte()?;
        let header = self.eat_word("header");
        let quote = if self.eat_word("quote") { Some(self.byte()?) } else { None };
        let null = match self.eat_word("null") {
            true => self.list("[", "]", Self::string_value)?,
            false => Vec::new(),
        };
        self.expect(")")?;
        Ok(Dialect { separator, header, quote, null })
    }

    fn byte(&mut self) -> Parsed<u8> {
        let text = self.string_value()?;
        let mut chars = text.chars();
        match (chars.next().and_then(|c| u8::try_from(u32::from(c)).ok()), chars.next()) {
            (Some(byte), None) => Ok(byte),
            _ => self.fail("expected a string of one byte"),
        }
    }

    pub(crate) fn sink(&mut self, word: &str) -> Parsed<Sink> {
        let target = if word == "write" && self.eat_word("folder") {
            let path = self.string_value()?;
            self.expect_word("by")?;
            Target::Folder { path, keys: self.list("[", "]", Self::number)? }
        } else if word == "write" {
            Target::File(self.string_value()?)
        } else if word == "through" {
            let command = self.string_value()?;
            self.expect_word("slots")?;
            Target::Processes { command, slots: self.number()? }
        } else if self.eat_word("all") {
            Target::Print { limit: None }
        } else {
            Target::Print { limit: Some(self.number()?) }
        };
        let format = if self.eat_word("as") { Some(self.format()?) } else { None };
        let mode = match self.eat_word("mode") {
            false => WriteMode::Replace,
            true if self.eat_word("append") => WriteMode::Append,
            true if self.eat_word("error") => WriteMode::Error,
            true => return self.fail("expected `append` or `error`"),
        };
        let unordered = self.eat_word("unordered");
        self.expect_word("number")?;
        let number = self.number()?;
        let columns = self.list("{", "}", |p| {
            let (path, id) = p.named_column()?;
            p.expect(":")?;
            Ok(SinkColumn { id, path, ty: p.ty()? })
        })?;
        let optional = match self.eat_word("optional") {
            true => self.list("[", "]", |p| match p.names()? {
                path if path.is_empty() => p.fail("expected a name"),
                path => Ok(path),
            })?,
            false => Vec::new(),
        };
        Ok(Sink { number, target, format, mode, unordered, columns, optional, span: self.span()? })
    }
}
