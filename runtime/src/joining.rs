//! Joins on their way: looks the rows of a batch up in a build side, and keeps what the kind says.
//!
//! A row is looked up only if it is no error: joins are barriers. Where build rows that nothing matched
//! stay, every column of the probe side must be good first, so that which build rows are matched does not
//! depend on what happens behind the join. Those rows follow when the whole stage has been walked.

use crate::compiled::{BuildKey, CompiledBranch, CompiledEnd, CompiledJoin, CompiledKind, CompiledOperation};
use crate::operators::join::{JoinTable, MatchedRows, NO_ROW, nulls};
use crate::options::RunError;
use crate::row_batch::RowBatch;
use crate::walk::{Place, Walker, fetch, refs};
use flow_ir::{Batch, ColumnId, Expr, JoinKind};
use std::collections::HashMap;
use std::sync::Arc;

/// Rows that a join makes of one morsel at most, if the morsel can be had in smaller parts.
const JOINED_ROWS_MAX: usize = 1 << 18;

/// The build sides of a stage.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    pub(crate) tables: HashMap<BuildKey, Arc<JoinTable>>,
    /// What the operation of that number has matched, where build rows without a match stay.
    pub(crate) matched: HashMap<usize, MatchedRows>,
}

impl Joins {
    pub(crate) fn table(&self, join: &CompiledJoin) -> Result<&Arc<JoinTable>, RunError> {
        self.tables
            .get(&join.build)
            .ok_or_else(|| RunError::Internal("a join's build side is missing".to_owned()))
    }
}

/// Row numbers of the probe side, and for each the build row or [`NO_ROW`].
type Pairs = (Vec<u32>, Vec<u32>);

impl Walker<'_> {
    pub(crate) fn join(
        &mut self,
        join: &CompiledJoin,
        o: &CompiledOperation,
        batch: &mut RowBatch<'_>,
        place: Place<'_>,
        filters: &[&Expr],
    ) -> Result<(), RunError> {
        self.settle_faults(batch, &join.settled, place, o.span, filters)?;
        if batch.rows() == 0 {
            return Ok(());
        }
        let joins = self.joins;
        let table = joins.table(join)?;
        let keys = fetch(batch, &join.on)?;
        if matches!(join.kind, JoinKind::Semi | JoinKind::Anti) {
            let kept = table.filter(&refs(&keys), batch.rows(), join.kind == JoinKind::Semi);
            drop(keys);
            batch.retain(&o.keep);
            if kept.len() < batch.rows() {
                batch.select(&kept);
            }
            return Ok(());
        }
        let limit = if self.may_split { JOINED_ROWS_MAX } else { usize::MAX };
        let pairs = match join.kind {
            JoinKind::Cross => every_pair(batch.rows(), table.rows(), limit),
            _ => table.probe(&refs(&keys), batch.rows(), limit),
        };
        drop(keys);
        let Some(pairs) = pairs else {
            self.too_many = true;
            return Err(RunError::Internal("a join was not given fewer rows at a time".to_owned()));
        };
        if let Some(matched) = joins.matched.get(&o.number) {
            matched.mark(&pairs.1);
        }
        let (left, right) = if join.kind.keeps_left() { with_unmatched(pairs, batch.rows()) } else { pairs };
        let mut memory = table.budget().reserve("the rows that a join makes of one row");
        if left.len() > JOINED_ROWS_MAX {
            let row_bytes = 8 * (1 + o.keep.len() as u64);
            let span = o.span;
            memory
                .cover(left.len() as u64 * row_bytes)
                .map_err(|e| RunError::Memory { message: e.to_string(), span })?;
        }
        if join.kind.keeps_right() {
            let pairs: Vec<(ColumnId, ColumnId)> =
                join.left.iter().map(|(new, own, _)| (*new, *own)).collect();
            batch.replace(&pairs);
        } else {
            batch.retain(&o.keep);
        }
        batch.settle();
        batch.select(&left);
        for (new, own, ty) in &join.right {
            let column = table
                .gather_or_null(*own, ty, &right)
                .ok_or_else(|| RunError::Internal("a join's right column is missing".to_owned()))?;
            batch.add(*new, column);
        }
        Ok(())
    }
}

