//! prune_files: leaves out the files of which a filter keeps no row, by the names of their folders.
//!
//! **Law.** `read F | filter p` = `read G | filter p`, where `G` are the files of `F` for whose folder keys
//! `p` is true or an error. Only which files are opened changes, so this runs at every level: what is in a
//! file that no row can come from is never looked at.
//!
//! **When it must not fire.** If the filter reads anything but folder keys. If something else reads the
//! same rows, or stands between: a `check` or `take` sees rows that a later filter drops.
//!
//! ```text
//! %0 = read "d/" .. folders 2 { 2 k#1: int } files ["d/k=1/a.csv" .. [1], "d/k=2/a.csv" .. [2]]
//! %1 = filter %0 (k#1 == 2)
//!   ==>  %0 = read "d/" .. folders 2 { 2 k#1: int } files ["d/k=2/a.csv" .. [2]]
//! ```

use super::consumers::Consumers;
use super::{Notes, Pass};
use flow_ir::eval::{Row, eval};
use flow_ir::logical::Operator;
use flow_ir::source::{FolderKey, SourceFile};
use flow_ir::{ColumnId, ErrorCode, EvalError, Expr, LogicalPlan, NodeId, Value};

pub(super) const PASS: Pass = Pass {
    name: "prune_files",
    law: "read F | filter p  =  read (files of F whose folders let p be true) | filter p",
    required: true,
    run: prune,
};

fn prune(plan: &LogicalPlan, _: &mut Notes) -> LogicalPlan {
    let consumers = Consumers::of(plan);
    let mut after = plan.clone();
    for (i, node) in after.nodes.iter_mut().enumerate() {
        let Operator::Read(source) = &mut node.operator else { continue };
        let filters = filters_of(plan, NodeId(u32::try_from(i).unwrap_or(u32::MAX)), &consumers);
        let keys = &source.folders.keys;
        source.files.retain(|file| !filters.iter().any(|f| never_true(f, keys, file)));
    }
    after
}

/// The filters directly behind a `read` of folders that read nothing but their keys.
fn filters_of<'a>(plan: &'a LogicalPlan, read: NodeId, consumers: &Consumers) -> Vec<&'a Expr> {
    let mut filters = Vec::new();
    let Operator::Read(source) = &plan.node(read).operator else { return filters };
    let is_key = |id: &ColumnId| source.folders.keys.iter().any(|k| k.column.id == *id);
    let mut at = read;
    while let Some(next) = consumers.only(at) {
        let Operator::Filter { predicate, .. } = &plan.node(next).operator else { break };
        let mut columns = Vec::new();
        predicate.columns(&mut columns);
        if !columns.is_empty() && columns.iter().all(is_key) {
            filters.push(predicate);
        }
        at = next;
    }
    filters
}

/// The keys of a file as a row.
struct Keys<'a> {
    keys: &'a [FolderKey],
    values: &'a [Value],
}

impl Row for Keys<'_> {
    fn value(&self, id: ColumnId) -> Result<Value, EvalError> {
        let at = self.keys.iter().position(|k| k.column.id == id);
        let value = at.and_then(|at| self.values.get(at)).cloned();
        value.ok_or_else(|| EvalError::new(ErrorCode::Malformed, "there is no such key"))
    }
}

/// Whether a filter is, without error, not true for the rows of a file.
fn never_true(filter: &Expr, keys: &[FolderKey], file: &SourceFile) -> bool {
    let row = Keys { keys, values: &file.keys };
    eval(filter, &row, flow_stdlib::library()).is_ok_and(|v| v != Value::Bool(true))
}
