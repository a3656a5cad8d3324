//! Row groups and pages that no row survives, by their statistics.
//!
//! A group is left out if some filter that every row meets first is, without error, not true for
//! all of its rows; so are, in a group that is read, the rows between which the pages of the filters' columns begin and
//! end. Where statistics are missing, of a deprecated kind, contradict each other, or cannot tell, the rows
//! are read. Floats have no upper bound: NaN is greater than all others and not in the statistics.

use super::nested::value_at;
use super::page_index::PageIndex;
use super::pages::row_starts;
use super::parquet_file::ParquetFile;
use arrow_array::{Array, UInt64Array};
use flow_ir::source::Source;
use flow_ir::{ColumnId, Expr, ExprKind, Function, Type, Value};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::Type as Physical;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::schema::types::{SchemaDescriptor, Type as Schema};
use std::ops::Range;
use std::sync::Arc;

/// Fewer rows than this are not worth being skipped.
const SKIPPED_MIN: u64 = 64;

/// What is known of a column's values in a group or a page.
#[derive(Clone, Debug)]
struct Bounds {
    least: Option<Value>,
    greatest: Option<Value>,
    nulls: Option<u64>,
    rows: u64,
    /// Whether a null is an error of its row.
    required: bool,
}

/// The filters that every row of a file meets first, and what is known of their columns.
#[derive(Debug)]
pub(super) struct Pruning {
    filters: Vec<Expr>,
    columns: Vec<FilterColumn>,
}

/// A column that the filters use.
#[derive(Debug)]
struct FilterColumn {
    id: ColumnId,
    name: String,
    ty: Type,
    required: bool,
    /// Its column of the file.
    at: usize,
    groups: Vec<Bounds>,
}

/// The rows of a group that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptRows {
    /// In order, counted in the group.
    pub(super) ranges: Vec<Range<u64>>,
    /// Data pages of the columns that are read, and how many there are.
    pub(super) pages: (usize, usize),
}

impl Pruning {
    /// Of a source's file; `None` if its filters say nothing about it.
    pub(super) fn new(file: &ParquetFile, source: &Source, filters: &[&Expr]) -> Option<Self> {
        let mut wanted = Vec::new();
        filters.iter().for_each(|f| f.columns(&mut wanted));
        let columns = source.columns.iter().filter(|c| wanted.contains(&c.id)).filter_map(|c| {
            let [name] = c.path.as_slice() else { return None };
            let ty = &c.ty.kind;
            let groups = file.metadata.metadata().row_groups();
            let (at, groups) = group_bounds(file, name, ty, !c.ty.nullable, groups)?;
            let required = !c.ty.nullable;
            Some(FilterColumn { id: c.id, name: name.clone(), ty: ty.clone(), required, at, groups })
        });
        let columns: Vec<FilterColumn> = columns.collect();
        let filters: Vec<Expr> = filters.iter().map(|f| (*f).clone()).collect();
        (!filters.is_empty()).then_some(Pruning { filters, columns })
    }

    /// Whether the filters drop all rows of a group.
    pub(super) fn drops_group(&self, group: usize) -> bool {
        let of = |id: ColumnId| self.columns.iter().find(|c| c.id == id).and_then(|c| c.groups.get(group));
        self.filters.iter().any(|f| never_true(f, &of))
    }

    /// The rows of a group that are left, if the pages of the filters' columns tell, and those of the columns
    /// `read` are where their headers say.
    pub(super) fn kept_rows(&self, file: &ParquetFile, group: usize, read: &[usize]) -> Option<KeptRows> {
        let about = file.metadata.metadata().row_groups().get(group)?;
        let rows = u64::try_from(about.num_rows()).ok()?;
        let paged: Vec<Option<(Vec<u64>, Vec<Bounds>)>> =
            self.columns.iter().map(|c| c.pages(file, about, group)).collect();
        let mut cuts: Vec<u64> = paged.iter().flatten().flat_map(|(starts, _)| starts.clone()).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let ends = cuts.iter().skip(1).copied().chain([rows]);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (start, end) in cuts.iter().copied().zip(ends) {
            let of = |id: ColumnId| {
                let at = self.columns.iter().position(|c| c.id == id)?;
                match paged.get(at)? {
                    Some((starts, bounds)) => {
                        bounds.get(starts.partition_point(|s| *s <= start).checked_sub(1)?)
                    }
                    None => self.columns.get(at)?.groups.get(group),
                }
            };
            if self.filters.iter().any(|f| never_true(f, &of)) {
                continue;
            }
            match ranges.last_mut() {
                Some(last) if start - last.end < SKIPPED_MIN => last.end = end,
                _ if start < SKIPPED_MIN => ranges.push(0..end),
                _ => ranges.push(start..end),
            }
        }
        let all = ranges.len() == 1 && ranges.first() == Some(&(0..rows));
        if cuts.is_empty() || all {
            return None;
        }
        let mut pages = (0, 0);
        for column in read {
            let starts = row_starts(&file.bytes, about.columns().get(*column)?, rows)?;
            let ends = starts.iter().skip(1).copied().chain([rows]);
            let overlaps = |page: Range<u64>| ranges.iter().any(|r| r.start < page.end && page.start < r.end);
            pages.0 += starts.iter().copied().zip(ends).filter(|(start, end)| overlaps(*start..*end)).count();
            pages.1 += starts.len();
        }
        Some(KeptRows { ranges, pages })
    }
}

