//! Reducers that are aggregates of the language in other words: `(a, b) -> a + b` is `sum`.
//!
//! They become the built-in ones, which are exact and compiled. Only forms that mean the same are
//! recognised: values that are never null where a null would make a difference, and starts that
//! change nothing.

use super::{Scope, convert};
use crate::compiler::Compiler;
use crate::optimize::fallible::can_fail;
use flow_ir::{
    AggregateKind, DataType, Detail, Expr, ExprKind, Function, LocalId, Reducer, Span, Type, Value,
};
use std::collections::BTreeSet;

/// What a reducer computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// An aggregate of the value; `true` where nothing gives null although the aggregate does not.
    One(AggregateKind, Expr, bool),
    /// `min` or `max`, and the start of a fold.
    From(AggregateKind, Expr, Expr),
    /// `join_text` with this separator.
    Joined(Expr, String),
    /// `min_by` or `max_by` of the value by this part of it.
    By(AggregateKind, Expr, Expr),
    /// Field by field.
    Record(Vec<Form>),
}

/// The two parameters and the value that is reduced.
struct Matcher<'r> {
    reducer: &'r Reducer,
    first: LocalId,
    second: LocalId,
    value: &'r Expr,
}

/// The form of a reducer over `value`, if it is known.
pub(crate) fn form(reducer: &Reducer, value: &Expr) -> Option<Form> {
    let ExprKind::Lambda { parameters, body } = &reducer.step.kind else { return None };
    let [first, second] = parameters.as_slice() else { return None };
    let matcher = Matcher { reducer, first: *first, second: *second, value };
    match &reducer.start {
        None => matcher.reduce(body),
        Some(start) => matcher.fold(body, start),
    }
}

