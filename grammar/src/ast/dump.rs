//! The tree as text without places: what two programs must share to mean the same.
//!
//! Parentheses, layout and comments are left out, documentation is kept. Tests read it, the formatter is checked
//! against it.

use super::*;
use std::fmt::Write as _;

impl Program {
    /// True if both programs say the same, whatever their layout.
    pub fn same_tree(&self, other: &Program) -> bool {
        self.dump() == other.dump()
    }

    /// The tree as text, one item per line, without places.
    pub fn dump(&self) -> String {
        let mut out = Dump(String::new());
        for item in &self.items {
            out.doc(item.doc.as_ref());
            out.item(&item.kind);
            out.0.push('\n');
        }
        out.0
    }
}

/// Writes nested lists in parentheses.
struct Dump(String);

impl Dump {
    fn word(&mut self, word: &str) {
        if !self.0.is_empty() && !self.0.ends_with(['(', '\n']) {
            self.0.push(' ');
        }
        self.0.push_str(word);
    }

    fn quoted(&mut self, text: &str) {
        self.word("");
        let _ = write!(self.0, "{text:?}");
    }

    fn list(&mut self, head: &str, body: impl FnOnce(&mut Dump)) {
        self.word("(");
        self.0.push_str(head);
        body(self);
        self.0.push(')');
    }

    fn each<T>(&mut self, head: &str, parts: &[T], mut one: impl FnMut(&mut Dump, &T)) {
        self.list(head, |out| parts.iter().for_each(|part| one(out, part)));
    }

    fn option<T>(&mut self, head: &str, part: Option<&T>, one: impl FnOnce(&mut Dump, &T)) {
        if let Some(part) = part {
            self.list(head, |out| one(out, part));
        }
    }

    fn doc(&mut self, doc: Option<&Doc>) {
        self.option("doc", doc, |out, doc| out.quoted(&doc.text));
    }

    fn name(&mut self, name: &Name) {
        self.word(&format!("`{}`", name.text));
    }

    fn path(&mut self, path: &Path) {
        self.each("path", &path.names, Dump::name);
    }

    fn item(&mut self, item: &ItemKind) {
        match item {
            ItemKind::Error => self.word("error"),
            ItemKind::Import(Import::Module(path)) => self.list("import", |out| out.path(path)),
            ItemKind::Import(Import::File { path, alias }) => self.list("import", |out| {
                out.quoted(&path.value);
                alias.iter().for_each(|alias| out.name(alias));
            }),
            ItemKind::Schema(schema) => self.list("schema", |out| {
                out.name(&schema.name);
                out.fields(&schema.fields);
            }),
            ItemKind::Param(param) => self.list("param", |out| {
                out.name(&param.name);
                out.ty(&param.ty);
                out.option("default", param.default.as_ref(), Dump::expr);
            }),
            ItemKind::Const(constant) => self.list("const", |out| {
                out.name(&constant.name);
                out.expr(&constant.value);
            }),
            ItemKind::Fn(function) => self.list("fn", |out| out.function(function)),
            ItemKind::Pipe(pipe) => self.list("pipe", |out| {
                out.name(&pipe.name);
                out.params(&pipe.params);
                pipe.stages.iter().for_each(|stage| out.stage(&stage.kind));
            }),
            ItemKind::Let(definition) => self.list("let", |out| {
                out.name(&definition.name);
                match &definition.value {
                    LetValue::Pipeline(pipeline) => out.pipeline(pipeline),
                    LetValue::Iterate(iterate) => out.iterate(iterate),
                }
            }),
            ItemKind::Test(test) => self.list("test", |out| {
                out.quoted(&test.name.value);
                test.steps.iter().for_each(|step| out.step(step));
            }),
            ItemKind::Pipeline(pipeline) => self.pipeline(pipeline),
        }
    }

    fn function(&mut self, function: &FnDef) {
        self.name(&function.name);
        self.params(&function.params);
        self.option("result", function.result.as_ref(), Dump::ty);
        self.list(if function.body.block { "block" } else { "body" }, |out| {
            for binding in &function.body.lets {
                out.list("let", |out| {
                    out.name(&binding.name);
                    out.expr(&binding.value);
                });
            }
            out.expr(&function.body.value);
        });
    }

