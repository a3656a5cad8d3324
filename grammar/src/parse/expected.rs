//! What the grammar's rules are called in the language, for "expected ..." captions.

use crate::parser::Rule;

/// Groups of rules with their name in the language, most telling first.
const PHRASES: &[(&[Rule], &str)] = &[
    (&[Rule::close_paren], "`)`"),
    (&[Rule::close_bracket], "`]`"),
    (&[Rule::close_brace], "`}`"),
    (&[Rule::kw_then], "`then`"),
    (&[Rule::kw_else], "`else`"),
    (&[Rule::kw_into], "`into`"),
    (&[Rule::kw_by], "`by`"),
    (&[Rule::kw_for], "`for`"),
    (&[Rule::kw_rounds], "`rounds`"),
    (&[Rule::kw_replacement], "`replacement`"),
    (&[Rule::kw_join], "`join`"),
    (&[Rule::kw_first, Rule::kw_last], "`first` or `last`"),
    (&[Rule::fat_arrow], "`=>`"),
    (&[Rule::comma], "`,`"),
    (&[Rule::colon], "`:`"),
    (&[Rule::assign], "`=`"),
    (&[Rule::equals], "`==`"),
    (&[Rule::semicolon], "`;`"),
    (&[Rule::less], "`<`"),
    (&[Rule::greater], "`>`"),
    (&[Rule::open_brace, Rule::record, Rule::fields], "`{`"),
    (&[Rule::open_bracket], "`[`"),
    (&[Rule::ratio], "`1:1`, `m:1`, `1:m` or `m:m`"),
    (&[Rule::target], "a path in double quotes"),
    (&[Rule::string, Rule::bad_string], "text in double quotes"),
    (&[Rule::dataset], "a dataset: a name, or a pipeline in parentheses"),
    (&[Rule::ty, Rule::list_ty, Rule::decimal_ty], "a type"),
    (
        &[Rule::source, Rule::pipeline, Rule::only_head, Rule::read, Rule::from, Rule::rows],
        "`read`, `from` or `rows`",
    ),
    (&[Rule::keys, Rule::key, Rule::sort_keys, Rule::sort_key], "a key"),
    (&[Rule::expr, Rule::primary, Rule::literal, Rule::lambda, Rule::arg], "a value"),
    (&[Rule::entry, Rule::named], "an entry such as `name: value`"),
    (&[Rule::field], "a field such as `name: type`"),
    (&[Rule::int, Rule::float, Rule::digits, Rule::percent], "a number"),
    (&[Rule::ident, Rule::path], "a name"),
    (&[Rule::given, Rule::expect, Rule::only_step], "`given` or `expect`"),
    (&[Rule::open_paren], "`(`"),
    (&[Rule::as_format, Rule::alias], "`as`"),
    (&[Rule::with_schema], "`schema`"),
    (&[Rule::on_error], "`on_error`"),
    (&[Rule::join_on], "`on`"),
    (&[Rule::by_sort], "`sort`"),
    (&[Rule::per], "`per`"),
    (&[Rule::infix, Rule::postfix, Rule::is_null, Rule::bad_infix], "an operator"),
    (&[Rule::stage, Rule::bar, Rule::stray, Rule::only_stage], "`|` and the next stage"),
    (&[Rule::item, Rule::statement, Rule::chunk], "the next item"),
];

/// More alternatives than these would not be read.
const ALTERNATIVES_MAX: usize = 4;

/// The rules as a list in words, or `None` if none of them has a name in the language.
pub(super) fn phrase(expected: &[Rule]) -> Option<String> {
    let meant = PHRASES.iter().filter(|(rules, _)| rules.iter().any(|rule| expected.contains(rule)));
    let words: Vec<&str> = meant.map(|(_, words)| *words).take(ALTERNATIVES_MAX).collect();
    let (last, others) = words.split_last()?;
    Some(if others.is_empty() { (*last).to_string() } else { format!("{} or {last}", others.join(", ")) })
}
