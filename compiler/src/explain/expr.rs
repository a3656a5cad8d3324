//! Expressions as programs write them, with as few parentheses as precedence allows.

use flow_ir::aggregate::{Aggregate, Detail, Reducer};
use flow_ir::logical::{Computed, SortKey};
use flow_ir::text;
use flow_ir::types::quote_name;
use flow_ir::window::{Frame, Window, WindowFunction};
use flow_ir::{ColumnId, Expr, ExprKind, Function, Type, Value};

/// How tightly a form binds; larger is tighter. The order of language.md.
mod binding {
    pub(super) const LAMBDA: u8 = 0;
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARE: u8 = 4;
    pub(super) const COALESCE: u8 = 6;
    pub(super) const ADD: u8 = 7;
    pub(super) const MULTIPLY: u8 = 8;
    pub(super) const NEGATE: u8 = 9;
    pub(super) const POWER: u8 = 10;
    pub(super) const ATOM: u8 = 11;
}

/// `e` as text; `name` names the columns.
pub(super) fn expr_text(e: &Expr, name: &dyn Fn(ColumnId) -> String) -> String {
    let mut out = String::new();
    Writer { out: &mut out, name }.expr(e, 0);
    out
}

struct Writer<'a> {
    out: &'a mut String,
    name: &'a dyn Fn(ColumnId) -> String,
}

impl Writer<'_> {
    /// Writes `e`, in parentheses if it binds less tightly than `least`.
    fn expr(&mut self, e: &Expr, least: u8) {
        let own = binds(e);
        if own < least {
            self.out.push('(');
        }
        self.form(e, own);
        if own < least {
            self.out.push(')');
        }
    }

    fn form(&mut self, e: &Expr, own: u8) {
        match &e.kind {
            ExprKind::Column(id) => {
                let name = (self.name)(*id);
                self.out.push_str(&name);
            }
            ExprKind::Literal(value) => push_literal(self.out, value),
            ExprKind::Local(id) => self.local(*id),
            ExprKind::Call { function, arguments } => self.call(*function, arguments, own),
            ExprKind::And(a, b) => self.infix(a, " and ", b, own),
            ExprKind::Or(a, b) => self.infix(a, " or ", b, own),
            ExprKind::Coalesce(a, b) => self.infix(a, " ?? ", b, own),
            ExprKind::IsNull(a) => {
                self.expr(a, own + 1);
                self.out.push_str(" is null");
            }
            ExprKind::Try(a) => self.named("try", &[a]),
            ExprKind::Same(a, b) => self.named("same", &[a, b]),
            ExprKind::If { condition, then, otherwise } => {
                self.out.push_str("if ");
                self.expr(condition, 1);
                self.out.push_str(" then ");
                self.expr(then, 1);
                self.out.push_str(" else ");
                self.expr(otherwise, 0);
            }
            ExprKind::List(items) => {
                self.out.push('[');
                self.list(&items.iter().collect::<Vec<_>>());
                self.out.push(']');
            }
            ExprKind::Record(items) => self.record(items, &e.ty.kind),
            ExprKind::Field(record, index) => {
                self.expr(record, binding::ATOM);
                self.out.push('.');
                match &record.ty.kind {
                    Type::Record(fields) if fields.len() > *index as usize => {
                        self.out.push_str(&quote_name(&fields[*index as usize].name));
                    }
                    _ => self.out.push_str(&index.to_string()),
                }
            }
            ExprKind::Let { local, value, body } => {
                self.out.push_str("let ");
                self.local(*local);
                self.out.push_str(" = ");
                self.expr(value, 1);
                self.out.push_str("; ");
                self.expr(body, 0);
            }
            ExprKind::Lambda { parameters, body } => {
                let one = parameters.len() == 1;
                self.out.push_str(if one { "" } else { "(" });
                for (i, parameter) in parameters.iter().enumerate() {
                    self.out.push_str(if i > 0 { ", " } else { "" });
                    self.local(*parameter);
                }
                self.out.push_str(if one { " -> " } else { ") -> " });
                self.expr(body, 0);
            }
        }
    }

    fn local(&mut self, id: flow_ir::LocalId) {
        self.out.push_str(&format!("x{}", id.0));
    }

    fn list(&mut self, items: &[&Expr]) {
        for (i, item) in items.iter().enumerate() {
            self.out.push_str(if i > 0 { ", " } else { "" });
            self.expr(item, 0);
        }
    }

    fn named(&mut self, name: &str, arguments: &[&Expr]) {
        self.out.push_str(name);
        self.out.push('(');
        self.list(arguments);
        self.out.push(')');
    }

    fn infix(&mut self, a: &Expr, operator: &str, b: &Expr, own: u8) {
        // Comparisons do not chain and powers go to the right; the others go to the left.
        let (left, right) = match own {
            binding::COMPARE => (own + 1, own + 1),
            binding::POWER => (own + 1, own),
            _ => (own, own + 1),
        };
        self.expr(a, left);
        self.out.push_str(operator);
        self.expr(b, right);
    }

    fn call(&mut self, function: Function, arguments: &[Expr], own: u8) {
        match (function, arguments) {
            (Function::Negate, [a]) => {
                self.out.push('-');
                self.expr(a, own);
            }
            (Function::Not, [Expr { kind: ExprKind::IsNull(a), .. }]) => {
                self.expr(a, binding::COMPARE + 1);
                self.out.push_str(" is not null");
            }
            (Function::Not, [a]) => {
                self.out.push_str("not ");
                self.expr(a, own);
            }
            (Function::Between, [x, low, high]) => {
                self.expr(x, own + 1);
                self.out.push_str(" in ");
                self.expr(low, binding::COALESCE);
                self.out.push_str("..");
                self.expr(high, binding::COALESCE);
            }
            (Function::Index, [list, index]) => {
                self.expr(list, binding::ATOM);
                self.out.push('[');
                self.expr(index, 0);
                self.out.push(']');
            }
            (_, [a, b]) if own != binding::ATOM => self.infix(a, &format!(" {} ", function.name()), b, own),
            _ => self.named(function.name(), &arguments.iter().collect::<Vec<_>>()),
        }
    }

    fn record(&mut self, items: &[Expr], ty: &Type) {
        let fields = match ty {
            Type::Record(fields) => fields.as_slice(),
            _ => &[],
        };
        self.out.push_str("{ ");
        for (i, item) in items.iter().enumerate() {
            self.out.push_str(if i > 0 { ", " } else { "" });
            if let Some(field) = fields.get(i) {
                self.out.push_str(&quote_name(&field.name));
                self.out.push_str(": ");
            }
            self.expr(item, 0);
        }
        self.out.push_str(" }");
    }
}