impl Matcher<'_> {
    fn reduce(&self, body: &Expr) -> Option<Form> {
        if self.reducer.accumulator.nullable {
            return None;
        }
        if let Some(form) = self.leaf(body, &local(self.first), &local(self.second), self.value.clone()) {
            return Some(form);
        }
        if let Some(form) = self.chosen(body) {
            return Some(form);
        }
        let (ExprKind::Record(items), Type::Record(fields)) = (&body.kind, &self.reducer.accumulator.kind)
        else {
            return None;
        };
        // A null record is skipped as a whole, its fields would be skipped one by one.
        if self.value.ty.nullable {
            return None;
        }
        let forms = items.iter().zip(fields).enumerate().map(|(i, (item, field))| {
            let part = convert::project(self.value, i)?;
            if field.ty.nullable || part.ty.nullable {
                return None;
            }
            let index = u32::try_from(i).ok()?;
            let of = |id| ExprKind::Field(Box::new(bare(local(id))), index);
            self.leaf(item, &of(self.first), &of(self.second), part)
        });
        Some(Form::Record(forms.collect::<Option<_>>()?))
    }

    /// `a + b`, `least(a, b)`, `if a < b then a else b`, `a`, `b` and the like.
    fn leaf(&self, e: &Expr, a: &ExprKind, b: &ExprKind, value: Expr) -> Option<Form> {
        use AggregateKind as K;
        let is = |e: &Expr, kind: &ExprKind| same(&e.kind, kind);
        let pair = |x: &Expr, y: &Expr| (is(x, a) && is(y, b)) || (is(x, b) && is(y, a));
        let one = |kind, gives_null| Some(Form::One(kind, value.clone(), gives_null));
        match &e.kind {
            kind if same(kind, a) => one(K::First, false),
            kind if same(kind, b) => one(K::Last, false),
            ExprKind::Call { function, arguments } => match (function, arguments.as_slice()) {
                (Function::Add, [x, y]) if pair(x, y) && summable(&e.ty.kind) => one(K::Sum, true),
                (Function::Least, [x, y]) if pair(x, y) => one(K::Min, false),
                (Function::Greatest, [x, y]) if pair(x, y) => one(K::Max, false),
                (Function::Concat, [x, y]) if is(x, a) && is(y, b) => {
                    Some(Form::Joined(value.clone(), String::new()))
                }
                (Function::Concat, [x, separator, y]) if is(x, a) && is(y, b) => match &separator.kind {
                    ExprKind::Literal(Value::String(s)) => Some(Form::Joined(value.clone(), s.to_string())),
                    _ => None,
                },
                _ => None,
            },
            ExprKind::Or(x, y) if pair(x, y) => one(K::Any, true),
            ExprKind::And(x, y) if pair(x, y) => one(K::All, true),
            ExprKind::If { condition, then, otherwise } if pair(then, otherwise) => {
                let (x, y, less) = comparison(condition)?;
                if !pair(x, y) {
                    return None;
                }
                let takes_less = less == same(&x.kind, &then.kind);
                one(if takes_less { K::Min } else { K::Max }, false)
            }
            _ => None,
        }
    }

    /// `if b.at > a.at then b else a`: the first row with the greatest `at`.
    fn chosen(&self, body: &Expr) -> Option<Form> {
        let ExprKind::If { condition, then, otherwise } = &body.kind else { return None };
        let (a, b) = (local(self.first), local(self.second));
        let ExprKind::Call { function, arguments } = &condition.kind else { return None };
        let [x, y] = arguments.as_slice() else { return None };
        let (ExprKind::Field(r, i), ExprKind::Field(s, j)) = (&x.kind, &y.kind) else { return None };
        if i != j || x.ty.nullable || self.value.ty.nullable {
            return None;
        }
        let b_left = match (same(&r.kind, &b), same(&s.kind, &a), same(&r.kind, &a), same(&s.kind, &b)) {
            (true, true, _, _) => true,
            (_, _, true, true) => false,
            _ => return None,
        };
        // Whether the second row is taken, and whether also if both are equal.
        let takes_b = same(&then.kind, &b) && same(&otherwise.kind, &a);
        let takes_a = same(&then.kind, &a) && same(&otherwise.kind, &b);
        let (greater, or_equal) = match function {
            Function::Greater => (true, false),
            Function::GreaterEqual => (true, true),
            Function::Less => (false, false),
            Function::LessEqual => (false, true),
            _ => return None,
        };
        // The first of equal rows must stay.
        let keeps_first = (takes_b && !or_equal) || (takes_a && or_equal);
        if !keeps_first {
            return None;
        }
        let greatest = (greater == b_left) == takes_b;
        let kind = if greatest { AggregateKind::MaxBy } else { AggregateKind::MinBy };
        let key = convert::project(self.value, *i as usize)?;
        Some(Form::By(kind, self.value.clone(), key))
    }

    fn fold(&self, body: &Expr, start: &Value) -> Option<Form> {
        if self.reducer.accumulator.nullable {
            return None;
        }
        let acc = local(self.first);
        match (&body.kind, start, &self.reducer.accumulator.kind) {
            (ExprKind::Record(items), Value::Record(starts), Type::Record(fields)) => {
                let forms = items.iter().zip(starts.iter()).zip(fields).enumerate().map(
                    |(i, ((item, start), field))| {
                        let acc = ExprKind::Field(Box::new(bare(acc.clone())), u32::try_from(i).ok()?);
                        if field.ty.nullable { None } else { self.added(item, &acc, start) }
                    },
                );
                Some(Form::Record(forms.collect::<Option<_>>()?))
            }
            _ => self.added(body, &acc, start),
        }
    }

    /// `acc + g(x)` from zero, `acc + 1`, `least(acc, g(x))`, where `g` does not see the accumulator.
    fn added(&self, e: &Expr, acc: &ExprKind, start: &Value) -> Option<Form> {
        use AggregateKind as K;
        let ExprKind::Call { function, arguments } = &e.kind else { return None };
        let [x, y] = arguments.as_slice() else { return None };
        let other = match (same(&x.kind, acc), same(&y.kind, acc)) {
            (true, false) => y,
            (false, true) => x,
            _ => return None,
        };
        if mentions(other, self.first) || other.ty.nullable || other.ty.kind != e.ty.kind {
            return None;
        }
        match function {
            Function::Add if is_zero(start) && summable(&e.ty.kind) => match &other.kind {
                ExprKind::Literal(Value::Int(1)) => Some(Form::One(K::Count, self.value.clone(), false)),
                ExprKind::Literal(_) => None,
                _ => Some(Form::One(K::Sum, self.with_value(other)?, false)),
            },
            Function::Least | Function::Greatest => {
                let kind = if *function == Function::Least { K::Min } else { K::Max };
                let start = Expr::literal(start.clone(), other.ty.clone(), other.span);
                Some(Form::From(kind, self.with_value(other)?, start))
            }
            _ => None,
        }
    }

    /// A function of the value as an expression over the row. Only what cannot fail moves there: an
    /// error of a row is another one than that of a group.
    fn with_value(&self, e: &Expr) -> Option<Expr> {
        if same(&e.kind, &local(self.second)) {
            return Some(self.value.clone());
        }
        // A function of null need not be null, and the row is skipped.
        if self.value.ty.nullable || can_fail(e, &BTreeSet::new()) {
            return None;
        }
        let kind = ExprKind::Let {
            local: self.second,
            value: Box::new(self.value.clone()),
            body: Box::new(e.clone()),
        };
        Some(Expr { kind, ty: e.ty.clone(), span: e.span })
    }
}

