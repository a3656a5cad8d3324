//! Rows as the language writes them, and how two lists of them differ: what a failing test shows.
//!
//! A found row can be copied into the test: every value is written as a constant expression that gives it.

use super::test::Shown;
use flow_compiler::explain::{Change, diff_lines};
use flow_ir::source::SinkColumn;
use flow_ir::types::quote_name;
use flow_ir::{Type, Value, string_literal, text};
use std::fmt::Write as _;

/// Lines of a difference that are shown.
const LINES_MAX: usize = 40;

/// Equal rows that are shown around different ones.
const CONTEXT: usize = 2;

/// The fields of a row: their names and values as text.
type Fields = Vec<(String, String)>;

/// How found rows differ from the expected ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// In one sentence.
    pub(crate) message: String,
    /// The first one, in words.
    pub(crate) first: Option<String>,
    /// The rows, a line each.
    pub(crate) rows: String,
}

/// All rows of a result.
pub(crate) fn literal_rows(shown: &Shown) -> Vec<Fields> {
    let columns: Vec<&SinkColumn> = shown.sink.columns.iter().collect();
    let mut rows = Vec::new();
    for batch in &shown.batches {
        for row in 0..batch.rows {
            let value = |c: &SinkColumn| {
                let column = batch.column(c.id)?;
                column.value(row, &c.ty.kind).ok()
            };
            rows.push(fields(&columns, 0, &shown.sink.optional, &value));
        }
    }
    rows
}

/// The fields that `columns` are on the level `depth` of their paths.
fn fields(
    columns: &[&SinkColumn],
    depth: usize,
    optional: &[Vec<String>],
    value: &dyn Fn(&SinkColumn) -> Option<Value>,
) -> Fields {
    let mut out: Fields = Vec::new();
    let mut at = 0;
    while let Some(first) = columns.get(at) {
        let name = first.path.get(depth).map_or("", String::as_str);
        let same = |c: &&&SinkColumn| c.path.get(depth).map(String::as_str) == Some(name);
        let group: Vec<&SinkColumn> = columns[at..].iter().take_while(same).copied().collect();
        at += group.len().max(1);
        let shown = if first.path.len() == depth + 1 {
            value(first).map_or_else(|| "error".to_owned(), |v| literal(&v, &first.ty.kind))
        } else {
            let may_be_null = optional.iter().any(|p| p.as_slice() == &first.path[..=depth]);
            let is_null = may_be_null && group.iter().all(|c| value(c).is_none_or(|v| v.is_null()));
            if is_null { "null".to_owned() } else { record(&fields(&group, depth + 1, optional, value)) }
        };
        out.push((quote_name(name), shown));
    }
    out
}

fn record(fields: &Fields) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{{ {} }}", fields.join(", "))
}

/// A value as a constant expression of its type.
fn literal(value: &Value, ty: &Type) -> String {
    match (value, ty) {
        (Value::Null, _) => "null".to_owned(),
        // Zero has no sign where rows are compared.
        (Value::Float(x), _) if *x == 0.0 => "0.0".to_owned(),
        (Value::Float(x), _) if !x.is_finite() => format!("float({})", string_literal(&text::display(value))),
        (Value::String(s) | Value::Regex(s), _) => string_literal(s),
        (Value::Date(_) | Value::Timestamp(_), _) => format!("@{}", text::display(value)),
        (Value::Duration(_), _) => format!("duration({})", string_literal(&text::display(value))),
        (Value::Bytes(_), _) => format!("from_hex({})", string_literal(&text::display(value))),
        (Value::List(items), Type::List(item)) => {
            let items: Vec<String> = items.iter().map(|v| literal(v, &item.kind)).collect();
            format!("[{}]", items.join(", "))
        }
        (Value::Record(values), Type::Record(parts)) => {
            let named = parts.iter().zip(values.iter());
            record(&named.map(|(f, v)| (quote_name(&f.name), literal(v, &f.ty.kind))).collect())
        }
        _ => text::display(value),
    }
}

