//! Verifies physical plans: an executor runs nothing that has not passed this.
//!
//! Datasets are delivered before they are read, once each, with the columns their readers expect;
//! every operation reads only columns that reach it; leaves and sinks have what they need.

use crate::logical::ColumnId;
use crate::physical::{
    Branch, BranchEnd, DatasetId, Input, InputFrom, Leaf, LeafKind, Loop, Operation, OperationKind,
    PLAN_VERSION, PhysicalPlan, Stage, TypedColumn,
};
use crate::source::Target;
use crate::typing::{fits, value_fits};
use crate::verify::{Checker, EXPR_DEPTH_MAX, NODES_MAX, VerifyError};
use crate::verify_expr::Scope;
use std::collections::BTreeMap;

/// Checks every rule a physical plan must keep.
pub fn verify_physical(plan: &PhysicalPlan) -> Result<(), Vec<VerifyError>> {
    let mut v = Verifier { c: Checker::default(), datasets: BTreeMap::new() };
    v.c.place = "plan".to_owned();
    if plan.version != PLAN_VERSION {
        v.c.error(format!("version {} is not version {PLAN_VERSION}", plan.version));
    }
    if plan.stages.len() > NODES_MAX {
        v.c.error(format!("the plan has more than {NODES_MAX} nodes"));
        return v.c.finish();
    }
    let mut loops = plan.loops.iter().peekable();
    let mut open: Option<&Loop> = None;
    for (i, stage) in plan.stages.iter().enumerate() {
        v.loop_ends(i, &mut open);
        while let Some(next) = loops.next_if(|l| l.first.0 as usize <= i) {
            v.loop_begins(next, i, open);
            open = Some(next);
            v.loop_ends(i, &mut open);
        }
        v.c.place = format!("stage {}", stage.id.0);
        if stage.id.0 as usize != i {
            v.c.error(format!("stands at position {i}"));
        }
        v.stage(stage);
    }
    let end = plan.stages.len();
    v.loop_ends(end, &mut open);
    for next in loops {
        v.loop_begins(next, end, open);
        open = Some(next);
        v.loop_ends(end, &mut open);
    }
    if open.is_some() {
        v.c.error("a loop ends behind the last stage".to_owned());
    }
    v.c.finish()
}

struct Verifier {
    c: Checker,
    datasets: BTreeMap<DatasetId, Scope>,
}

impl Verifier {
    /// The rows of a loop are there when its first stage runs.
    fn loop_begins(&mut self, l: &Loop, at: usize, open: Option<&Loop>) {
        self.c.place = format!("the loop at stage {}", l.first.0);
        if l.first.0 as usize != at || l.end < l.first || open.is_some() {
            self.c.error("does not stand where it begins".to_owned());
        }
        let columns: Vec<TypedColumn> = l.columns.iter().map(|c| c.column.clone()).collect();
        let start: Vec<TypedColumn> =
            l.columns.iter().map(|c| TypedColumn { id: c.start, ty: c.column.ty.clone() }).collect();
        self.dataset(l.start, &start);
        if self.datasets.insert(l.state, scope_of(&columns)).is_some() {
            self.c.error(format!("delivers dataset {} again", l.state.0));
        }
    }

    /// Behind a loop, its result is there.
    fn loop_ends(&mut self, at: usize, open: &mut Option<&Loop>) {
        let Some(l) = open.take_if(|l| l.end.0 as usize == at) else { return };
        self.c.place = format!("the loop at stage {}", l.first.0);
        let columns: Vec<TypedColumn> = l.columns.iter().map(|c| c.column.clone()).collect();
        let body: Vec<TypedColumn> =
            l.columns.iter().map(|c| TypedColumn { id: c.body, ty: c.column.ty.clone() }).collect();
        self.dataset(l.body, &body);
        if let Some((dataset, column)) = &l.until {
            let ty = crate::types::DataType::nullable(crate::types::Type::Bool);
            self.dataset(*dataset, &[TypedColumn { id: *column, ty }]);
        }
        if self.datasets.insert(l.result, scope_of(&columns)).is_some() {
            self.c.error(format!("delivers dataset {} again", l.result.0));
        }
    }

