//! Nodes back to expressions and to text: for the interpreter as a last resort, and for `explain`.

use crate::graph::{Graph, NodeId, Op};
use crate::loops::{LoopSpec, Sink};
use flow_ir::expr::{LocalId, Span};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, Function, Type, Value};

/// Texts of expressions longer than this are cut off.
const TEXT_BYTES_MAX: usize = 400;

impl Graph {
    /// The expression a node stands for. Nodes that `is_column` says are columns become its
    /// columns, listed in `read`: column `k` is node `read[k]`.
    pub(crate) fn expression(
        &self,
        id: NodeId,
        is_column: &dyn Fn(NodeId) -> bool,
        read: &mut Vec<NodeId>,
    ) -> Expr {
        let node = self.node(id);
        let span = Span::default();
        if let Op::Literal(value) = &node.op {
            return Expr::literal(value.clone(), node.ty.clone(), span);
        }
        if is_column(id) || matches!(node.op, Op::Column(_)) {
            let at = read.iter().position(|n| *n == id).unwrap_or_else(|| {
                read.push(id);
                read.len() - 1
            });
            return Expr::column(ColumnId(at as u32), node.ty.clone(), span);
        }
        let arguments: Vec<Expr> =
            node.arguments.iter().map(|a| self.expression(*a, is_column, read)).collect();
        let kind = match &node.op {
            Op::Interpret(inner) => {
                let mut inner = (**inner).clone();
                substitute(&mut inner, &arguments);
                inner.kind
            }
            op => rebuild(op, arguments, id),
        };
        Expr { kind, ty: node.ty.clone(), span }
    }

    /// A node in the notation of the language, roughly; columns are `#id`.
    pub(crate) fn text(&self, id: NodeId) -> String {
        let mut out = String::new();
        self.write(id, &mut out, true);
        out
    }

    /// What a loop computes.
    pub(crate) fn loop_text(&self, spec: &LoopSpec) -> String {
        match &spec.sink {
            Sink::Columns(outputs) => outputs.iter().map(|o| self.text(*o)).collect::<Vec<_>>().join("; "),
            Sink::Selection(root) => format!("select where {}", self.text(*root)),
        }
    }

    fn write(&self, id: NodeId, out: &mut String, top: bool) {
        if out.len() > TEXT_BYTES_MAX {
            if !out.ends_with('…') {
                out.push('…');
            }
            return;
        }
        let node = self.node(id);
        let a = &node.arguments;
        match &node.op {
            Op::Column(column) => out.push_str(&format!("#{}", column.0)),
            Op::Literal(value) => out.push_str(&literal(value)),
            Op::Call(function) => self.write_call(*function, a, out, top),
            Op::And => self.write_infix("and", a, out, top),
            Op::Or => self.write_infix("or", a, out, top),
            Op::Coalesce => self.write_infix("??", a, out, top),
            Op::IsNull => {
                self.write(a[0], out, false);
                out.push_str(" is null");
            }
            Op::If => {
                for (word, part) in [("if ", a[0]), (" then ", a[1]), (" else ", a[2])] {
                    out.push_str(word);
                    self.write(part, out, false);
                }
            }
            Op::Try => self.write_list("try(", a, ")", out),
            Op::Same => self.write_list("same(", a, ")", out),
            Op::After => self.write(a[1], out, top),
            Op::SplitPart => {
                self.write_list("split(", &a[..2], ")", out);
                self.write_list("[", &a[2..], "]", out);
            }
            Op::Interpret(expr) => {
                out.push_str(form_name(expr));
                self.write_list("(", a, ")", out);
            }
        }
    }

    fn write_call(&self, function: Function, a: &[NodeId], out: &mut String, top: bool) {
        let name = function.name();
        let is_operator = name == "in" || !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_operator && a.len() == 2 {
            self.write_infix(name, a, out, top);
        } else {
            out.push_str(name);
            self.write_list("(", a, ")", out);
        }
    }

    fn write_infix(&self, word: &str, a: &[NodeId], out: &mut String, top: bool) {
        if !top {
            out.push('(');
        }
        for (i, argument) in a.iter().enumerate() {
            if i > 0 {
                out.push_str(&format!(" {word} "));
            }
            self.write(*argument, out, false);
        }
        if !top {
            out.push(')');
        }
    }

    fn write_list(&self, open: &str, a: &[NodeId], close: &str, out: &mut String) {
        out.push_str(open);
        for (i, argument) in a.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            self.write(*argument, out, true);
        }
        out.push_str(close);
    }
}

/// The form of an expression node that is neither a source nor the interpreter's.
fn rebuild(op: &Op, arguments: Vec<Expr>, id: NodeId) -> ExprKind {
    if let Op::Call(function) = op {
        return ExprKind::Call { function: *function, arguments };
    }
    let mut rest = arguments.into_iter().map(Box::new);
    let mut next = || rest.next().unwrap_or_else(|| Box::new(null()));
    match op {
        Op::And => ExprKind::And(next(), next()),
        Op::Or => ExprKind::Or(next(), next()),
        Op::IsNull => ExprKind::IsNull(next()),
        Op::Coalesce => ExprKind::Coalesce(next(), next()),
        Op::If => ExprKind::If { condition: next(), then: next(), otherwise: next() },
        Op::Try => ExprKind::Try(next()),
        Op::Same => ExprKind::Same(next(), next()),
        // Any variable the body does not use will do.
        Op::After => {
            ExprKind::Let { local: LocalId(u32::MAX - id.index() as u32), value: next(), body: next() }
        }
        Op::SplitPart => {
            let (text, separator, at) = (next(), next(), next());
            let ty = DataType::required(Type::List(Box::new(DataType::required(Type::String))));
            let kind = ExprKind::Call { function: Function::Split, arguments: vec![*text, *separator] };
            let list = Expr { kind, ty, span: Span::default() };
            ExprKind::Call { function: Function::Index, arguments: vec![list, *at] }
        }
        Op::Column(_) | Op::Literal(_) | Op::Call(_) | Op::Interpret(_) => ExprKind::Literal(Value::Null),
    }
}

fn null() -> Expr {
    Expr::literal(Value::Null, DataType::nullable(Type::Null), Span::default())
}

/// Puts expressions in the place of columns.
fn substitute(expr: &mut Expr, columns: &[Expr]) {
    if let ExprKind::Column(id) = &expr.kind {
        if let Some(column) = columns.get(id.0 as usize) {
            expr.kind = column.kind.clone();
        }
        return;
    }
    expr.for_each_child_mut(|child| substitute(child, columns));
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(s) => format!("{:?}", &**s),
        Value::Regex(s) => format!("r{:?}", &**s),
        Value::List(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        other => flow_ir::text::display(other).to_string(),
    }
}

/// What an interpreted expression is called in descriptions.
fn form_name(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Call { function, .. } => function.name(),
        ExprKind::List(_) => "list",
        ExprKind::Record(_) => "record",
        ExprKind::Field(..) => "field",
        ExprKind::Let { .. } => "let",
        ExprKind::If { .. } => "if",
        ExprKind::And(..) => "and",
        ExprKind::Or(..) => "or",
        _ => "expression",
    }
}