/// How the rows differ; `None` if they do not.
pub(crate) fn difference(found: &[Fields], expected: &[Fields]) -> Option<Difference> {
    if found == expected {
        return None;
    }
    let lines = |rows: &[Fields]| rows.iter().map(record).collect::<Vec<String>>();
    let (found_lines, expected_lines) = (lines(found), lines(expected));
    let mut sorted = (found_lines.clone(), expected_lines.clone());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    let message = if sorted.0 == sorted.1 {
        "the expected rows stand in another order".to_owned()
    } else if found.len() == expected.len() {
        "the rows are not the expected ones".to_owned()
    } else {
        let rows = |n: usize| if n == 1 { "1 row".to_owned() } else { format!("{n} rows") };
        format!("{} found, {} expected", rows(found.len()), rows(expected.len()))
    };
    let changes = diff_text(&expected_lines, &found_lines);
    Some(Difference { message, first: first(found, expected), rows: changes })
}

/// The first row that differs, by its fields.
fn first(found: &[Fields], expected: &[Fields]) -> Option<String> {
    let at = found.iter().zip(expected).position(|(f, e)| f != e)?;
    let pairs = found.get(at)?.iter().zip(expected.get(at)?).filter(|(f, e)| f != e);
    let parts: Vec<String> =
        pairs.map(|((name, f), (_, e))| format!("`{name}` is {f}, expected {e}")).collect();
    Some(format!("row {}: {}", at + 1, parts.join("; ")))
}

/// The rows with `-` before those that were expected and `+` before those that were found; of equal ones
/// only some.
fn diff_text(expected: &[String], found: &[String]) -> String {
    let (before, after) = (expected.join("\n"), found.join("\n"));
    let changes = diff_lines(&before, &after);
    let changed = |i: usize| !matches!(changes.get(i), None | Some(Change::Same(_)));
    let mut out = String::from("  - expected, + found\n");
    let (mut shown, mut left_out) = (0, 0);
    for (i, change) in changes.iter().enumerate() {
        let near = (i.saturating_sub(CONTEXT)..=i + CONTEXT).any(changed);
        if !near || shown == LINES_MAX {
            left_out += 1;
            continue;
        }
        if left_out > 0 {
            let _ = writeln!(out, "    ... {left_out} equal");
            left_out = 0;
        }
        shown += 1;
        let _ = match change {
            Change::Same(line) => writeln!(out, "    {line}"),
            Change::Removed(line) => writeln!(out, "  - {line}"),
            Change::Added(line) => writeln!(out, "  + {line}"),
        };
    }
    if left_out > 0 {
        let _ = writeln!(out, "    ... {left_out} more");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[i64]) -> Vec<Fields> {
        values.iter().map(|v| vec![("n".to_owned(), v.to_string())]).collect()
    }

    #[test]
    fn differences_are_told() {
        assert_eq!(difference(&rows(&[1, 2]), &rows(&[1, 2])), None);
        let told = difference(&rows(&[2, 1]), &rows(&[1, 2])).expect("a difference");
        assert_eq!(told.message, "the expected rows stand in another order");
        let told = difference(&rows(&[1, 3]), &rows(&[1, 2])).expect("a difference");
        assert_eq!(told.first.as_deref(), Some("row 2: `n` is 3, expected 2"));
        assert_eq!(told.rows, "  - expected, + found\n    { n: 1 }\n  - { n: 2 }\n  + { n: 3 }\n");
        let told = difference(&rows(&[1]), &rows(&[])).expect("a difference");
        assert_eq!((told.message.as_str(), told.first), ("1 row found, 0 rows expected", None));
    }

    #[test]
    fn long_differences_are_cut() {
        let all: Vec<i64> = (0..5000).collect();
        let told = difference(&rows(&all), &rows(&[-1])).expect("a difference");
        assert!(told.rows.lines().count() <= LINES_MAX + 3, "{}", told.rows);
        let mut other = all[..100].to_vec();
        other[50] = -1;
        let told = difference(&rows(&all[..100]), &rows(&other)).expect("a difference");
        assert!(told.rows.contains("    ... 48 equal\n    { n: 48 }"), "{}", told.rows);
    }

    #[test]
    fn texts_are_literals() {
        assert_eq!(string_literal("a\"b\\c\n\u{1}"), "\"a\\\"b\\\\c\\n\\u{1}\"");
    }
}