    fn stage(&mut self, stage: &Stage) {
        let mut scope: Option<Scope> = None;
        for input in &stage.inputs {
            let one = self.input(input);
            scope = Some(match scope {
                None => one,
                Some(all) => self.common(all, &one),
            });
        }
        match scope {
            None => self.c.error("has no input".to_owned()),
            Some(scope) => {
                let mut delivered = Vec::new();
                self.branch(&stage.branch, scope, 0, &mut delivered);
                // A stage never reads what it delivers itself.
                for (id, columns) in delivered {
                    if self.datasets.insert(id, columns).is_some() {
                        self.c.error(format!("delivers dataset {} again", id.0));
                    }
                }
            }
        }
    }

    /// The columns that all inputs of a stage have.
    fn common(&mut self, all: Scope, one: &Scope) -> Scope {
        let mut out = Scope::new();
        for (id, ty) in all {
            if let Some(other) = one.get(&id) {
                if ty.kind == other.kind {
                    let nullable = ty.nullable || other.nullable;
                    out.insert(id, ty.with_nullable(nullable));
                } else {
                    self.c.error(format!("column #{} is {ty} in one input and {other} in another", id.0));
                }
            }
        }
        out
    }

    fn input(&mut self, input: &Input) -> Scope {
        let mut scope = match &input.from {
            InputFrom::Read(source) => self.c.source(source),
            InputFrom::Rows { columns, rows, .. } => {
                let matches = |row: &Vec<crate::Value>| {
                    row.len() == columns.len() && row.iter().zip(columns).all(|(v, c)| value_fits(v, &c.ty))
                };
                if !rows.iter().all(matches) {
                    self.c.error("a row does not have the types of the columns".to_owned());
                }
                scope_of(columns)
            }
            InputFrom::Dataset { id, columns } => self.dataset(*id, columns),
            InputFrom::Answers { id, source } => {
                self.dataset(*id, &[]);
                self.c.source(source)
            }
        };
        for operation in &input.operations {
            scope = self.operation(operation, &scope);
        }
        if input.rename.is_empty() {
            return scope;
        }
        let mut renamed = Scope::new();
        for (new, old) in &input.rename {
            match scope.get(old) {
                Some(ty) => {
                    renamed.insert(*new, ty.clone());
                }
                None => self.c.error(format!("renames #{}, which it does not have", old.0)),
            }
        }
        renamed
    }

    /// The columns a stage reads of a dataset; they must have been delivered.
    fn dataset(&mut self, id: DatasetId, columns: &[TypedColumn]) -> Scope {
        match self.datasets.get(&id) {
            None => self.c.error(format!("dataset {} has not been delivered", id.0)),
            Some(delivered) => {
                for column in columns {
                    if !delivered.get(&column.id).is_some_and(|ty| fits(ty, &column.ty)) {
                        self.c.error(format!(
                            "dataset {} does not deliver #{}: {}",
                            id.0, column.id.0, column.ty
                        ));
                    }
                }
            }
        }
        scope_of(columns)
    }

    fn branch(&mut self, branch: &Branch, scope: Scope, depth: usize, out: &mut Vec<(DatasetId, Scope)>) {
        if depth >= EXPR_DEPTH_MAX {
            self.c.error(format!("branches are nested more than {EXPR_DEPTH_MAX} deep"));
            return;
        }
        let mut scope = scope;
        for operation in &branch.operations {
            scope = self.operation(operation, &scope);
        }
        match &branch.end {
            BranchEnd::Leaf(leaf) => out.extend(self.leaf(leaf, &scope)),
            BranchEnd::Split(branches) => {
                if branches.is_empty() {
                    self.c.error("a split without branches".to_owned());
                }
                for branch in branches {
                    self.branch(branch, scope.clone(), depth + 1, out);
                }
            }
        }
    }