    fn params(&mut self, params: &[FnParam]) {
        self.each("params", params, |out, param| {
            out.name(&param.name);
            out.option("type", param.ty.as_ref(), Dump::ty);
        });
    }

    fn iterate(&mut self, iterate: &Iterate) {
        self.list("iterate", |out| {
            out.name(&iterate.name);
            out.pipeline(&iterate.start);
            out.list("rounds", |out| out.expr(&iterate.rounds));
            out.option("until", iterate.until.as_ref(), Dump::expr);
            out.pipeline(&iterate.body);
        });
    }

    fn step(&mut self, step: &TestStep) {
        match step {
            TestStep::Given { name, value, .. } => self.list("given", |out| {
                out.name(name);
                out.pipeline(value);
            }),
            TestStep::Expect { actual, expected, .. } => self.list("expect", |out| {
                out.pipeline(actual);
                out.pipeline(expected);
            }),
        }
    }

    fn fields(&mut self, fields: &Fields) {
        self.each("fields", &fields.fields, |out, field| {
            out.doc(field.doc.as_ref());
            out.name(&field.name);
            out.ty(&field.ty);
        });
    }

    fn ty(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Error => self.word("error"),
            TypeKind::Bool => self.word("bool"),
            TypeKind::Int => self.word("int"),
            TypeKind::Float => self.word("float"),
            TypeKind::Decimal { precision, scale } => self.word(&format!("decimal({precision}, {scale})")),
            TypeKind::String => self.word("string"),
            TypeKind::Bytes => self.word("bytes"),
            TypeKind::Date => self.word("date"),
            TypeKind::Timestamp => self.word("timestamp"),
            TypeKind::Duration => self.word("duration"),
            TypeKind::List(element) => self.list("list", |out| out.ty(element)),
            TypeKind::Record(fields) => self.fields(fields),
            TypeKind::Named(path) => self.path(path),
        }
        if ty.nullable {
            self.0.push('?');
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        self.list("pipeline", |out| {
            match &pipeline.source.kind {
                SourceKind::Error => out.word("error"),
                SourceKind::Read(read) => out.list("read", |out| out.read(read)),
                SourceKind::From(path) => out.list("from", |out| out.path(path)),
                SourceKind::Rows(rows) => out.each("rows", rows, Dump::record),
            }
            pipeline.stages.iter().for_each(|stage| out.stage(&stage.kind));
        });
    }

    fn read(&mut self, read: &Read) {
        self.expr(&read.target);
        self.option("as", read.format.as_ref(), Dump::format);
        self.option("schema", read.schema.as_ref(), |out, schema| match schema {
            SchemaRef::Named(path) => out.path(path),
            SchemaRef::Inline(fields) => out.fields(fields),
        });
        self.option("on_error", read.on_error.as_ref(), |out, on_error| match &on_error.policy {
            OnErrorPolicy::Fail => out.word("fail"),
            OnErrorPolicy::Null => out.word("null"),
            OnErrorPolicy::Skip => out.word("skip"),
            OnErrorPolicy::Quarantine(file) => out.list("quarantine", |out| out.expr(file)),
        });
    }

    fn format(&mut self, format: &Format) {
        self.name(&format.name);
        self.args(&format.args);
    }

    fn args(&mut self, args: &[Arg]) {
        self.each("args", args, |out, arg| {
            out.option("name", arg.name.as_ref(), Dump::name);
            out.expr(&arg.value);
        });
    }

