//! Row groups that no row survives, by their statistics.
//!
//! A group is left out if some filter that every row meets first is, without error, not true for
//! all of its rows. Where statistics are missing, of a deprecated kind, or cannot tell, the group
//! is read. Floats have no upper bound: NaN is greater than all others and not in the statistics.

use super::nested::value_at;
use super::parquet_file::ParquetFile;
use arrow_array::{Array, UInt64Array};
use flow_ir::source::Source;
use flow_ir::{ColumnId, Expr, ExprKind, Function, Type, Value};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use std::collections::HashMap;

/// What is known of a column's values in a group.
#[derive(Clone, Debug)]
struct Bounds {
    least: Option<Value>,
    greatest: Option<Value>,
    nulls: Option<u64>,
    rows: u64,
    /// Whether a null is an error of its row.
    required: bool,
}

/// For each row group: whether the filters drop all of its rows.
pub(super) fn dropped_groups(file: &ParquetFile, source: &Source, filters: &[&Expr]) -> Vec<bool> {
    let groups = file.metadata.metadata().num_row_groups();
    let mut dropped = vec![false; groups];
    if filters.is_empty() || groups == 0 {
        return dropped;
    }
    let mut wanted = Vec::new();
    filters.iter().for_each(|f| f.columns(&mut wanted));
    let bounds: HashMap<ColumnId, Vec<Bounds>> = source
        .columns
        .iter()
        .filter(|c| wanted.contains(&c.id))
        .filter_map(|c| {
            let [name] = c.path.as_slice() else { return None };
            Some((c.id, column_bounds(file, name, &c.ty.kind, !c.ty.nullable)?))
        })
        .collect();
    for (group, dropped) in dropped.iter_mut().enumerate() {
        let of = |id: ColumnId| bounds.get(&id).and_then(|b| b.get(group));
        *dropped = filters.iter().any(|f| never_true(f, &of));
    }
    dropped
}

fn column_bounds(file: &ParquetFile, name: &str, ty: &Type, required: bool) -> Option<Vec<Bounds>> {
    let metadata = file.metadata.metadata();
    let schema = file.metadata.schema();
    let converter = StatisticsConverter::try_new(name, schema, file.metadata.parquet_schema()).ok()?;
    let converter = converter.with_missing_null_counts_as_zero(false);
    let at = converter.parquet_column_index()?;
    // A widened column is compared as what it was widened to, which is not what is stored.
    let stored =
        super::types::fields_of(&arrow_schema::Schema::new(vec![converter.arrow_field().clone()]), None)
            .ok()?;
    if stored.first().is_none_or(|f| f.ty.kind != *ty) {
        return None;
    }
    let groups = metadata.row_groups();
    let old = |g: &parquet::file::metadata::RowGroupMetaData| {
        g.columns().get(at).and_then(|c| c.statistics()).is_some_and(|s| s.is_min_max_deprecated())
    };
    if groups.iter().any(old) {
        return None;
    }
    let least = converter.row_group_mins(groups.iter()).ok()?;
    let greatest = converter.row_group_maxes(groups.iter()).ok()?;
    let nulls: UInt64Array = converter.row_group_null_counts(groups.iter()).ok()?;
    let all = groups.iter().enumerate().map(|(i, g)| {
        let (low, high) = (value_at(&least, i, ty), value_at(&greatest, i, ty));
        // A bound that is no value here stands for rows that are errors, which no filter may drop unread.
        let known = low.is_some() && high.is_some();
        let is_nan = |v: &Value| matches!(v, Value::Float(x) if x.is_nan());
        Bounds {
            least: low.filter(|v| known && !v.is_null() && !is_nan(v)),
            greatest: high.filter(|v| known && !v.is_null() && *ty != Type::Float),
            nulls: (known && i < nulls.len() && nulls.is_valid(i)).then(|| nulls.value(i)),
            rows: u64::try_from(g.num_rows()).unwrap_or(0),
            required,
        }
    });
    Some(all.collect())
}

/// Whether the filter is, without error, not true for every row of a group.
fn never_true<'a>(filter: &Expr, of: &impl Fn(ColumnId) -> Option<&'a Bounds>) -> bool {
    match &filter.kind {
        ExprKind::Literal(Value::Bool(truth)) => !truth,
        ExprKind::Literal(Value::Null) => true,
        ExprKind::And(a, b) => never_true(a, of) || (cannot_fail(a, of) && never_true(b, of)),
        ExprKind::Or(a, b) => never_true(a, of) && never_true(b, of),
        ExprKind::IsNull(x) => column(x, of).is_some_and(|b| b.nulls == Some(0)),
        ExprKind::Call { function: Function::Not, arguments } => match arguments.as_slice() {
            [Expr { kind: ExprKind::IsNull(x), .. }] => {
                column(x, of).is_some_and(|b| !b.required && b.nulls == Some(b.rows))
            }
            _ => false,
        },
        ExprKind::Call { function, arguments } => call_never_true(*function, arguments, of),
        _ => false,
    }
}

