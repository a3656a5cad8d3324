//! Tries the laws of reducers by calling their functions: what may be split over cores must not
//! depend on where it is split.
//!
//! The function of a `reduce` must be associative. A `fold` with a `merge` must begin with a start
//! that changes nothing, and merging one more row must be the same as taking it as the next step.
//! The values tried are the boundary, ties and nulls of the type, small numbers and a few thousand
//! random ones with a fixed seed. A call that is an error (an overflow) says nothing about a law.
//! Trying proves nothing; it finds the mistakes that are made.

mod report;
mod samples;

pub(crate) use report::diagnostic;

use crate::check::rounds;
use flow_ir::eval::{NoRow, eval_with};
use flow_ir::{DataType, Expr, ExprKind, Function, Reducer, Value};
use samples::Random;

/// What trying has shown, with the values that show it.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// `f(f(a, b), c)` and `f(a, f(b, c))`.
    NotAssociative { values: [Value; 3], left: Value, right: Value },
    /// The same, but the difference is one of rounding.
    Rounding { values: [Value; 3], left: Value, right: Value },
    /// `merge(start, a)` is not `a`.
    StartCounts { a: Value, merged: Value },
    /// `merge(a, step(start, x))` and `step(a, x)`.
    MergeDiffers { a: Value, x: Value, merged: Value, stepped: Value },
    /// `f(a, b)` and `f(b, a)`.
    NotCommutative { values: [Value; 2], forward: Value, backward: Value },
    /// `a` alone stays what it is, but beside `neutral`, which changes no result, it changes.
    ChangesSingle { a: Value, neutral: Value, changed: Value },
}

impl Finding {
    /// Whether a program with it does not run.
    pub(crate) fn is_error(&self) -> bool {
        matches!(
            self,
            Finding::NotAssociative { .. } | Finding::StartCounts { .. } | Finding::MergeDiffers { .. }
        )
    }
}

/// How two results differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    Same,
    Rounding,
    Real,
}

/// Random triples that are tried at most, and at least.
const TRIES: (usize, usize) = (2_500, 300);

/// Tries the laws of a reducer over values of type `value`. A `known` one keeps them, so only whether it
/// depends on row order is asked.
pub(crate) fn check(reducer: &Reducer, value: &DataType, known: bool) -> Vec<Finding> {
    let trial = Trial::new(reducer);
    match (&reducer.start, &reducer.merge) {
        (None, _) => trial.reduce(known),
        (Some(start), Some(merge)) => trial.fold(start, merge, &value.with_nullable(false)),
        // Row by row in input order, whatever the function.
        (Some(_), None) => Vec::new(),
    }
}

struct Trial<'r> {
    reducer: &'r Reducer,
    /// Whether the functions compute with floats.
    rounds: bool,
    /// Whether large numbers would make large texts and lists.
    small: bool,
    tries: usize,
}

impl<'r> Trial<'r> {
    fn new(reducer: &'r Reducer) -> Self {
        let functions = || std::iter::once(&reducer.step).chain(&reducer.merge);
        let size: usize = functions().map(size).sum();
        Trial {
            reducer,
            rounds: functions().any(rounds),
            small: functions().any(makes_long),
            tries: (60_000 / size.max(1)).clamp(TRIES.1, TRIES.0),
        }
    }

    fn reduce(&self, known: bool) -> Vec<Finding> {
        let ty = &self.reducer.accumulator;
        let simple = samples::simple(ty);
        let mut findings = Vec::new();
        if !known {
            findings.extend(self.associative(&self.reducer.step, &simple, Some(ty)));
            if findings.iter().any(Finding::is_error) {
                return findings;
            }
            findings.extend(self.changes_single(&simple));
        }
        findings.extend(self.commutative(&self.reducer.step, &simple, Some(ty)));
        findings
    }

