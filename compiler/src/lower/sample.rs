//! `sample`: some of the rows, chosen by a seed.

use super::Flow;
use crate::check::Scope;
use crate::compiler::Compiler;
use crate::diagnostic::Diagnostic;
use flow_grammar::ast;
use flow_ir::logical::Operator;
use flow_ir::{Sample, SampleAmount, Span, Value};

impl<'a> Compiler<'a> {
    pub(super) fn sample(
        &mut self,
        flow: Flow,
        amount: &'a ast::SampleAmount,
        seed: Option<&'a ast::Expr>,
        with_replacement: bool,
        place: Span,
    ) -> Flow {
        let count = flow.count.clone().fewer(place, "a sample may leave the row out");
        let amount = self.sample_amount(amount, with_replacement);
        let seed = match seed {
            None => Some(0),
            Some(e) => self.sample_seed(e),
        };
        let (Some(amount), Some(seed)) = (amount, seed) else { return Flow { count, ..flow } };
        let input = flow.node;
        let sample = Sample { amount, seed, with_replacement };
        let node = self.passing(input, Operator::Sample { input, sample }, place);
        Flow { node, count, ..flow }
    }

    fn sample_amount(
        &mut self,
        amount: &'a ast::SampleAmount,
        with_replacement: bool,
    ) -> Option<SampleAmount> {
        let (e, is_percent) = match amount {
            ast::SampleAmount::Percent(e) => (e, true),
            ast::SampleAmount::Value(e) => (e, false),
        };
        let value = self.expr(e, &mut Scope::constant())?;
        let (ty, place) = (value.ty().clone(), value.expr.span);
        let fraction = |p: f64| if is_percent { p / 100.0 } else { p };
        let amount = match self.constant_value(value)? {
            Value::Int(n) if is_percent => SampleAmount::Fraction(fraction(n as f64)),
            Value::Float(p) => SampleAmount::Fraction(fraction(p)),
            Value::Int(n) if n >= 0 => SampleAmount::Rows(n as u64),
            Value::Int(n) => {
                let message = format!("a sample of {n} rows cannot be taken");
                self.report(Diagnostic::error("F4026", place, message));
                return None;
            }
            _ => {
                let message = format!("the size of a sample is a number, not `{ty}`");
                self.report(
                    Diagnostic::error("F3001", place, message)
                        .help("sample 10% and sample 0.1 take a tenth, sample 1000 takes so many rows"),
                );
                return None;
            }
        };
        let sample = Sample { amount, seed: 0, with_replacement };
        if !sample.is_possible() {
            let most = if with_replacement { "100.0 (10000%)" } else { "1.0 (100%)" };
            let mut diagnostic =
                Diagnostic::error("F4026", place, format!("the fraction of a sample is from 0 to {most}"));
            if !with_replacement {
                diagnostic = diagnostic.help("for a number of rows, write a whole number: sample 1000");
            }
            self.report(diagnostic);
            return None;
        }
        Some(amount)
    }

    fn sample_seed(&mut self, e: &'a ast::Expr) -> Option<u64> {
        let value = self.expr(e, &mut Scope::constant())?;
        let (ty, place) = (value.ty().clone(), value.expr.span);
        match self.constant_value(value)? {
            Value::Int(n) => Some(n as u64),
            _ => {
                self.report(Diagnostic::error("F3001", place, format!("a seed is an `int`, not `{ty}`")));
                None
            }
        }
    }
}
