//! Layout of expressions, records, keys and types.

use super::Formatter;
use super::layout::Layout;
use crate::ast::*;
use crate::span::Span;
use crate::words;

impl Formatter<'_> {
    /// Elements between brackets: on one line, or one per line with a trailing comma.
    pub(super) fn bracketed<T>(
        &mut self,
        brackets: (&str, &str),
        padding: Layout,
        span: Span,
        elements: &[T],
        start: impl Fn(&T) -> u32,
        mut one: impl FnMut(&mut Self, &T) -> Layout,
    ) -> Layout {
        let (open, close) = brackets;
        let end = span.end.saturating_sub(1);
        if elements.is_empty() {
            if !self.comments.any_before(end) {
                return Layout::text(format!("{open}{close}"));
            }
            let comments = Layout::indent(self.comments.before_close(end));
            return Layout::concat([Layout::text(open), comments, Layout::HardLine, Layout::text(close)]);
        }
        let mut inner = Vec::new();
        for (position, element) in elements.iter().enumerate() {
            let line = if position == 0 { padding.clone() } else { Layout::Line };
            if position > 0 {
                inner.push(Layout::text(","));
            }
            inner.push(self.comments.line(line, start(element)));
            inner.push(one(self, element));
        }
        inner.push(Layout::IfBroken(","));
        inner.push(self.comments.before_close(end));
        Layout::group(Layout::concat([
            Layout::text(open),
            Layout::indent(Layout::Concat(inner)),
            padding,
            Layout::text(close),
        ]))
    }

    /// Elements with commas in between and no brackets around.
    pub(super) fn comma_separated<T>(
        &mut self,
        elements: &[T],
        start: impl Fn(&T) -> u32,
        mut one: impl FnMut(&mut Self, &T) -> Layout,
    ) -> Layout {
        let mut inner = Vec::new();
        for (position, element) in elements.iter().enumerate() {
            if position > 0 {
                inner.push(Layout::text(","));
                inner.push(self.comments.line(Layout::Line, start(element)));
            }
            inner.push(one(self, element));
        }
        Layout::group(Layout::indent(Layout::Concat(inner)))
    }

    pub(super) fn name(&self, name: &Name) -> Layout {
        Layout::text(self.name_text(name))
    }

    /// The name, with back-quotes where it needs them, or where the author kept it apart from a keyword.
    pub(super) fn name_text(&self, name: &Name) -> String {
        let mut characters = name.text.chars();
        let plain = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && characters.all(|next| next.is_ascii_alphanumeric() || next == '_');
        let quoted = name.span.text(self.source).starts_with('`');
        let lists = [words::RESERVED, words::ITEMS, words::STAGES, words::CONTEXTUAL];
        let keyword = name.text == "_" || lists.iter().any(|list| list.contains(&name.text.as_str()));
        if !plain || (quoted && keyword) { format!("`{}`", name.text) } else { name.text.clone() }
    }

    pub(super) fn path(&self, path: &Path) -> Layout {
        let names: Vec<String> = path.names.iter().map(|name| self.name_text(name)).collect();
        Layout::text(names.join("."))
    }

    /// Text that is printed as the author wrote it: literals, where writing differently would lose a choice.
    fn verbatim(&self, span: Span) -> Layout {
        Layout::text(span.text(self.source))
    }

    pub(super) fn str_lit(&self, literal: &StrLit) -> Layout {
        self.verbatim(literal.span)
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Layout {
        if expr.parens.is_none() {
            return self.bare_expr(expr);
        }
        let inner = self.bare_expr(expr);
        Layout::group(Layout::concat([
            Layout::text("("),
            Layout::indent(Layout::concat([Layout::SoftLine, inner])),
            Layout::SoftLine,
            Layout::text(")"),
        ]))
    }

    fn bare_expr(&mut self, expr: &Expr) -> Layout {
        match &expr.kind {
            ExprKind::Ident(name) => self.name(name),
            ExprKind::Dollar(name) => Layout::text(format!("${}", self.name_text(name))),
            ExprKind::Unary { op, operand, .. } => {
                let symbol = if *op == UnaryOp::Not { "not " } else { "-" };
                Layout::concat([Layout::text(symbol), self.expr(operand)])
            }
            ExprKind::Binary { op: BinaryOp::Pow, .. } => self.power(expr),
            ExprKind::Binary { .. } => self.chain(expr),
            ExprKind::Range { low, high, .. } => {
                Layout::concat([self.expr(low), Layout::text(".."), self.expr(high)])
            }
            ExprKind::IsNull { operand, negated, .. } => {
                let test = if *negated { " is not null" } else { " is null" };
                Layout::concat([self.expr(operand), Layout::text(test)])
            }
            ExprKind::Call { callee, args } => Layout::concat([
                self.name(callee),
                self.args(args, Span::new(callee.span.end, expr.span.end)),
            ]),
            ExprKind::Method { receiver, name, args } => {
                let receiver = self.expr(receiver);
                let args = self.args(args, Span::new(name.span.end, expr.span.end));
                Layout::concat([receiver, Layout::text("."), self.name(name), args])
            }
            ExprKind::Member { receiver, name } => {
                Layout::concat([self.expr(receiver), Layout::text("."), self.name(name)])
            }
            ExprKind::Index { receiver, index } => {
                Layout::concat([self.expr(receiver), Layout::text("["), self.expr(index), Layout::text("]")])
            }
            ExprKind::Lambda { params, body } => self.lambda(params, body),
            ExprKind::If { .. } => self.if_else(expr),
            ExprKind::Match { subject, arms } => self.match_arms(subject.as_deref(), arms, expr.span),
            ExprKind::List(elements) => self.bracketed(
                ("[", "]"),
                Layout::SoftLine,
                expr.span,
                elements,
                |element| element.outer().start,
                |this, element| this.expr(element),
            ),
            ExprKind::Record(record) => self.record(record),
            ExprKind::Error
            | ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::FStr(_)
            | ExprKind::Regex(_)
            | ExprKind::Date(_)
            | ExprKind::Timestamp(_)
            | ExprKind::Duration(_) => self.verbatim(expr.span),
        }
    }

    fn power(&mut self, expr: &Expr) -> Layout {
        let ExprKind::Binary { left, right, .. } = &expr.kind else { return Layout::empty() };
        Layout::concat([self.expr(left), Layout::text(" ** "), self.expr(right)])
    }

    /// A run of operators of the same strength, broken in front of each of them if it is too long.
    fn chain(&mut self, expr: &Expr) -> Layout {
        let mut links = Vec::new();
        let mut first = expr;
        let strength = strength_of(expr);
        while let ExprKind::Binary { op, op_span, left, right } = &first.kind {
            let belongs = std::ptr::eq(first, expr) || first.parens.is_none();
            if !belongs || strength_of(first) != strength {
                break;
            }
            links.push((*op, *op_span, right));
            first = left;
        }
        let head = self.expr(first);
        let mut rest = Vec::new();
        for (op, op_span, right) in links.into_iter().rev() {
            rest.push(self.comments.line(Layout::Line, op_span.start));
            rest.push(Layout::text(format!("{} ", op.symbol())));
            rest.push(self.expr(right));
        }
        Layout::group(Layout::concat([head, Layout::indent(Layout::Concat(rest))]))
    }

    fn lambda(&mut self, params: &[Name], body: &Expr) -> Layout {
        let names: Vec<String> = params.iter().map(|name| self.name_text(name)).collect();
        let head = match names.as_slice() {
            [name] => name.clone(),
            _ => format!("({})", names.join(", ")),
        };
        Layout::concat([Layout::text(format!("{head} -> ")), self.expr(body)])
    }

    /// `if` with all its `else if`s, which stand on lines of their own if the whole is too long.
    fn if_else(&mut self, expr: &Expr) -> Layout {
        let mut head = Layout::empty();
        let mut rest = Vec::new();
        let mut current = expr;
        while let ExprKind::If { condition, then_value, else_value } = &current.kind {
            let first = std::ptr::eq(current, expr);
            if !first && current.parens.is_some() {
                break;
            }
            let condition = self.expr(condition);
            let then_value = self.expr(then_value);
            let branch = [Layout::text("if "), condition, Layout::text(" then "), then_value];
            if first {
                head = Layout::concat(branch);
            } else {
                rest.extend(branch);
            }
            rest.push(self.comments.line(Layout::Line, else_value.outer().start));
            rest.push(Layout::text("else "));
            current = else_value;
        }
        rest.push(self.expr(current));
        Layout::group(Layout::concat([head, Layout::indent(Layout::Concat(rest))]))
    }

    fn match_arms(&mut self, subject: Option<&Expr>, arms: &[Arm], span: Span) -> Layout {
        let head = match subject {
            Some(subject) => Layout::concat([Layout::text("match "), self.expr(subject), Layout::text(" ")]),
            None => Layout::text("match "),
        };
        let arms = self.bracketed(
            ("{", "}"),
            Layout::Line,
            span,
            arms,
            |arm| arm.span.start,
            |this, arm| this.arm(arm),
        );
        Layout::concat([head, arms])
    }

    fn arm(&mut self, arm: &Arm) -> Layout {
        let mut parts = Vec::new();
        match &arm.pattern {
            Pattern::Wildcard(_) => parts.push(Layout::text("_")),
            Pattern::Any(patterns) => {
                for (position, pattern) in patterns.iter().enumerate() {
                    if position > 0 {
                        parts.push(Layout::text(" | "));
                    }
                    parts.push(self.expr(pattern));
                }
            }
        }
        parts.push(Layout::text(" => "));
        parts.push(self.expr(&arm.value));
        Layout::Concat(parts)
    }

    /// Arguments in parentheses; a single bracketed argument shares its brackets' lines with them.
    pub(super) fn args(&mut self, args: &[Arg], span: Span) -> Layout {
        if let [only] = args
            && only.name.is_none()
            && is_bracketed(&only.value)
            && !self.comments.any_before(only.span.start)
        {
            let value = self.expr(&only.value);
            return Layout::concat([Layout::text("("), value, Layout::text(")")]);
        }
        let one = |this: &mut Self, arg: &Arg| match &arg.name {
            Some(name) => {
                let value = this.expr(&arg.value);
                Layout::concat([this.name(name), Layout::text(": "), value])
            }
            None => this.expr(&arg.value),
        };
        self.bracketed(("(", ")"), Layout::SoftLine, span, args, |arg| arg.span.start, one)
    }

    pub(super) fn record(&mut self, record: &Record) -> Layout {
        let start = |entry: &Entry| entry.span.start;
        self.bracketed(("{", "}"), Layout::Line, record.span, &record.entries, start, |this, entry| {
            this.entry(entry)
        })
    }

    fn entry(&mut self, entry: &Entry) -> Layout {
        match &entry.kind {
            EntryKind::Error => self.verbatim(entry.span),
            EntryKind::Shorthand(path) => self.path(path),
            EntryKind::Named { name, value } => {
                Layout::concat([self.name(name), Layout::text(": "), self.expr(value)])
            }
            EntryKind::Each { name, value } => {
                Layout::concat([self.name(name), Layout::text(": each "), self.expr(value)])
            }
            EntryKind::Spread { base, except } => {
                let mut parts = Vec::new();
                if let Some(base) = base {
                    parts.extend([self.path(base), Layout::text(".")]);
                }
                parts.push(Layout::text("*"));
                if !except.is_empty() {
                    parts.push(Layout::text(" except "));
                    let start = |name: &Name| name.span.start;
                    let span = entry.span;
                    let names = |this: &mut Self, name: &Name| this.name(name);
                    parts.push(self.bracketed(("(", ")"), Layout::SoftLine, span, except, start, names));
                }
                Layout::Concat(parts)
            }
        }
    }

    pub(super) fn keys(&mut self, keys: &[Key]) -> Layout {
        let one = |this: &mut Self, key: &Key| {
            let value = this.expr(&key.value);
            match &key.name {
                Some(name) => Layout::concat([this.name(name), Layout::text(": "), value]),
                None => value,
            }
        };
        self.comma_separated(keys, |key| key.span.start, one)
    }

    pub(super) fn sort_keys(&mut self, keys: &[SortKey]) -> Layout {
        let one = |this: &mut Self, key: &SortKey| {
            let direction = match key.direction {
                Some(Direction::Ascending) => " asc",
                Some(Direction::Descending) => " desc",
                None => "",
            };
            let nulls = match key.nulls {
                Some(Nulls::First) => " nulls first",
                Some(Nulls::Last) => " nulls last",
                None => "",
            };
            Layout::concat([this.expr(&key.value), Layout::text(format!("{direction}{nulls}"))])
        };
        self.comma_separated(keys, |key| key.span.start, one)
    }

    pub(super) fn fields(&mut self, fields: &Fields) -> Layout {
        let one = |this: &mut Self, field: &FieldDef| {
            Layout::concat([this.name(&field.name), Layout::text(": "), this.ty(&field.ty)])
        };
        let start = |field: &FieldDef| field.span.start;
        self.bracketed(("{", "}"), Layout::Line, fields.span, &fields.fields, start, one)
    }

    pub(super) fn ty(&mut self, ty: &Type) -> Layout {
        let base = match &ty.kind {
            TypeKind::List(element) => {
                Layout::concat([Layout::text("list<"), self.ty(element), Layout::text(">")])
            }
            TypeKind::Record(fields) => self.fields(fields),
            TypeKind::Decimal { precision, scale } => Layout::text(format!("decimal({precision}, {scale})")),
            TypeKind::Named(path) => self.path(path),
            TypeKind::Bool => Layout::text("bool"),
            TypeKind::Int => Layout::text("int"),
            TypeKind::Float => Layout::text("float"),
            TypeKind::String => Layout::text("string"),
            TypeKind::Bytes => Layout::text("bytes"),
            TypeKind::Date => Layout::text("date"),
            TypeKind::Timestamp => Layout::text("timestamp"),
            TypeKind::Duration => Layout::text("duration"),
            TypeKind::Error => self.verbatim(ty.span),
        };
        Layout::concat([base, Layout::text(if ty.nullable { "?" } else { "" })])
    }

    /// A value behind `=`: on the same line, or indented on the next one if that is what makes it fit.
    pub(super) fn assigned(&mut self, value: &Expr) -> Layout {
        if is_bracketed(value) && !self.comments.any_before(value.outer().start) {
            return Layout::concat([Layout::text(" "), self.expr(value)]);
        }
        let line = self.comments.line(Layout::Line, value.outer().start);
        let value = self.expr(value);
        Layout::group(Layout::indent(Layout::concat([line, value])))
    }
}

/// True for values whose own brackets take the line breaks.
fn is_bracketed(value: &Expr) -> bool {
    value.parens.is_none()
        && matches!(
            value.kind,
            ExprKind::Record(_) | ExprKind::List(_) | ExprKind::Match { .. } | ExprKind::Call { .. }
        )
}

/// Operators of equal strength form one chain in print.
fn strength_of(expr: &Expr) -> u8 {
    let ExprKind::Binary { op, .. } = &expr.kind else { return 0 };
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Coalesce => 4,
        BinaryOp::Add | BinaryOp::Sub => 5,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Rem => 6,
        BinaryOp::Pow => 7,
        _ => 3,
    }
}