    fn fold(&self, start: &Value, merge: &Expr, value: &DataType) -> Vec<Finding> {
        let step = &self.reducer.step;
        let mut random = Random::new(7);
        let mut items = samples::simple(value);
        items.extend((0..20).map(|_| samples::random(value, false, &mut random)));
        // Accumulators as they come up, shortest runs first.
        let mut accs = vec![start.clone()];
        accs.extend(items.iter().filter_map(|x| call(step, start, x)));
        for length in 0..40 {
            let run = (0..2 + length % 4).filter_map(|_| random.pick(&items).cloned()).collect::<Vec<_>>();
            accs.extend(run.iter().try_fold(start.clone(), |acc, x| call(step, &acc, x)));
        }
        let mut seen: Vec<Value> = Vec::new();
        accs.retain(|a| {
            !seen.contains(a) && {
                seen.push(a.clone());
                true
            }
        });
        let mut rounded = None;
        for a in &accs {
            let Some(merged) = call(merge, start, a) else { continue };
            match self.difference(&merged, a, true) {
                Difference::Real => return vec![Finding::StartCounts { a: a.clone(), merged }],
                Difference::Rounding => {
                    rounded.get_or_insert(Finding::Rounding {
                        values: [start.clone(), start.clone(), a.clone()],
                        left: merged,
                        right: a.clone(),
                    });
                }
                Difference::Same => {}
            }
        }
        for (a, x) in accs.iter().flat_map(|a| items.iter().map(move |x| (a, x))).take(self.tries) {
            let stepped = call(step, a, x);
            let merged = call(step, start, x).and_then(|one| call(merge, a, &one));
            let (Some(stepped), Some(merged)) = (stepped, merged) else { continue };
            if self.difference(&merged, &stepped, true) == Difference::Real {
                return vec![Finding::MergeDiffers { a: a.clone(), x: x.clone(), merged, stepped }];
            }
        }
        accs.truncate(12);
        let mut findings: Vec<Finding> = self.associative(merge, &accs, None).into_iter().collect();
        if findings.is_empty() {
            findings.extend(rounded);
        }
        if !findings.iter().any(Finding::is_error) {
            findings.extend(self.commutative(merge, &accs, None));
        }
        findings
    }

    /// The simplest triple that shows that `f` is not associative; `ty` if random values may be tried.
    fn associative(&self, f: &Expr, simple: &[Value], ty: Option<&DataType>) -> Option<Finding> {
        let n = simple.len();
        let mut triples: Vec<[usize; 3]> = (0..n * n * n).map(|i| [i / (n * n), i / n % n, i % n]).collect();
        triples.sort_by_key(|t| (t.iter().sum::<usize>(), *t));
        let mut rounding = None;
        let mut look = |values: [Value; 3], exact: bool| -> Option<Finding> {
            let [a, b, c] = &values;
            let left = call(f, &call(f, a, b)?, c)?;
            let right = call(f, a, &call(f, b, c)?)?;
            match self.difference(&left, &right, exact) {
                Difference::Same => None,
                Difference::Real => Some(Finding::NotAssociative { values, left, right }),
                Difference::Rounding => {
                    rounding.get_or_insert(Finding::Rounding { values, left, right });
                    None
                }
            }
        };
        for [i, j, k] in triples {
            if let Some(found) = look([i, j, k].map(|i| simple[i].clone()), true) {
                return Some(found);
            }
        }
        let mut random = Random::new(1);
        for i in 0..ty.map_or(0, |_| self.tries) {
            let Some(ty) = ty else { break };
            let wide = i % 2 == 1 && !self.small;
            let values = [(); 3].map(|()| samples::random(ty, wide, &mut random));
            if let Some(found) = look(values, !wide) {
                return Some(found);
            }
        }
        rounding
    }