    fn operation(&mut self, operation: &Operation, scope: &Scope) -> Scope {
        self.c.size += 1;
        let mut available = scope.clone();
        let mut made: Vec<ColumnId> = Vec::new();
        match &operation.kind {
            OperationKind::Filter { predicate } | OperationKind::Check { predicate, .. } => {
                self.c.predicate(predicate, scope);
            }
            OperationKind::Map { computed } => {
                made.extend(computed.iter().map(|c| c.id));
                self.c.computed(computed, scope, &mut available);
            }
            OperationKind::FlatMap { computed, each } => {
                made.extend(computed.iter().map(|c| c.id));
                made.push(each.id);
                self.c.computed(computed, scope, &mut available);
                self.c.each(each, scope, &mut available);
            }
            OperationKind::Repartition { layout } => self.c.layout(layout, scope),
            OperationKind::Join { kind, build, build_columns, on, left_columns, right_columns, .. } => {
                made.extend(left_columns.iter().chain(right_columns).map(|(new, _)| *new));
                let right = self.dataset(*build, build_columns);
                self.c.join(*kind, on, (left_columns, right_columns), &right, &mut available);
            }
        }
        for id in made {
            if scope.contains_key(&id) {
                self.c.error(format!("column #{} is defined twice", id.0));
            }
        }
        self.delivered(&operation.columns, &available)
    }

    /// The columns that are passed on; they must exist.
    fn delivered(&mut self, columns: &[TypedColumn], available: &Scope) -> Scope {
        for column in columns {
            match available.get(&column.id) {
                Some(ty) if fits(ty, &column.ty) => {}
                Some(ty) => {
                    self.c.error(format!("delivers #{} as {}, but it is {ty}", column.id.0, column.ty));
                }
                None => self.c.error(format!("delivers #{}, which it does not have", column.id.0)),
            }
        }
        scope_of(columns)
    }

    fn leaf(&mut self, leaf: &Leaf, scope: &Scope) -> Option<(DatasetId, Scope)> {
        self.c.size += 1;
        let mut available = scope.clone();
        match &leaf.kind {
            LeafKind::Collect | LeafKind::Take { .. } => {}
            LeafKind::ReduceByKey { keys, aggregates, .. } => {
                available = self.c.groups(keys, aggregates, scope);
            }
            LeafKind::Distinct { on, sort } => {
                self.c.known_keys(on.iter().copied().chain(sort.iter().map(|k| k.column)), scope);
            }
            LeafKind::Window(window) => {
                for id in window.outputs().filter(|id| scope.contains_key(id)) {
                    self.c.error(format!("column #{} is defined twice", id.0));
                }
                self.c.window(window, scope, &mut available);
            }
            LeafKind::TakePer { per, .. } => self.c.known_keys(per.iter().copied(), scope),
            LeafKind::Sample(sample) => self.c.sample(sample),
            LeafKind::Persist(persist) => self.c.persist(persist),
            LeafKind::SetOperation { other, other_columns, on, .. } => {
                let right = self.dataset(*other, other_columns);
                self.c.set_operation(on, scope, &right);
            }
            LeafKind::Expect { on, .. } => {
                self.c.known_keys(on.iter().copied(), scope);
                available.clear();
            }
            LeafKind::Sort { keys, .. } => self.c.known_keys(keys.iter().map(|k| k.column), scope),
            LeafKind::Write(sink) => self.c.sink(sink, scope),
        }
        let columns = self.delivered(&leaf.columns, &available);
        let is_end = match &leaf.kind {
            LeafKind::Write(sink) => !matches!(sink.target, Target::Processes { .. }),
            kind => matches!(kind, LeafKind::Expect { .. }),
        };
        if is_end == leaf.output.is_some() {
            self.c.error("a leaf either ends the rows or delivers a dataset".to_owned());
        }
        leaf.output.map(|id| (id, columns))
    }
}

fn scope_of(columns: &[TypedColumn]) -> Scope {
    columns.iter().map(|c| (c.id, c.ty.clone())).collect()
}