impl Compiler<'_> {
    /// The built-in aggregates of a form.
    pub(super) fn recognised(
        &mut self,
        form: Form,
        reducer: &Reducer,
        value: Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let may_be_empty = scope.aggregation.as_ref()?.may_be_empty || value.ty.nullable;
        let result = self.built_in(&form, place, scope, &reducer.accumulator)?;
        // Of nothing a `reduce` is null, and an aggregate may be zero.
        let zero = match &form {
            Form::One(_, _, gives_zero) => *gives_zero,
            Form::Joined(..) | Form::Record(_) => true,
            Form::From(..) | Form::By(..) => false,
        };
        if reducer.start.is_some() || !may_be_empty || !zero {
            return Some(result);
        }
        let count =
            self.add_aggregate((AggregateKind::Count, Some(value), None, Detail::None), place, scope)?;
        let none = Expr::literal(Value::Int(0), DataType::required(Type::Int), place);
        let kind = ExprKind::Call { function: Function::Greater, arguments: vec![count, none] };
        let some = Expr { kind, ty: DataType::required(Type::Bool), span: place };
        let nothing = super::null(result.ty.kind.clone(), place);
        let ty = result.ty.with_nullable(true);
        Some(super::choice::choose(some, result, nothing, &ty, place))
    }

    fn built_in(&mut self, form: &Form, place: Span, scope: &mut Scope<'_>, ty: &DataType) -> Option<Expr> {
        match form {
            Form::One(kind, value, _) => {
                self.add_aggregate((*kind, Some(value.clone()), None, Detail::None), place, scope)
            }
            Form::Joined(value, separator) => {
                let detail = Detail::Separator(separator.as_str().into());
                self.add_aggregate((AggregateKind::JoinText, Some(value.clone()), None, detail), place, scope)
            }
            Form::By(kind, value, key) => {
                let (value, key) = (Some(value.clone()), Some(key.clone()));
                self.add_aggregate((*kind, value, key, Detail::None), place, scope)
            }
            Form::From(kind, value, start) => {
                let own =
                    self.add_aggregate((*kind, Some(value.clone()), None, Detail::None), place, scope)?;
                let own = match own.ty.nullable {
                    false => own,
                    true => {
                        let ty = own.ty.with_nullable(false);
                        let kind = ExprKind::Coalesce(Box::new(own), Box::new(start.clone()));
                        Expr { kind, ty, span: place }
                    }
                };
                let function = if *kind == AggregateKind::Min { Function::Least } else { Function::Greatest };
                let ty = own.ty.clone();
                let kind = ExprKind::Call { function, arguments: vec![start.clone(), own] };
                Some(Expr { kind, ty, span: place })
            }
            Form::Record(forms) => {
                let Type::Record(fields) = &ty.kind else { return None };
                let items =
                    forms.iter().zip(fields).map(|(f, field)| self.built_in(f, place, scope, &field.ty));
                let items = items.collect::<Option<Vec<_>>>()?;
                let mut fields = fields.clone();
                fields.iter_mut().zip(&items).for_each(|(f, item)| f.ty = item.ty.clone());
                let ty = DataType::required(Type::Record(fields));
                Some(Expr { kind: ExprKind::Record(items), ty, span: place })
            }
        }
    }
}

