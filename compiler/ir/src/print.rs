//! Expressions, values and types as IR text; the plans are in `print_logical` and `print_physical`.
//!
//! The text is for people and for tests: `parse(print(x)) == x` when spans are printed, and equal
//! up to spans otherwise. Columns print as `name#id`, where only the id counts. A type is printed
//! only where [`crate::typing::default_type`] would not predict it.

use crate::expr::{Expr, ExprKind, Span};
use crate::function::Function;
use crate::logical::{ColumnId, Computed};
use crate::text;
use crate::types::{DataType, Type};
use crate::typing::default_type;
use crate::value::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Writes IR text. Knows the columns defined so far, to name them and to leave out their types.
pub(crate) struct Printer {
    pub(crate) out: String,
    pub(crate) spans: bool,
    names: BTreeMap<ColumnId, (String, DataType)>,
}

impl fmt::Display for Expr {
    /// Without `#`: no spans. `{:#}` adds them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut p = Printer::new(f.alternate());
        p.expr(self);
        f.write_str(&p.out)
    }
}

impl Printer {
    pub(crate) fn new(spans: bool) -> Self {
        Printer { out: String::new(), spans, names: BTreeMap::new() }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Appends formatted text; writing to a string cannot fail.
    pub(crate) fn put(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }

    pub(crate) fn span(&mut self, span: Span) {
        if self.spans && span != Span::default() {
            self.put(format_args!(" @{}:{}..{}", span.file, span.start, span.end));
        }
    }

    /// Makes a column known to the expressions that follow. An empty path keeps an earlier name.
    pub(crate) fn define(&mut self, id: ColumnId, path: &[String], ty: &DataType) {
        let name = path_text(path);
        match self.names.get_mut(&id) {
            Some(known) if name.is_empty() => known.1 = ty.clone(),
            _ => {
                self.names.insert(id, (name, ty.clone()));
            }
        }
    }

    /// Whether a column has been defined.
    pub(crate) fn knows(&self, id: ColumnId) -> bool {
        self.names.contains_key(&id)
    }

    /// Gives a column the type of another one, if that is known.
    pub(crate) fn define_like(&mut self, new: ColumnId, old: ColumnId) {
        if let Some((_, ty)) = self.names.get(&old).cloned() {
            self.define(new, &[], &ty);
        }
    }

    /// `name#id`.
    pub(crate) fn column(&mut self, id: ColumnId) {
        if let Some((name, _)) = self.names.get(&id) {
            self.out.push_str(name);
        }
        self.put(format_args!("#{}", id.0));
    }

    /// `[a#1, b#2]`.
    pub(crate) fn columns(&mut self, ids: &[ColumnId]) {
        self.push("[");
        self.separated(ids, |p, id| p.column(*id));
        self.push("]");
    }

    pub(crate) fn separated<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            each(self, item);
        }
    }

    /// `{ a#1 = e, b#2 = e }`.
    pub(crate) fn computed(&mut self, computed: &[Computed]) {
        self.push("{ ");
        self.separated(computed, |p, c| {
            p.column(c.id);
            p.push(" = ");
            p.expr(&c.expr);
        });
        self.push(if computed.is_empty() { "}" } else { " }" });
    }

    pub(crate) fn expr(&mut self, e: &Expr) {
        self.form(e);
        let known = match &e.kind {
            ExprKind::Column(id) => self.names.get(id).map(|(_, ty)| ty),
            _ => None,
        };
        let predicted = match (&e.kind, &e.ty.kind) {
            (ExprKind::Record(items), Type::Record(fields)) => {
                !e.ty.nullable
                    && items.len() == fields.len()
                    && items.iter().zip(fields).all(|(x, f)| x.ty == f.ty)
            }
            (ExprKind::Record(_), _) => false,
            _ => default_type(&e.kind, known).as_ref() == Some(&e.ty),
        };
        if !predicted {
            self.push(":");
            self.ty(&e.ty);
        }
        self.span(e.span);
    }

    fn form(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Column(id) => self.column(*id),
            ExprKind::Literal(v) => push_value(&mut self.out, v),
            ExprKind::Local(id) => self.put(format_args!("${}", id.0)),
            ExprKind::Call { function, arguments } => match arguments.as_slice() {
                [a, b] if is_infix(*function) => self.infix(a, function.name(), b),
                _ => self.call(function.name(), arguments),
            },
            ExprKind::And(a, b) => self.infix(a, "and", b),
            ExprKind::Or(a, b) => self.infix(a, "or", b),
            ExprKind::Coalesce(a, b) => self.infix(a, "??", b),
            ExprKind::Same(a, b) => self.infix(a, "same", b),
            ExprKind::IsNull(a) => self.call("is_null", std::slice::from_ref(a.as_ref())),
            ExprKind::Try(a) => self.call("try", std::slice::from_ref(a.as_ref())),
            ExprKind::If { condition, then, otherwise } => {
                self.push("(if ");
                self.expr(condition);
                self.push(" then ");
                self.expr(then);
                self.push(" else ");
                self.expr(otherwise);
                self.push(")");
            }
            ExprKind::List(items) => {
                self.push("[");
                self.separated(items, Self::expr);
                self.push("]");
            }
            ExprKind::Record(items) => self.record(items, &e.ty.kind),
            ExprKind::Field(record, index) => {
                self.push("field(");
                self.expr(record);
                self.put(format_args!(", {index})"));
            }
            ExprKind::Let { local, value, body } => {
                self.put(format_args!("(let ${} = ", local.0));
                self.expr(value);
                self.push(" then ");
                self.expr(body);
                self.push(")");
            }
            ExprKind::Lambda { parameters, body } => {
                self.push("(|");
                self.separated(parameters, |p, id| p.put(format_args!("${}", id.0)));
                self.push("| ");
                self.expr(body);
                self.push(")");
            }
        }
    }

    fn infix(&mut self, a: &Expr, operator: &str, b: &Expr) {
        self.push("(");
        self.expr(a);
        self.put(format_args!(" {operator} "));
        self.expr(b);
        self.push(")");
    }

    fn call(&mut self, name: &str, arguments: &[Expr]) {
        // Operators with an unusual number of operands are quoted, so that they still parse.
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.push(name);
        } else {
            self.put(format_args!("`{name}`"));
        }
        self.push("(");
        self.separated(arguments, Self::expr);
        self.push(")");
    }

    fn record(&mut self, items: &[Expr], ty: &Type) {
        let fields = match ty {
            Type::Record(fields) => fields.as_slice(),
            _ => &[],
        };
        self.push("{");
        for (i, item) in items.iter().enumerate() {
            self.push(if i > 0 { ", " } else { " " });
            match fields.get(i) {
                Some(field) => push_name(&mut self.out, &field.name),
                None => self.push("_"),
            }
            self.push(": ");
            self.expr(item);
        }
        self.push(" }");
    }

    pub(crate) fn ty(&mut self, ty: &DataType) {
        push_type(&mut self.out, ty);
    }

    pub(crate) fn string(&mut self, s: &str) {
        push_string(&mut self.out, s);
    }
}

