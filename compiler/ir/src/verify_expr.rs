//! Verifies one expression: types, nullability, literals, variables, columns and size limits.
//!
//! Recursion stops at [`EXPR_DEPTH_MAX`], so an untrusted expression cannot exhaust the stack.

use crate::expr::{Expr, ExprKind, LocalId};
use crate::function::Function;
use crate::logical::ColumnId;
use crate::print::is_infix;
use crate::types::{DataType, Type};
use crate::typing::{default_type, fits, value_fits};
use crate::value::Value;
use crate::verify::{Checker, EXPR_DEPTH_MAX, NODES_MAX};
use std::collections::BTreeMap;

/// The columns an expression may read.
pub(crate) type Scope = BTreeMap<ColumnId, DataType>;

impl Checker {
    /// Verifies an expression that reads the columns of `scope`.
    pub(crate) fn expr(&mut self, e: &Expr, scope: &Scope) {
        self.inner(e, scope, &mut Vec::new(), 0);
    }

    /// Verifies a predicate: a `bool`, nullable or not.
    pub(crate) fn predicate(&mut self, e: &Expr, scope: &Scope) {
        self.expr(e, scope);
        if !is_boolean(&e.ty) {
            self.error(format!("the predicate is {}, not bool", e.ty));
        }
    }

    /// Verifies a lambda of two parameters that reads no columns and gives a `result`.
    pub(crate) fn lambda(&mut self, e: &Expr, types: [Option<&DataType>; 2], result: &DataType) {
        let ExprKind::Lambda { parameters, body } = &e.kind else {
            self.error("an aggregate has something that is no lambda".to_owned());
            return;
        };
        if parameters.len() != types.len() {
            self.error(format!("a lambda of an aggregate has {} parameters", parameters.len()));
        }
        let mut locals = Vec::new();
        for (id, ty) in parameters.iter().zip(types) {
            self.bind(*id, ty.cloned(), &mut locals);
        }
        self.inner(body, &Scope::new(), &mut locals, 0);
        self.require(&body.ty, result, "the result of a lambda");
    }

    fn inner(
        &mut self,
        e: &Expr,
        scope: &Scope,
        locals: &mut Vec<(LocalId, Option<DataType>)>,
        depth: usize,
    ) {
        self.size += 1;
        if self.size == NODES_MAX {
            self.error(format!("the plan has more than {NODES_MAX} nodes"));
        }
        if depth == EXPR_DEPTH_MAX {
            self.error(format!("an expression is nested more than {EXPR_DEPTH_MAX} deep"));
        }
        if self.size >= NODES_MAX || depth >= EXPR_DEPTH_MAX {
            return;
        }
        match &e.kind {
            ExprKind::Let { local, value, body } => {
                self.inner(value, scope, locals, depth + 1);
                self.bind(*local, Some(value.ty.clone()), locals);
                self.inner(body, scope, locals, depth + 1);
                locals.pop();
            }
            ExprKind::Call { function, arguments } => {
                for argument in arguments {
                    match &argument.kind {
                        ExprKind::Lambda { parameters, body } => {
                            if !function.takes_lambda() {
                                self.error(format!("`{}` does not take a lambda", function.name()));
                            }
                            let element = arguments.first().and_then(|list| element_type(&list.ty));
                            for parameter in parameters {
                                self.bind(*parameter, element.clone(), locals);
                            }
                            self.inner(body, scope, locals, depth + 1);
                            locals.truncate(locals.len() - parameters.len());
                        }
                        _ => self.inner(argument, scope, locals, depth + 1),
                    }
                }
            }
            ExprKind::Lambda { .. } => self.error("a lambda stands where a value must".to_owned()),
            _ => e.for_each_child(|c| self.inner(c, scope, locals, depth + 1)),
        }
        self.form(e, scope, locals);
    }

    fn bind(&mut self, id: LocalId, ty: Option<DataType>, locals: &mut Vec<(LocalId, Option<DataType>)>) {
        if locals.iter().any(|(l, _)| *l == id) {
            self.error(format!("variable ${} is bound inside its own scope", id.0));
        }
        locals.push((id, ty));
    }

    fn require(&mut self, from: &DataType, to: &DataType, what: &str) {
        if !fits(from, to) {
            self.error(format!("{what} is {from}, which is not {to}"));
        }
    }

