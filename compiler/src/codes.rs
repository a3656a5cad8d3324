//! The registry of error codes: every number the compiler or the runtime reports, with its title.
//!
//! `docs/errors.md` has one section for each. Families: F1 syntax, F2 names, F3 types, F4
//! meaning, F5 data, W lints. F49xx are constructs of the language that this version does not run yet.

/// Every code outside the F1 family, with a one-line title, in order.
pub const CODES: &[(&str, &str)] = &[
    ("F2001", "unknown field"),
    ("F2002", "a field that was dropped earlier"),
    ("F2003", "a value used as a field"),
    ("F2004", "a file without a column of the schema"),
    ("F2005", "no such file"),
    ("F2006", "a name given twice"),
    ("F2007", "unknown dataset"),
    ("F2008", "unknown schema or type"),
    ("F2009", "unknown function"),
    ("F2010", "unknown value"),
    ("F2011", "a parameter without a value"),
    ("F2012", "unknown parameter on the command line"),
    ("F2013", "unknown pipe"),
    ("F2014", "unknown format"),
    ("F2015", "definitions that need each other"),
    ("F2016", "a command without a schema"),
    ("F2021", "an import that cannot be read"),
    ("F2022", "files that import each other"),
    ("F2023", "an import without a name"),
    ("F3001", "types do not fit"),
    ("F3002", "join keys that can never be equal"),
    ("F3003", "a name on both sides of a join"),
    ("F3004", "a plain field in an aggregation"),
    ("F3005", "a dataset with many rows used as a value"),
    ("F3006", "wrong number of arguments"),
    ("F3007", "a `match` without `_`"),
    ("F3008", "a value without a type"),
    ("F3009", "comparing with `null`"),
    ("F3010", "an aggregate outside of an aggregation"),
    ("F3011", "a union of different rows"),
    ("F3012", "a literal that does not fit its type"),
    ("F3013", "a parameter's value does not have its type"),
    ("F3014", "a type that a format cannot hold"),
    ("F3015", "a lambda in the wrong place"),
    ("F3016", "not a constant"),
    ("F3017", "an invalid regular expression"),
    ("F3018", "a frame that ends before it begins"),
    ("F3019", "`*` in a `window`"),
    ("F3020", "rows of a test that do not fit"),
    ("F4001", "a reduction that depends on how the data is split"),
    ("F4003", "a computed key without a name"),
    ("F4004", "a recursive function"),
    ("F4005", "reading what the program writes"),
    ("F4006", "two sinks with one path"),
    ("F4007", "a sink that does not end its pipeline"),
    ("F4008", "a format whose name or suffix does not tell it"),
    ("F4009", "an option that a format does not have"),
    ("F4011", "an expression that is too large"),
    ("F4012", "a join without keys"),
    ("F4013", "a constant that cannot be computed"),
    ("F4014", "an arm that is never reached"),
    ("F4015", "`on_error null` without a nullable field"),
    ("F4016", "standard input read twice"),
    ("F4017", "a `mode` that cannot be"),
    ("F4018", "no command"),
    ("F4024", "a clause that this join does not have"),
    ("F4025", "a join condition that is no equality"),
    ("F4026", "a sample that cannot be taken"),
    ("F4027", "a layout that cannot be made"),
    ("F4031", "a pipeline in an imported file"),
    ("F4032", "a round with other fields than the start"),
    ("F4033", "a test that expects nothing"),
    ("F4034", "a name for a key that makes no field"),
    ("F4035", "a level that `persist` does not have"),
    ("F4036", "`slots` of a `through`"),
    ("F4038", "a place that rows do not have"),
    ("F4917", "not yet: this format"),
    ("F4918", "not yet: this kind of compressed file"),
    ("F4919", "not yet: this kind of source or sink"),
    ("F4923", "a format that was not built in"),
    ("F5001", "a value in the data does not have its type"),
    ("F5002", "a join contract is broken"),
    ("F5003", "a number does not fit"),
    ("F5004", "too many bad rows"),
    ("F5005", "not enough memory"),
    ("F5006", "a broken row"),
    ("F5007", "a `check` does not hold"),
    ("F5008", "a value that cannot be computed"),
    ("F5009", "a command that was not allowed"),
    ("F5010", "a command that could not answer"),
    ("F5011", "a test that does not hold"),
    ("W4002", "a reduction that depends on row order"),
    ("W4003", "a mean of means"),
    ("W4004", "rows without a value vanish"),
    ("W4005", "a sort that nobody sees"),
    ("W4006", "a join that repeats what is summed"),
    ("W4007", "a reduction that is associative up to rounding"),
    ("W4008", "a reduction that a single row does not pass through"),
    ("W4009", "floats compared exactly"),
    ("W4010", "a group that could be reduced"),
    ("W4401", "a `let` that is never used"),
    ("W4402", "given rows that a test does not read"),
    ("W5001", "stored rows that are damaged"),
    ("W5002", "rows that cannot be stored"),
];

/// The title of any code, syntax errors included.
pub fn title(code: &str) -> Option<&'static str> {
    flow_grammar::CODES.iter().chain(CODES).find(|(c, _)| *c == code).map(|(_, title)| *title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        let codes: Vec<&str> = CODES.iter().map(|(c, _)| *c).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        assert_eq!(title("F2001"), Some("unknown field"));
        assert_eq!(title("F9999"), None);
    }
}