impl FilterColumn {
    /// The first rows of the pages in a group, and the bounds of each; `None` if its index is not there or
    /// does not agree with the pages and the statistics of the group.
    fn pages(
        &self,
        file: &ParquetFile,
        group: &RowGroupMetaData,
        at: usize,
    ) -> Option<(Vec<u64>, Vec<Bounds>)> {
        let chunk = group.columns().get(self.at)?;
        let rows = u64::try_from(group.num_rows()).ok()?;
        let index = PageIndex::read(&file.bytes, chunk, rows)?;
        if row_starts(&file.bytes, chunk, rows)? != index.starts {
            return None;
        }
        let whole = self.groups.get(at)?;
        let ends = index.starts.iter().skip(1).copied().chain([rows]);
        let lengths = index.starts.iter().zip(ends).map(|(start, end)| end - start);
        let pages = one_column_groups(file, chunk, &self.name, lengths.zip(index.statistics))?;
        let (_, mut bounds) = group_bounds(file, &self.name, &self.ty, self.required, &pages)?;
        if whole.nulls == Some(0) {
            bounds.iter_mut().for_each(|b| b.nulls = b.nulls.or(Some(0)));
        }
        let nulls = bounds.iter().map(|b| b.nulls).sum::<Option<u64>>();
        let agrees = bounds.iter().all(|b| b.lies_in(whole, chunk.column_type()))
            && nulls.zip(whole.nulls).is_none_or(|(sum, all)| sum == all);
        agrees.then_some((index.starts, bounds))
    }
}

/// The pages of a column as groups of that column only, with their rows and statistics.
fn one_column_groups(
    file: &ParquetFile,
    chunk: &ColumnChunkMetaData,
    name: &str,
    pages: impl Iterator<Item = (u64, parquet::file::statistics::Statistics)>,
) -> Option<Vec<RowGroupMetaData>> {
    let field =
        file.metadata.parquet_schema().root_schema().get_fields().iter().find(|f| f.name() == name)?;
    let root = Schema::group_type_builder("root").with_fields(vec![field.clone()]).build().ok()?;
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(root)));
    let pages = pages.map(|(rows, statistics)| {
        let column = ColumnChunkMetaData::builder(chunk.column_descr_ptr()).set_statistics(statistics);
        let group = RowGroupMetaData::builder(schema.clone()).set_num_rows(i64::try_from(rows).ok()?);
        group.set_column_metadata(vec![column.build().ok()?]).build().ok()
    });
    pages.collect()
}

/// The position of a column in the file, and its bounds in each of these groups: all columns of the file, or pages
/// as [`one_column_groups`] makes them.
fn group_bounds(
    file: &ParquetFile,
    name: &str,
    ty: &Type,
    required: bool,
    groups: &[RowGroupMetaData],
) -> Option<(usize, Vec<Bounds>)> {
    let schema = file.metadata.schema();
    let found = StatisticsConverter::try_new(name, schema, file.metadata.parquet_schema()).ok()?;
    let in_file = found.parquet_column_index()?;
    // A widened column is compared as what it was widened to, which is not what is stored.
    let stored = arrow_schema::Schema::new(vec![found.arrow_field().clone()]);
    let fields = super::types::fields_of(&stored, None).ok()?;
    if fields.first().is_none_or(|f| f.ty.kind != *ty) {
        return None;
    }
    // Columns are found by the positions of their fields, which must be the same in both schemas.
    let of_groups = groups.first().map(RowGroupMetaData::schema_descr_ptr);
    let converter = match of_groups.as_ref().filter(|s| s.root_schema().get_fields().len() == 1) {
        Some(one) => StatisticsConverter::try_new(name, &stored, one).ok()?,
        None => found,
    };
    let converter = converter.with_missing_null_counts_as_zero(false);
    let at = converter.parquet_column_index()?;
    let old = |g: &RowGroupMetaData| {
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
    Some((in_file, all.collect()))
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
    /// Whether what is said of a page can be so, by what is said of its group. Texts may be cut off in both.
    fn lies_in(&self, whole: &Bounds, physical: Physical) -> bool {
        let ascending = |low: &Option<Value>, high: &Option<Value>| match (low, high) {
            (Some(low), Some(high)) => low <= high,
            _ => true,
        };
        ascending(&self.least, &self.greatest)
            && (physical == Physical::BYTE_ARRAY
                || (ascending(&whole.least, &self.least) && ascending(&self.greatest, &whole.greatest)))
    }

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