/// The functions written between their operands.
pub(crate) fn is_infix(function: Function) -> bool {
    use Function as F;
    matches!(
        function,
        F::Add
            | F::Subtract
            | F::Multiply
            | F::Divide
            | F::FloorDivide
            | F::Remainder
            | F::Power
            | F::Equal
            | F::NotEqual
            | F::Less
            | F::LessEqual
            | F::Greater
            | F::GreaterEqual
            | F::Matches
            | F::In
    )
}

/// A path as it is printed before `#id`.
pub(crate) fn path_text(path: &[String]) -> String {
    let mut out = String::new();
    for (i, part) in path.iter().enumerate() {
        if i > 0 {
            out.push('.');
        }
        push_name(&mut out, part);
    }
    out
}

/// A plain identifier as it is, anything else as a string.
pub(crate) fn push_name(out: &mut String, name: &str) {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        out.push_str(name);
    } else {
        push_string(out, name);
    }
}

/// A string literal of the language: in double quotes, with escapes for quotes, backslashes and control characters.
pub fn string_literal(s: &str) -> String {
    let mut out = String::new();
    push_string(&mut out, s);
    out
}

/// Appends a string literal.
pub(crate) fn push_string(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A type as IR text: like in programs, but odd field names are strings.
pub(crate) fn push_type(out: &mut String, ty: &DataType) {
    match &ty.kind {
        Type::List(element) => {
            out.push_str("list<");
            push_type(out, element);
            out.push('>');
        }
        Type::Record(fields) => {
            out.push('{');
            for (i, field) in fields.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { " " });
                push_name(out, &field.name);
                out.push_str(": ");
                push_type(out, &field.ty);
            }
            out.push_str(" }");
        }
        kind => {
            let _ = write!(out, "{kind}");
        }
    }
    if ty.nullable {
        out.push('?');
    }
}

/// A value as IR text. Lists and records of values start with `'`, to tell them from expressions.
pub(crate) fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(x) => out.push_str(if *x { "true" } else { "false" }),
        Value::Int(x) => text::push_int(out, *x),
        Value::Float(x) => push_float(out, *x),
        Value::Decimal { unscaled, scale } => {
            text::push_decimal(out, *unscaled, *scale);
            out.push_str("dec");
        }
        Value::String(s) => push_string(out, s),
        Value::Regex(s) => {
            out.push('r');
            push_string(out, s);
        }
        Value::Bytes(bytes) => {
            out.push_str("b\"");
            for b in bytes.iter() {
                let _ = write!(out, "{b:02x}");
            }
            out.push('"');
        }
        Value::Date(x) => {
            out.push('@');
            text::push_date(out, *x);
        }
        Value::Timestamp(x) => {
            out.push('@');
            text::push_timestamp(out, *x);
        }
        Value::Duration(x) => push_duration(out, *x),
        Value::List(items) => push_values(out, "'[", items, ']'),
        Value::Record(items) => push_values(out, "'{", items, '}'),
    }
}

fn push_values(out: &mut String, open: &str, items: &[Value], close: char) {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_value(out, item);
    }
    out.push(close);
}

/// A float so that it reads back as the same bits and never as an int.
fn push_float(out: &mut String, x: f64) {
    let _ = match x {
        x if x.is_nan() => out.write_str("nan"),
        f64::INFINITY => out.write_str("inf"),
        f64::NEG_INFINITY => out.write_str("-inf"),
        x => write!(out, "{x:?}"),
    };
}

/// The units of durations, in microseconds, largest first.
pub(crate) const DURATION_UNITS: [(&str, i64); 7] = [
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

fn push_duration(out: &mut String, x: i64) {
    let unit = DURATION_UNITS.iter().find(|(_, size)| x % size == 0 && x != 0);
    let (name, size) = unit.copied().unwrap_or(("us", 1));
    let _ = write!(out, "{}{name}", x / size);
}