    /// The rules of one form, its operands already verified.
    fn form(&mut self, e: &Expr, scope: &Scope, locals: &[(LocalId, Option<DataType>)]) {
        match &e.kind {
            ExprKind::Column(id) => match scope.get(id) {
                Some(ty) => self.require(ty, &e.ty, &format!("column #{}", id.0)),
                None => self.error(format!("column #{} is not defined here", id.0)),
            },
            ExprKind::Literal(value) => {
                if !value_fits(value, &e.ty) {
                    self.error(format!("the literal {} is not {}", value_text(value), e.ty));
                }
            }
            ExprKind::Local(id) => match locals.iter().rev().find(|(l, _)| l == id) {
                Some((_, Some(ty))) => self.require(ty, &e.ty, &format!("variable ${}", id.0)),
                Some((_, None)) => {}
                None => self.error(format!("variable ${} is not bound", id.0)),
            },
            ExprKind::Call { function, arguments } => self.call(*function, arguments, &e.ty),
            ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                if !is_boolean(&a.ty) || !is_boolean(&b.ty) || e.ty.kind != Type::Bool {
                    self.error(format!("`and`/`or` of {} and {} is {}", a.ty, b.ty, e.ty));
                }
                self.nullable(a.ty.nullable || b.ty.nullable, &e.ty, "and/or");
            }
            ExprKind::IsNull(_) | ExprKind::Same(..) => {
                self.require(&DataType::required(Type::Bool), &e.ty, "a null test");
            }
            ExprKind::Coalesce(a, b) => {
                self.require(&a.ty.with_nullable(false), &e.ty, "the left side of `??`");
                // What is never null never takes the right side.
                let nullable = a.ty.nullable && b.ty.nullable;
                self.require(&b.ty.with_nullable(nullable), &e.ty, "the right side of `??`");
            }
            ExprKind::If { condition, then, otherwise } => {
                if !is_boolean(&condition.ty) {
                    self.error(format!("the condition of an `if` is {}", condition.ty));
                }
                self.require(&then.ty, &e.ty, "the `then` of an `if`");
                self.require(&otherwise.ty, &e.ty, "the `else` of an `if`");
            }
            ExprKind::Try(a) => self.require(&a.ty.with_nullable(true), &e.ty, "a `try`"),
            ExprKind::List(items) => match element_type(&e.ty) {
                Some(element) => {
                    items.iter().for_each(|x| self.require(&x.ty, &element, "an element of a list"));
                }
                None => self.error(format!("a list is {}", e.ty)),
            },
            ExprKind::Record(items) => match &e.ty.kind {
                Type::Record(fields) if fields.len() == items.len() => {
                    for (item, field) in items.iter().zip(fields) {
                        self.require(&item.ty, &field.ty, &format!("field `{}`", field.name));
                    }
                }
                _ => self.error(format!("a record of {} fields is {}", items.len(), e.ty)),
            },
            ExprKind::Field(record, index) => match default_type(&e.kind, None) {
                Some(ty) => self.require(&ty, &e.ty, "a field"),
                None => self.error(format!("{} has no field {index}", record.ty)),
            },
            ExprKind::Let { body, .. } => self.require(&body.ty, &e.ty, "the body of a `let`"),
            ExprKind::Lambda { .. } => {}
        }
    }

    fn nullable(&mut self, operands: bool, result: &DataType, what: &str) {
        if operands && !result.nullable {
            self.error(format!("`{what}` of something nullable is not nullable"));
        }
    }

    fn call(&mut self, function: Function, arguments: &[Expr], ty: &DataType) {
        let values = || arguments.iter().filter(|a| !matches!(a.kind, ExprKind::Lambda { .. }));
        self.nullable(values().any(|a| a.ty.nullable), ty, function.name());
        let kinds: Vec<&Type> = values().map(|a| &a.ty.kind).collect();
        let has_null = kinds.contains(&&Type::Null);
        let expected = match function {
            Function::Not | Function::Negate => Some(1),
            Function::Between => Some(3),
            f if is_infix(f) => Some(2),
            _ => None,
        };
        if expected.is_some_and(|n| n != arguments.len()) {
            self.error(format!("`{}` has {} operands", function.name(), arguments.len()));
            return;
        }
        let agree = match (function, kinds.as_slice()) {
            (Function::In, [x, Type::List(element)]) => **x == element.kind || element.kind == Type::Null,
            (
                Function::Equal
                | Function::NotEqual
                | Function::Less
                | Function::LessEqual
                | Function::Greater
                | Function::GreaterEqual
                | Function::Between,
                [first, rest @ ..],
            ) => rest.iter().all(|k| comparable(first, k)),
            (Function::Not, [k]) => **k == Type::Bool,
            _ => true,
        };
        if !agree && !has_null {
            let list: Vec<String> = kinds.iter().map(|k| k.to_string()).collect();
            self.error(format!("`{}` does not take {}", function.name(), list.join(" and ")));
        }
        let call = ExprKind::Call { function, arguments: arguments.to_vec() };
        if let Some(predicted) = default_type(&call, None)
            && !has_null
            && !same_kind(&predicted.kind, &ty.kind)
        {
            self.error(format!("`{}` gives {}, not {ty}", function.name(), predicted.kind));
        }
    }
}

fn is_boolean(ty: &DataType) -> bool {
    matches!(ty.kind, Type::Bool | Type::Null)
}

/// The operands of a comparison: of one kind, or decimals of any scales, which compare as they are.
fn comparable(a: &Type, b: &Type) -> bool {
    matches!((a, b), (Type::Decimal { .. }, Type::Decimal { .. })) || same_kind(a, b)
}

/// Equal up to nullability inside.
fn same_kind(a: &Type, b: &Type) -> bool {
    let wide = |k: &Type| DataType::nullable(k.clone());
    fits(&wide(a), &wide(b)) || fits(&wide(b), &wide(a))
}

fn element_type(ty: &DataType) -> Option<DataType> {
    match &ty.kind {
        Type::List(element) => Some(element.as_ref().clone()),
        _ => None,
    }
}

fn value_text(value: &Value) -> String {
    let mut out = String::new();
    crate::print::push_value(&mut out, value);
    out
}