/// How tightly an expression binds.
fn binds(e: &Expr) -> u8 {
    match &e.kind {
        ExprKind::Lambda { .. } | ExprKind::Let { .. } | ExprKind::If { .. } => binding::LAMBDA,
        ExprKind::Or(..) => binding::OR,
        ExprKind::And(..) => binding::AND,
        ExprKind::Coalesce(..) => binding::COALESCE,
        ExprKind::IsNull(_) => binding::COMPARE,
        ExprKind::Call { function, arguments } => match (function, arguments.as_slice()) {
            (Function::Not, [Expr { kind: ExprKind::IsNull(_), .. }]) => binding::COMPARE,
            (Function::Not, _) => binding::NOT,
            (Function::Negate, _) => binding::NEGATE,
            (Function::Between, _) => binding::COMPARE,
            (Function::Add | Function::Subtract, _) => binding::ADD,
            (Function::Multiply | Function::Divide | Function::FloorDivide | Function::Remainder, _) => {
                binding::MULTIPLY
            }
            (Function::Power, _) => binding::POWER,
            (
                Function::Equal
                | Function::NotEqual
                | Function::Less
                | Function::LessEqual
                | Function::Greater
                | Function::GreaterEqual
                | Function::In
                | Function::Matches,
                _,
            ) => binding::COMPARE,
            _ => binding::ATOM,
        },
        ExprKind::Literal(Value::Int(x)) if *x < 0 => binding::NEGATE,
        ExprKind::Literal(Value::Float(x)) if *x < 0.0 => binding::NEGATE,
        _ => binding::ATOM,
    }
}

fn push_literal(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::String(_) => out.push_str(&text::display(value)),
        Value::Regex(s) => {
            out.push('r');
            out.push_str(&format!("\"{s}\""));
        }
        Value::Date(_) | Value::Timestamp(_) => {
            out.push('@');
            out.push_str(&text::display(value));
        }
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                push_literal(out, item);
            }
            out.push(']');
        }
        other => out.push_str(&text::display(other)),
    }
}