    fn commutative(&self, f: &Expr, simple: &[Value], ty: Option<&DataType>) -> Option<Finding> {
        let look = |a: &Value, b: &Value| -> Option<Finding> {
            let (forward, backward) = (call(f, a, b)?, call(f, b, a)?);
            let differ = self.difference(&forward, &backward, true) == Difference::Real;
            differ.then(|| Finding::NotCommutative { values: [a.clone(), b.clone()], forward, backward })
        };
        let n = simple.len();
        let mut pairs: Vec<[usize; 2]> = (0..n * n).map(|i| [i / n, i % n]).collect();
        pairs.sort_by_key(|p| (p.iter().sum::<usize>(), *p));
        let found = pairs.iter().find_map(|[i, j]| look(&simple[*i], &simple[*j]));
        found.or_else(|| {
            let mut random = Random::new(2);
            (0..200).find_map(|_| {
                let mut any = || samples::random(ty?, false, &mut random).into();
                let (a, b): (Option<Value>, Option<Value>) = (any(), any());
                look(&a?, &b?)
            })
        })
    }

    /// A value that is alone stays what it is. Where some value changes no result, but does change that
    /// one, the function does more than combining.
    fn changes_single(&self, simple: &[Value]) -> Option<Finding> {
        let f = &self.reducer.step;
        let same = |a: &Value, b: &Value| self.difference(a, b, true) != Difference::Real;
        let keeps = |e: &Value, a: &Value| {
            let (left, right) = (call(f, a, e), call(f, e, a));
            matches!((&left, &right), (Some(l), Some(r)) if same(l, a) && same(r, a))
        };
        if simple.iter().any(|e| simple.iter().all(|a| keeps(e, a))) {
            return None;
        }
        let results: Vec<Value> =
            simple.iter().flat_map(|a| simple.iter().filter_map(move |b| call(f, a, b))).collect();
        let neutral = simple.iter().find(|e| keeps(e, e) && results.iter().all(|r| keeps(e, r)))?;
        simple.iter().find_map(|a| {
            let changed = call(f, a, neutral)?;
            let differs = !same(&changed, a);
            differs.then(|| Finding::ChangesSingle { a: a.clone(), neutral: neutral.clone(), changed })
        })
    }

    /// How two results differ. On values that are not `exact` sums of floats may differ by any amount.
    fn difference(&self, a: &Value, b: &Value, exact: bool) -> Difference {
        match (a, b) {
            _ if a == b => Difference::Same,
            (Value::Float(x), Value::Float(y)) if self.rounds => {
                let scale = x.abs().max(y.abs()).max(1.0);
                let close = (x - y).abs() <= 1e-9 * scale;
                if close || !exact { Difference::Rounding } else { Difference::Real }
            }
            (Value::Record(x), Value::Record(y)) | (Value::List(x), Value::List(y)) if x.len() == y.len() => {
                let parts = x.iter().zip(y.iter()).map(|(x, y)| self.difference(x, y, exact));
                parts.max().unwrap_or(Difference::Same)
            }
            // What is computed from rounded numbers may be anything.
            _ if self.rounds && !exact => Difference::Rounding,
            _ => Difference::Real,
        }
    }
}

/// What a function of two values makes; `None` for an error.
fn call(f: &Expr, a: &Value, b: &Value) -> Option<Value> {
    let ExprKind::Lambda { parameters, body } = &f.kind else { return None };
    let [first, second] = parameters.as_slice() else { return None };
    let locals = [(*first, a.clone()), (*second, b.clone())];
    eval_with(body, &locals, &NoRow, flow_stdlib::library()).ok()
}

fn size(e: &Expr) -> usize {
    let mut size = 1;
    e.for_each_child(|child| size += self::size(child));
    size
}

fn makes_long(e: &Expr) -> bool {
    let own = matches!(
        &e.kind,
        ExprKind::Call { function: Function::Range | Function::Repeat | Function::PadLeft, .. }
    );
    let mut any = own;
    e.for_each_child(|child| any = any || makes_long(child));
    any
}
