//! Calls of functions that are not there: later versions', other languages', misspelt ones.

use super::Checked;
use super::Scope;
use super::call::Call;
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::suggest::closest;
use flow_grammar::ast::ExprKind as Ast;
use flow_ir::AggregateKind;
use flow_ir::window::WindowKind;

/// Functions of other languages.
const FOREIGN: [(&str, &str); 28] = [
    ("length", "len"),
    ("size", "len"),
    ("strlen", "len"),
    ("to_lower", "lower"),
    ("lowercase", "lower"),
    ("to_upper", "upper"),
    ("uppercase", "upper"),
    ("strip", "trim"),
    ("substring", "slice"),
    ("substr", "slice"),
    ("startswith", "starts_with"),
    ("endswith", "ends_with"),
    ("avg", "mean"),
    ("average", "mean"),
    ("nvl", "coalesce"),
    ("ifnull", "coalesce"),
    ("to_int", "int"),
    ("to_string", "string"),
    ("str", "string"),
    ("date_trunc", "trunc"),
    ("strftime", "format"),
    ("regexp_extract", "extract"),
    ("lpad", "pad_left"),
    ("rpad", "pad_right"),
    ("levenshtein", "edit_distance"),
    ("to_json", "json"),
    ("json_extract", "json_get"),
    ("convert_time_zone", "at_zone"),
];

impl<'a> Compiler<'a> {
    /// An aggregate where there is one row.
    pub(super) fn aggregate_out_of_place(&mut self, call: Call<'_>) {
        let message = format!("`{}` is an aggregate: it needs many rows, and here is one", call.name.text);
        self.report(
            Diagnostic::error("F3010", span(call.name.span), message)
                .help("compute it in `reduce { ... }` or `reduce_by_key k { ... }`")
                .help(format!("beside every row: window {{ field: {}(...) }}", call.name.text)),
        );
    }

    pub(super) fn unknown_function(&mut self, call: Call<'a>, scope: &mut Scope<'_>) -> Option<Checked> {
        let name = call.name.text.as_str();
        let place = span(call.name.span);
        let is_aggregate = AggregateKind::from_name(name).is_some();
        if is_aggregate {
            self.aggregate_out_of_place(call);
            return None;
        }
        if let Some(kind) = WindowKind::from_name(name) {
            self.misplaced_window_function(kind, place);
            return None;
        }
        // A mistake in an argument is worth knowing even where the function is not known.
        for e in call.values().filter(|e| !matches!(e.kind, Ast::Lambda { .. })) {
            self.expr(e, scope);
        }
        let mut diagnostic =
            Diagnostic::error("F2009", place, format!("there is no function called `{name}`"));
        let lower = name.to_lowercase();
        let symbols = self.symbols();
        let known = symbols.functions.keys().copied().chain(flow_stdlib::names().iter().copied());
        let foreign =
            |name: &str| FOREIGN.iter().find(|(foreign, _)| *foreign == name).map(|(_, here)| *here);
        let negated = match lower.replace('_', "").as_str() {
            "isnull" | "isna" => Some(""),
            "notnull" | "isnotnull" | "notna" => Some("not "),
            _ => None,
        };
        if let (Some(negated), Some(argument)) = (negated, call.values().next()) {
            let written = format!("{} is {negated}null", self.text(span(argument.outer())));
            self.report(diagnostic.caption(format!("write `{written}`")));
            return None;
        }
        let near = foreign(&lower)
            .or_else(|| closest(name, known.chain(["try", "same", "coalesce", "source_file", "source_line"])))
            .map(str::to_owned);
        // A misspelt name of another language may well be something else.
        let far = || foreign(closest(name, FOREIGN.iter().map(|(foreign, _)| *foreign))?);
        if let Some(near) = near {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(near.clone(), place, near);
        } else if let Some(far) = far() {
            diagnostic = diagnostic.caption(format!("did you mean `{far}`?"));
        }
        self.report(diagnostic);
        None
    }
}