    fn stage(&mut self, stage: &StageKind) {
        self.list(stage.keyword(), |out| match stage {
            StageKind::Error | StageKind::Count => {}
            StageKind::Filter(expr) | StageKind::Skip(expr) | StageKind::Coalesce(expr) => out.expr(expr),
            StageKind::Map(record) | StageKind::FlatMap(record) | StageKind::Reduce(record) => {
                out.record(record)
            }
            StageKind::Check { condition, message } => {
                out.expr(condition);
                out.option("message", message.as_ref(), |out, message| out.quoted(&message.value));
            }
            StageKind::ReduceByKey { keys, record } => {
                out.keys("keys", keys);
                out.record(record);
            }
            StageKind::GroupByKey { keys, into } => {
                out.keys("keys", keys);
                out.name(into);
            }
            StageKind::Distinct { on, sort } => {
                out.keys("on", on);
                out.sort_keys(sort);
            }
            StageKind::Sort(keys) => out.sort_keys(keys),
            StageKind::Take { count, per, sort } => {
                out.expr(count);
                out.keys("per", per);
                out.sort_keys(sort);
            }
            StageKind::Sample { amount, seed, with_replacement } => {
                match amount {
                    SampleAmount::Percent(expr) => out.list("percent", |out| out.expr(expr)),
                    SampleAmount::Value(expr) => out.expr(expr),
                }
                out.option("seed", seed.as_ref(), Dump::expr);
                out.word(if *with_replacement { "with_replacement" } else { "" });
            }
            StageKind::Union(datasets) => datasets.iter().for_each(|dataset| out.dataset(dataset)),
            StageKind::Intersect { all, dataset } | StageKind::Except { all, dataset } => {
                out.word(if *all { "all" } else { "distinct" });
                out.dataset(dataset);
            }
            StageKind::Join(join) => out.join(join),
            StageKind::Window(window) => {
                out.keys("per", &window.per);
                out.sort_keys(&window.sort);
                out.option("frame", window.frame.as_ref(), Dump::expr);
                out.record(&window.record);
            }
            StageKind::Persist { level } => out.option("level", level.as_ref(), Dump::name),
            StageKind::Repartition { count, by } => {
                out.expr(count);
                out.option("by", by.as_ref(), Dump::expr);
            }
            StageKind::Through(through) => {
                out.expr(&through.command);
                out.option("as", through.format.as_ref(), Dump::format);
                out.option("schema", through.schema.as_ref(), |out, schema| match schema {
                    SchemaRef::Named(path) => out.path(path),
                    SchemaRef::Inline(fields) => out.fields(fields),
                });
                out.option("slots", through.slots.as_ref(), Dump::expr);
            }
            StageKind::Write(write) => out.write_stage(write),
            StageKind::Show { count } => out.option("count", count.as_ref(), Dump::expr),
            StageKind::Use { path, args } => {
                out.path(path);
                out.args(args);
            }
        });
    }

    fn join(&mut self, join: &Join) {
        self.word(&format!("{:?}", join.kind));
        self.dataset(&join.dataset);
        self.option("as", join.alias.as_ref(), Dump::name);
        self.each("on", &join.on, |out, key| match &key.kind {
            JoinKeyKind::Same(expr) => out.expr(expr),
            JoinKeyKind::Equal { left, right } => out.list("==", |out| {
                out.expr(left);
                out.expr(right);
            }),
        });
        self.option("expect", join.expect.as_ref(), |out, expect| out.word(&expect.to_string()));
        self.option("using", join.using.as_ref(), |out, using| out.word(using.strategy.word()));
    }

    fn write_stage(&mut self, write: &Write) {
        self.expr(&write.target);
        self.option("as", write.format.as_ref(), Dump::format);
        self.keys("partition", &write.partition);
        self.option("mode", write.mode.as_ref(), |out, mode| out.word(mode.kind.word()));
        self.word(if write.unordered { "unordered" } else { "" });
    }

    fn dataset(&mut self, dataset: &Dataset) {
        match &dataset.kind {
            DatasetKind::Named(path) => self.path(path),
            DatasetKind::Pipeline(pipeline) => self.pipeline(pipeline),
        }
    }

    fn keys(&mut self, head: &str, keys: &[Key]) {
        self.each(head, keys, |out, key| {
            out.option("name", key.name.as_ref(), Dump::name);
            out.expr(&key.value);
        });
    }