fn call_never_true<'a>(
    function: Function,
    arguments: &[Expr],
    of: &impl Fn(ColumnId) -> Option<&'a Bounds>,
) -> bool {
    use Function::{Between, Equal, Greater, GreaterEqual, In, Less, LessEqual};
    match (function, arguments) {
        (Equal | Less | LessEqual | Greater | GreaterEqual, [a, b]) => {
            if let (Some(bounds), Some(value)) = (column(a, of), literal(b)) {
                return bounds.excludes(function, value);
            }
            let (Some(value), Some(bounds)) = (literal(a), column(b, of)) else { return false };
            let turned = match function {
                Less => Greater,
                LessEqual => GreaterEqual,
                Greater => Less,
                GreaterEqual => LessEqual,
                same => same,
            };
            bounds.excludes(turned, value)
        }
        (Between, [x, low, high]) => {
            let (Some(bounds), Some(low), Some(high)) = (column(x, of), literal(low), literal(high)) else {
                return false;
            };
            bounds.excludes(GreaterEqual, low) || bounds.excludes(LessEqual, high)
        }
        (In, [x, list]) => match (column(x, of), literal_list(list)) {
            (Some(bounds), Some(values)) => values.iter().all(|v| bounds.excludes(Equal, v)),
            _ => false,
        },
        _ => false,
    }
}

/// Comparisons of columns with constants, and what is made of them, are no errors where the columns are none.
fn cannot_fail<'a>(e: &Expr, of: &impl Fn(ColumnId) -> Option<&'a Bounds>) -> bool {
    use Function::{Between, Equal, Greater, GreaterEqual, In, Less, LessEqual, Not, NotEqual};
    match &e.kind {
        ExprKind::Column(_) => column(e, of).is_some_and(Bounds::is_sound),
        ExprKind::Literal(_) => true,
        ExprKind::And(a, b) | ExprKind::Or(a, b) => cannot_fail(a, of) && cannot_fail(b, of),
        ExprKind::IsNull(x) => cannot_fail(x, of),
        ExprKind::List(items) => items.iter().all(|x| cannot_fail(x, of)),
        ExprKind::Call { function, arguments } => {
            let compares = [Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, Between, In, Not];
            compares.contains(function) && arguments.iter().all(|x| cannot_fail(x, of))
        }
        _ => false,
    }
}

fn column<'a>(e: &Expr, of: &impl Fn(ColumnId) -> Option<&'a Bounds>) -> Option<&'a Bounds> {
    match e.kind {
        ExprKind::Column(id) => of(id),
        _ => None,
    }
}

fn literal(e: &Expr) -> Option<&Value> {
    match &e.kind {
        ExprKind::Literal(value) => Some(value),
        _ => None,
    }
}

fn literal_list(e: &Expr) -> Option<Vec<Value>> {
    match &e.kind {
        ExprKind::Literal(Value::List(items)) => Some(items.to_vec()),
        ExprKind::List(items) => items.iter().map(|x| literal(x).cloned()).collect(),
        _ => None,
    }
}

impl Bounds {
    /// Whether no value of the column is an error of its row.
    fn is_sound(&self) -> bool {
        (!self.required || self.nulls == Some(0)) && (self.least.is_some() || self.nulls == Some(self.rows))
    }

    /// Whether `column function value` is true for no row and an error for none.
    fn excludes(&self, function: Function, value: &Value) -> bool {
        if self.required && self.nulls != Some(0) {
            return false;
        }
        if self.nulls == Some(self.rows) || value.is_null() {
            return self.nulls == Some(self.rows) || self.is_sound();
        }
        let above = self.least.as_ref().is_some_and(|least| least > value);
        let not_below = self.least.as_ref().is_some_and(|least| least >= value);
        let below = self.greatest.as_ref().is_some_and(|greatest| greatest < value);
        let not_above = self.greatest.as_ref().is_some_and(|greatest| greatest <= value);
        match function {
            Function::Equal => above || below,
            Function::Less => not_below,
            Function::LessEqual => above,
            Function::Greater => not_above,
            Function::GreaterEqual => below,
            _ => false,
        }
    }
}