/// Every row of the probe side with every build row.
fn every_pair(left: usize, right: usize, limit: usize) -> Option<Pairs> {
    let pairs = left.checked_mul(right).filter(|n| *n <= limit)?;
    let (mut lefts, mut rights) = (Vec::with_capacity(pairs), Vec::with_capacity(pairs));
    for row in 0..left as u32 {
        lefts.resize(lefts.len() + right, row);
        rights.extend(0..right as u32);
    }
    Some((lefts, rights))
}

/// The pairs, and among them, in order, the probe rows that are in none.
fn with_unmatched((lefts, rights): Pairs, rows: usize) -> Pairs {
    let mut out = (Vec::with_capacity(rows.max(lefts.len())), Vec::with_capacity(rows.max(lefts.len())));
    let mut next = 0u32;
    let lonely = |out: &mut Pairs, next: &mut u32, end: u32| {
        while *next < end {
            out.0.push(*next);
            out.1.push(NO_ROW);
            *next += 1;
        }
    };
    for (left, right) in lefts.into_iter().zip(rights) {
        lonely(&mut out, &mut next, left);
        out.0.push(left);
        out.1.push(right);
        next = left + 1;
    }
    lonely(&mut out, &mut next, rows as u32);
    out
}

/// The rows of the build side that a join adds behind all others: no probe row has their key.
pub(crate) fn unmatched_batch(
    join: &CompiledJoin,
    table: &JoinTable,
    rows: &[u32],
) -> Result<Batch, RunError> {
    let mut columns = Vec::with_capacity(join.left.len() + join.right.len());
    for (new, _, ty) in &join.left {
        columns.push((*new, Arc::new(nulls(ty, rows.len()))));
    }
    for (new, own, _) in &join.right {
        let column = table
            .gather(*own, rows)
            .ok_or_else(|| RunError::Internal("a join's right column is missing".to_owned()))?;
        columns.push((*new, Arc::new(column)));
    }
    Ok(Batch { rows: rows.len(), columns })
}

/// The branch in which the operation of that number stands, and its place there.
pub(crate) fn find_operation(branch: &CompiledBranch, number: usize) -> Option<(&CompiledBranch, usize)> {
    if let Some(at) = branch.operations.iter().position(|o| o.number == number) {
        return Some((branch, at));
    }
    match &branch.end {
        CompiledEnd::Leaf(_) => None,
        CompiledEnd::Split(branches) => branches.iter().find_map(|b| find_operation(b, number)),
    }
}

/// The joins that keep build rows, by the number of their operation, outermost first.
pub(crate) fn keeping_joins<'a>(branch: &'a CompiledBranch, out: &mut Vec<(usize, &'a CompiledJoin)>) {
    for o in &branch.operations {
        if let CompiledKind::Join(join) = &o.kind
            && join.kind.keeps_right()
        {
            out.push((o.number, join));
        }
    }
    if let CompiledEnd::Split(branches) = &branch.end {
        branches.iter().for_each(|b| keeping_joins(b, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_match_stand_where_they_stood() {
        let pairs = (vec![1, 1, 3], vec![7, 8, 2]);
        let expected = (vec![0, 1, 1, 2, 3, 4], vec![NO_ROW, 7, 8, NO_ROW, 2, NO_ROW]);
        assert_eq!(with_unmatched(pairs, 5), expected);
        assert_eq!(with_unmatched((vec![], vec![]), 2), (vec![0, 1], vec![NO_ROW, NO_ROW]));
        assert_eq!(with_unmatched((vec![0], vec![3]), 1), (vec![0], vec![3]));
    }

    #[test]
    fn pairs_are_counted_before_they_are_made() {
        assert_eq!(every_pair(2, 2, 4), Some((vec![0, 0, 1, 1], vec![0, 1, 0, 1])));
        assert_eq!(every_pair(2, 3, 5), None);
        assert_eq!(every_pair(usize::MAX, 2, usize::MAX), None);
        assert_eq!(every_pair(3, 0, 0), Some((vec![], vec![])));
    }
}
