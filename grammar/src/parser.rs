//! The parser that `flow.pest` describes, behind one function: text to a flat run of nested pairs.
//!
//! Invariant: nothing outside of this crate sees a rule; the generator's own messages stay in here.

use crate::span::offset;
use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::{Pair, Pairs};
use std::num::NonZeroUsize;
use std::sync::Once;

/// The generated parser; its rules have no documentation of their own.
#[allow(missing_docs, unreachable_pub)]
mod generated {
    /// Generated from `flow.pest`.
    #[derive(pest_derive::Parser)]
    #[grammar = "flow.pest"]
    pub struct Generated;
}

pub(crate) use generated::Rule;

/// A node of the parse.
pub(crate) type Node<'i> = Pair<'i, Rule>;

/// Steps after which the parser gives up on one item: enough for megabytes. A second guard; the grammar is meant
/// to be linear.
const CALLS_MAX: usize = 100_000_000;

/// Where and why a text does not match a rule.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The furthest place that was reached.
    pub(crate) at: u32,
    /// The rules that could have continued there.
    pub(crate) expected: Vec<Rule>,
    /// True if the parser ran out of steps or stack instead.
    pub(crate) exhausted: bool,
}

impl Failure {
    /// The same failure in a text that has `by` bytes in front.
    pub(crate) fn moved(self, by: u32) -> Failure {
        Failure { at: self.at + by, ..self }
    }
}

/// Parses all of `text` as `rule`.
pub(crate) fn parse_rule(rule: Rule, text: &str) -> Result<Pairs<'_, Rule>, Failure> {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| pest::set_call_limit(NonZeroUsize::new(CALLS_MAX)));
    generated::Generated::parse(rule, text).map_err(|error| {
        let at = match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => offset(at),
        };
        match error.variant {
            ErrorVariant::ParsingError { positives, .. } => {
                Failure { at, expected: positives, exhausted: false }
            }
            ErrorVariant::CustomError { .. } => Failure { at, expected: Vec::new(), exhausted: true },
        }
    })
}
