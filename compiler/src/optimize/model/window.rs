//! The model of `window`, and of stages that keep the first rows of keys.

use super::{ModelRow, aggregate, sort};
use flow_ir::logical::SortKey;
use flow_ir::window::{Window, WindowKind};
use flow_ir::{ColumnId, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The least `count` rows of each key, where they stand.
pub(super) fn first_rows(
    rows: Vec<ModelRow>,
    on: &[ColumnId],
    keys: &[SortKey],
    count: usize,
) -> Vec<ModelRow> {
    let mut kept = BTreeSet::new();
    for key in by_key(&rows, on, keys) {
        kept.extend(key.into_iter().take(count));
    }
    rows.into_iter().enumerate().filter(|(i, _)| kept.contains(i)).map(|(_, r)| r).collect()
}

/// The numbers of the rows of each key, sorted.
fn by_key(rows: &[ModelRow], per: &[ColumnId], keys: &[SortKey]) -> Vec<Vec<usize>> {
    let mut numbered: Vec<ModelRow> = rows.to_vec();
    // A sort only reads cells, so the number of a row can travel as its origin.
    numbered.iter_mut().enumerate().for_each(|(i, r)| r.origin = Some((0, i)));
    sort(&mut numbered, keys);
    let mut of: BTreeMap<Vec<Value>, Vec<usize>> = BTreeMap::new();
    for row in numbered {
        of.entry(row.key(per)).or_default().push(row.origin.map_or(0, |o| o.1));
    }
    of.into_values().collect()
}

/// Every row with what the window adds.
pub(super) fn window(mut rows: Vec<ModelRow>, window: &Window) -> Vec<ModelRow> {
    let sorted_by: Vec<ColumnId> = window.sort.iter().map(|k| k.column).collect();
    let before = rows.clone();
    for key in by_key(&before, &window.per, &window.sort) {
        let sorted: Vec<&ModelRow> = key.iter().map(|i| &before[*i]).collect();
        for (at, number) in key.iter().enumerate() {
            let (from, to) = window.frame.bounds(at, sorted.len());
            for a in &window.aggregates {
                rows[*number].cells.insert(a.output, Ok(aggregate(a, &sorted[from..to])));
            }
            let peers = |row: &&&ModelRow| row.key(&sorted_by) != sorted[at].key(&sorted_by);
            for f in &window.functions {
                let cell = |row: &ModelRow, id: Option<ColumnId>| {
                    id.map_or(Value::Null, |id| row.key(&[id]).remove(0))
                };
                let other = match f.kind {
                    WindowKind::Lag => at.checked_sub(f.offset as usize),
                    _ => Some(at + f.offset as usize).filter(|i| *i < sorted.len()),
                };
                let value = match (f.kind, other) {
                    (WindowKind::RowNumber, _) => Value::Int(at as i64 + 1),
                    (WindowKind::Rank, _) => Value::Int(sorted[..at].iter().filter(peers).count() as i64 + 1),
                    (WindowKind::DenseRank, _) => {
                        let different: BTreeSet<_> =
                            sorted[..at].iter().filter(peers).map(|r| r.key(&sorted_by)).collect();
                        Value::Int(different.len() as i64 + 1)
                    }
                    (_, Some(other)) => cell(sorted[other], f.argument),
                    (_, None) => cell(sorted[at], f.default),
                };
                rows[*number].cells.insert(f.output, Ok(value));
            }
        }
    }
    rows
}