    fn sort_keys(&mut self, keys: &[SortKey]) {
        self.each("by", keys, |out, key| {
            out.expr(&key.value);
            out.option("direction", key.direction.as_ref(), |out, way| out.word(&format!("{way:?}")));
            out.option("nulls", key.nulls.as_ref(), |out, nulls| out.word(&format!("{nulls:?}")));
        });
    }

    fn record(&mut self, record: &Record) {
        self.each("record", &record.entries, |out, entry| {
            out.doc(entry.doc.as_ref());
            match &entry.kind {
                EntryKind::Error => out.word("error"),
                EntryKind::Named { name, value } => out.list(":", |out| {
                    out.name(name);
                    out.expr(value);
                }),
                EntryKind::Each { name, value } => out.list("each", |out| {
                    out.name(name);
                    out.expr(value);
                }),
                EntryKind::Shorthand(path) => out.path(path),
                EntryKind::Spread { base, except } => out.list("*", |out| {
                    out.option("base", base.as_ref(), Dump::path);
                    out.each("except", except, Dump::name);
                }),
            }
        });
    }

    fn exprs(&mut self, head: &str, exprs: &[&Expr]) {
        self.each(head, exprs, |out, expr| out.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Error => self.word("error"),
            ExprKind::Ident(name) => self.name(name),
            ExprKind::Dollar(name) => self.word(&format!("$`{}`", name.text)),
            ExprKind::Null => self.word("null"),
            ExprKind::Bool(value) => self.word(if *value { "true" } else { "false" }),
            ExprKind::Int(literal) => self.word(&literal.text),
            ExprKind::Float(literal) => self.word(&literal.text),
            ExprKind::Str(value) => self.quoted(value),
            ExprKind::FStr(parts) => self.each("f", parts, |out, part| match part {
                FPart::Text(text) => out.quoted(text),
                FPart::Hole { expr, format } => out.list("hole", |out| {
                    out.expr(expr);
                    out.option("format", format.as_ref(), |out, format| out.quoted(&format.text));
                }),
            }),
            ExprKind::Regex(pattern) => self.list("regex", |out| out.quoted(pattern)),
            ExprKind::Date(days) => self.word(&format!("@{days}d")),
            ExprKind::Timestamp(micros) => self.word(&format!("@{micros}us")),
            ExprKind::Duration(literal) => self.word(&literal.text),
            ExprKind::Unary { op, operand, .. } => self.exprs(op.symbol(), &[operand]),
            ExprKind::Binary { op, left, right, .. } => self.exprs(op.symbol(), &[left, right]),
            ExprKind::Range { low, high, .. } => self.exprs("..", &[low, high]),
            ExprKind::IsNull { operand, negated, .. } => {
                self.exprs(if *negated { "is not null" } else { "is null" }, &[operand]);
            }
            ExprKind::Call { callee, args } => self.list("call", |out| {
                out.name(callee);
                out.args(args);
            }),
            ExprKind::Method { receiver, name, args } => self.list("method", |out| {
                out.expr(receiver);
                out.name(name);
                out.args(args);
            }),
            ExprKind::Member { receiver, name } => self.list(".", |out| {
                out.expr(receiver);
                out.name(name);
            }),
            ExprKind::Index { receiver, index } => self.exprs("index", &[receiver, index]),
            ExprKind::Lambda { params, body } => self.list("->", |out| {
                out.each("params", params, Dump::name);
                out.expr(body);
            }),
            ExprKind::If { condition, then_value, else_value } => {
                self.exprs("if", &[condition, then_value, else_value]);
            }
            ExprKind::Match { subject, arms } => self.list("match", |out| {
                out.option("subject", subject.as_deref(), Dump::expr);
                arms.iter().for_each(|arm| out.arm(arm));
            }),
            ExprKind::List(elements) => self.each("[]", elements, Dump::expr),
            ExprKind::Record(record) => self.record(record),
        }
    }

    fn arm(&mut self, arm: &Arm) {
        self.list("=>", |out| {
            match &arm.pattern {
                Pattern::Wildcard(_) => out.word("_"),
                Pattern::Any(patterns) => out.each("any", patterns, Dump::expr),
            }
            out.expr(&arm.value);
        });
    }
}