/// What a wrong reducer may have been meant to be, as a repair.
pub(crate) fn suggestion(reducer: &Reducer, argument: &Expr, value: &str) -> Option<String> {
    if let Some(Form::By(kind, ..)) = form(reducer, argument) {
        return Some(format!("to be independent of row order: {}({value}, {value})", kind.name()));
    }
    let ExprKind::Lambda { parameters, body } = &reducer.step.kind else { return None };
    let [a, b] = parameters.as_slice() else { return None };
    if reducer.start.is_some() {
        return None;
    }
    let call = |e: &Expr| match &e.kind {
        ExprKind::Call { function, arguments } => match arguments.as_slice() {
            [x, y] => Some((*function, x.clone(), y.clone())),
            _ => None,
        },
        _ => None,
    };
    let (function, x, y) = call(body)?;
    let plain = |e: &Expr, id: LocalId| {
        let inner = match &e.kind {
            ExprKind::Call { function: Function::ToFloat | Function::ToDecimal, arguments } => {
                arguments.first()
            }
            _ => Some(e),
        };
        inner.is_some_and(|e| same(&e.kind, &local(id)))
    };
    let halves = match function {
        Function::Divide | Function::FloorDivide => is_number(&y, 2.0).then_some(&x),
        Function::Multiply => is_number(&y, 0.5).then_some(&x).or(is_number(&x, 0.5).then_some(&y)),
        _ => None,
    };
    if let Some((Function::Add, p, q)) = halves.and_then(call)
        && ((plain(&p, *a) && plain(&q, *b)) || (plain(&p, *b) && plain(&q, *a)))
    {
        return Some(format!("did you mean the mean? mean({value})"));
    }
    match function {
        Function::Subtract if plain(&x, *a) && plain(&y, *b) => {
            Some(format!("to take all others from the first: 2 * first({value}) - sum({value})"))
        }
        Function::Add if plain(&x, *a) && !mentions(&y, *a) && mentions(&y, *b) => {
            Some(format!("to add something of every value: sum(...) of it, or fold(0, {value}, step: ...)"))
        }
        Function::Add if plain(&x, *a) && is_number(&y, 1.0) => Some(format!("to count: count({value})")),
        Function::Add if !mentions(&x, *b) && !mentions(&y, *a) => {
            Some(format!("to add something of every value: sum(...) of it, where `{value}` stands for each"))
        }
        _ => None,
    }
}

/// Whether an expression computes with floats, so that other groupings may round otherwise.
pub(crate) fn rounds(e: &Expr) -> bool {
    use Function as F;
    let own = match &e.kind {
        ExprKind::Call { function, .. } if has_float(&e.ty) => !matches!(
            function,
            F::Least
                | F::Greatest
                | F::Negate
                | F::Abs
                | F::ListMin
                | F::ListMax
                | F::Index
                | F::Get
                | F::ListFilter
                | F::ListSort
                | F::ListDistinct
                | F::Slice
                | F::Reverse
                | F::ListMap
        ),
        _ => false,
    };
    let mut any = own;
    e.for_each_child(|child| any = any || rounds(child));
    any
}

fn has_float(ty: &DataType) -> bool {
    match &ty.kind {
        Type::Float => true,
        Type::List(item) => has_float(item),
        Type::Record(fields) => fields.iter().any(|f| has_float(&f.ty)),
        _ => false,
    }
}

fn local(id: LocalId) -> ExprKind {
    ExprKind::Local(id)
}

fn bare(kind: ExprKind) -> Expr {
    Expr { kind, ty: DataType::required(Type::Null), span: Span::default() }
}

/// Whether two paths below locals are the same, whatever their types and places.
fn same(a: &ExprKind, b: &ExprKind) -> bool {
    match (a, b) {
        (ExprKind::Local(a), ExprKind::Local(b)) => a == b,
        (ExprKind::Field(a, i), ExprKind::Field(b, j)) => i == j && same(&a.kind, &b.kind),
        _ => false,
    }
}

fn mentions(e: &Expr, id: LocalId) -> bool {
    let mut found = same(&e.kind, &local(id));
    e.for_each_child(|child| found = found || mentions(child, id));
    found
}

/// The sides of an order comparison, and whether it asks for less.
fn comparison(e: &Expr) -> Option<(&Expr, &Expr, bool)> {
    let ExprKind::Call { function, arguments } = &e.kind else { return None };
    let [x, y] = arguments.as_slice() else { return None };
    match function {
        Function::Less | Function::LessEqual => Some((x, y, true)),
        Function::Greater | Function::GreaterEqual => Some((x, y, false)),
        _ => None,
    }
}

fn summable(ty: &Type) -> bool {
    match ty {
        Type::Int | Type::Float | Type::Duration => true,
        Type::Decimal { precision, .. } => *precision == 38,
        _ => false,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Int(v) | Value::Duration(v) => *v == 0,
        Value::Float(v) => *v == 0.0,
        Value::Decimal { unscaled, .. } => *unscaled == 0,
        _ => false,
    }
}

fn is_number(e: &Expr, n: f64) -> bool {
    match &e.kind {
        ExprKind::Literal(Value::Int(v)) => *v as f64 == n,
        ExprKind::Literal(Value::Float(v)) => *v == n,
        ExprKind::Literal(Value::Decimal { unscaled, scale }) => {
            flow_ir::eval::decimal_to_float(*unscaled, *scale) == n
        }
        _ => false,
    }
}