/// `{ a, b: e }`: the columns passed on and computed, in order.
pub(super) fn record_text(
    columns: &[(ColumnId, String)],
    computed: &[Computed],
    each: Option<&Computed>,
    name: &dyn Fn(ColumnId) -> String,
) -> String {
    let mut parts = Vec::new();
    for (id, label) in columns {
        if let Some(c) = computed.iter().find(|c| c.id == *id) {
            parts.push(format!("{label}: {}", expr_text(&c.expr, name)));
        } else if let Some(each) = each.filter(|c| c.id == *id) {
            parts.push(format!("{label}: each {}", expr_text(&each.expr, name)));
        } else if name(*id) == *label {
            parts.push(label.clone());
        } else {
            parts.push(format!("{label}: {}", name(*id)));
        }
    }
    // The list is taken apart even if its elements are not read.
    if let Some(each) = each.filter(|c| !columns.iter().any(|(id, _)| *id == c.id)) {
        parts.push(format!("_: each {}", expr_text(&each.expr, name)));
    }
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

/// `{ n: count(), total: sum(x) }`.
pub(super) fn aggregates_text(
    aggregates: &[Aggregate],
    made: &dyn Fn(ColumnId) -> String,
    name: &dyn Fn(ColumnId) -> String,
) -> String {
    let one = |a: &Aggregate| aggregate_text(a, made, name);
    braced(aggregates.iter().map(one).collect())
}

fn aggregate_text(
    a: &Aggregate,
    made: &dyn Fn(ColumnId) -> String,
    name: &dyn Fn(ColumnId) -> String,
) -> String {
    let mut arguments: Vec<String> = a.reads().map(name).collect();
    match &a.detail {
        Detail::None => {}
        Detail::Quantile(q) => arguments.push(text::display(&Value::Float(*q))),
        Detail::Separator(s) => arguments.push(text::display(&Value::String(s.clone()))),
        Detail::Reducer(r) => reducer_text(r, &mut arguments),
    }
    format!("{}: {}({})", made(a.output), a.kind.name(), arguments.join(", "))
}

/// What `reduce` and `fold` have besides their column.
fn reducer_text(r: &Reducer, arguments: &mut Vec<String>) {
    let lambda = |e: &Expr| expr_text(e, &|_| String::new());
    match &r.start {
        None => arguments.push(lambda(&r.step)),
        Some(start) => {
            let mut text = String::new();
            push_literal(&mut text, start);
            arguments.insert(0, text);
            arguments.push(format!("step: {}", lambda(&r.step)));
        }
    }
    arguments.extend(r.merge.iter().map(|m| format!("merge: {}", lambda(m))));
    arguments.push(if r.in_parts { "in parts".to_owned() } else { "in row order".to_owned() });
}

fn braced(parts: Vec<String>) -> String {
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

/// `distinct on k sort a desc`.
pub(super) fn distinct_text(on: &[ColumnId], sort: &[SortKey], name: &dyn Fn(ColumnId) -> String) -> String {
    let sort = if sort.is_empty() { String::new() } else { format!(" sort {}", keys_text(sort, name)) };
    format!("distinct on {}{sort}", list_text(on, name))
}

/// `window per k sort a frame -6..0 { total: sum(x), before: lag(x, 1) }`, the frame always told.
pub(super) fn window_text(
    window: &Window,
    made: &dyn Fn(ColumnId) -> String,
    name: &dyn Fn(ColumnId) -> String,
) -> String {
    let mut text = "window".to_owned();
    if !window.per.is_empty() {
        text += &format!(" per {}", list_text(&window.per, name));
    }
    if !window.sort.is_empty() {
        text += &format!(" sort {}", keys_text(&window.sort, name));
    }
    if !window.aggregates.is_empty() {
        text += &match window.frame {
            Frame::Key => " frame of the whole key".to_owned(),
            Frame::Running => " frame up to the row".to_owned(),
            Frame::Rows { from, to } => format!(" frame {from}..{to}"),
        };
    }
    let function = |f: &WindowFunction| {
        let offset = f.argument.map(|id| format!("{}, {}", name(id), f.offset)).unwrap_or_default();
        let default = f.default.map(|id| format!(", {}", name(id))).unwrap_or_default();
        format!("{}: {}({offset}{default})", made(f.output), f.kind.name())
    };
    let aggregates = window.aggregates.iter().map(|a| aggregate_text(a, made, name));
    let parts = aggregates.chain(window.functions.iter().map(function)).collect();
    format!("{text} {}", braced(parts))
}

/// `a desc, b nulls first`.
pub(super) fn keys_text(keys: &[SortKey], name: &dyn Fn(ColumnId) -> String) -> String {
    let one = |key: &SortKey| {
        let descending = if key.descending { " desc" } else { "" };
        let nulls = if key.nulls_first { " nulls first" } else { "" };
        format!("{}{descending}{nulls}", name(key.column))
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Names separated by commas.
pub(super) fn list_text(ids: &[ColumnId], name: &dyn Fn(ColumnId) -> String) -> String {
    ids.iter().map(|id| name(*id)).collect::<Vec<_>>().join(", ")
}
