//! Layout of items.

use super::Formatter;
use super::layout::Layout;
use crate::ast::*;
use crate::span::Span;

impl Formatter<'_> {
    pub(super) fn item(&mut self, item: &Item) -> Layout {
        match &item.kind {
            ItemKind::Error => Layout::text(item.span.text(self.source)),
            ItemKind::Import(Import::Module(path)) => {
                Layout::concat([Layout::text("import "), self.path(path)])
            }
            ItemKind::Import(Import::File { path, alias }) => {
                let mut parts = vec![Layout::text("import "), self.str_lit(path)];
                if let Some(alias) = alias {
                    parts.extend([Layout::text(" as "), self.name(alias)]);
                }
                Layout::concat(parts)
            }
            ItemKind::Schema(schema) => {
                let head = format!("schema {} ", self.name_text(&schema.name));
                Layout::concat([Layout::text(head), self.fields(&schema.fields)])
            }
            ItemKind::Param(param) => {
                let head = Layout::text(format!("param {}: ", self.name_text(&param.name)));
                let ty = self.ty(&param.ty);
                let default = match &param.default {
                    Some(default) => Layout::concat([Layout::text(" ="), self.assigned(default)]),
                    None => Layout::empty(),
                };
                Layout::concat([head, ty, default])
            }
            ItemKind::Const(constant) => {
                let head = Layout::text(format!("const {} =", self.name_text(&constant.name)));
                Layout::concat([head, self.assigned(&constant.value)])
            }
            ItemKind::Fn(function) => self.function(function, item.span),
            ItemKind::Pipe(pipe) => self.pipe(pipe, item.span),
            ItemKind::Let(definition) => {
                let head = Layout::text(format!("let {} =", self.name_text(&definition.name)));
                let value = match &definition.value {
                    LetValue::Pipeline(pipeline) => self.assigned_pipeline(pipeline),
                    LetValue::Iterate(iterate) => self.iterate(iterate),
                };
                Layout::concat([head, value])
            }
            ItemKind::Test(test) => self.test(test, item.span),
            ItemKind::Pipeline(pipeline) => self.tall_pipeline(pipeline),
        }
    }

    fn params(&mut self, params: &[FnParam], end: u32) -> Layout {
        let one = |this: &mut Self, param: &FnParam| {
            let name = this.name(&param.name);
            match &param.ty {
                Some(ty) => Layout::concat([name, Layout::text(": "), this.ty(ty)]),
                None => name,
            }
        };
        let last = params.last().map_or(end, |param| param.span.end + 1);
        self.bracketed(
            ("(", ")"),
            Layout::SoftLine,
            Span::new(0, last),
            params,
            |param| param.span.start,
            one,
        )
    }

    fn function(&mut self, function: &FnDef, span: Span) -> Layout {
        let name = Layout::text(format!("fn {}", self.name_text(&function.name)));
        let params = self.params(&function.params, function.name.span.end);
        let result = match &function.result {
            Some(ty) => Layout::concat([Layout::text(" -> "), self.ty(ty)]),
            None => Layout::empty(),
        };
        let body = if function.body.block {
            self.block(&function.body, span)
        } else {
            Layout::concat([Layout::text(" ="), self.assigned(&function.body.value)])
        };
        Layout::concat([name, params, result, body])
    }

    fn block(&mut self, body: &FnBody, span: Span) -> Layout {
        let mut inner = Vec::new();
        for binding in &body.lets {
            inner.push(self.comments.line(Layout::Line, binding.span.start));
            inner.push(Layout::text(format!("let {} =", self.name_text(&binding.name))));
            inner.push(self.assigned(&binding.value));
            inner.push(Layout::text(";"));
        }
        inner.push(self.comments.line(Layout::Line, body.value.outer().start));
        inner.push(self.expr(&body.value));
        inner.push(self.comments.before_close(span.end.saturating_sub(1)));
        let inner = Layout::indent(Layout::Concat(inner));
        Layout::group(Layout::concat([Layout::text(" {"), inner, Layout::Line, Layout::text("}")]))
    }

    fn pipe(&mut self, pipe: &PipeDef, span: Span) -> Layout {
        let mut head = vec![Layout::text(format!("pipe {}", self.name_text(&pipe.name)))];
        if !pipe.params.is_empty() {
            head.push(self.params(&pipe.params, pipe.name.span.end));
        }
        head.push(Layout::text(" {"));
        let mut stages = self.stage_lines(&pipe.stages, &Layout::HardLine);
        stages.push(self.comments.before_close(span.end.saturating_sub(1)));
        head.push(Layout::indent(Layout::Concat(stages)));
        head.extend([Layout::HardLine, Layout::text("}")]);
        Layout::Concat(head)
    }

    fn iterate(&mut self, iterate: &Iterate) -> Layout {
        let first_line = self.comments.line(Layout::HardLine, iterate.span.start);
        let name = Layout::text(format!("iterate {} = ", self.name_text(&iterate.name)));
        let start = match iterate.start.source.kind {
            SourceKind::Rows(_) if iterate.start.stages.is_empty() => self.source(&iterate.start.source),
            _ => self.parenthesized(&iterate.start),
        };
        let rounds_line = self.comments.line(Layout::HardLine, iterate.rounds.outer().start);
        let rounds =
            Layout::concat([Layout::text("for "), self.expr(&iterate.rounds), Layout::text(" rounds")]);
        let until = match &iterate.until {
            Some(condition) => {
                let line = self.comments.line(Layout::HardLine, condition.outer().start);
                Layout::concat([line, Layout::text("until "), self.expr(condition)])
            }
            None => Layout::empty(),
        };
        let body_line = self.comments.line(Layout::HardLine, iterate.body.span.start);
        let body = self.tall_pipeline(&iterate.body);
        let end = self.comments.before_close(iterate.span.end.saturating_sub(1));
        Layout::indent(Layout::concat([
            first_line,
            name,
            start,
            rounds_line,
            rounds,
            until,
            Layout::text(" {"),
            Layout::indent(Layout::concat([body_line, body, end])),
            Layout::HardLine,
            Layout::text("}"),
        ]))
    }

    fn test(&mut self, test: &TestDef, span: Span) -> Layout {
        let head = Layout::concat([Layout::text("test "), self.str_lit(&test.name), Layout::text(" {")]);
        let mut steps = Vec::new();
        for step in &test.steps {
            match step {
                TestStep::Given { name, value, span } => {
                    steps.push(self.comments.line(Layout::HardLine, span.start));
                    steps.push(Layout::text(format!("given {} =", self.name_text(name))));
                    steps.push(self.assigned_pipeline(value));
                }
                TestStep::Expect { actual, expected, span } => {
                    steps.push(self.comments.line(Layout::HardLine, span.start));
                    steps.push(Layout::text("expect "));
                    let actual = self.inline_pipeline(actual);
                    steps.push(Layout::indent(actual));
                    steps.push(Layout::text(" == "));
                    steps.push(self.inline_pipeline(expected));
                }
            }
        }
        steps.push(self.comments.before_close(span.end.saturating_sub(1)));
        let body = Layout::indent(Layout::Concat(steps));
        Layout::concat([head, body, Layout::HardLine, Layout::text("}")])
    }
}
