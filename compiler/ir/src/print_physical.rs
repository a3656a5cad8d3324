//! The physical plan as IR text: a block a stage, `>` before the operations of an input, `|` before
//! those of a branch, `=>` before leaves.
//!
//! `{}` leaves spans out, `{:#}` prints them; `parse_physical` reads both.

use crate::logical::ColumnId;
use crate::physical::{
    Branch, BranchEnd, GroupOrder, Input, InputFrom, Leaf, LeafKind, Loop, Operation, OperationKind,
    PhysicalPlan, TypedColumn,
};
use crate::print::Printer;
use std::fmt;

impl fmt::Display for PhysicalPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut p = Printer::new(f.alternate());
        p.physical_plan(self);
        f.write_str(&p.out)
    }
}

impl Printer {
    fn physical_plan(&mut self, plan: &PhysicalPlan) {
        self.put(format_args!("version {}\n", plan.version));
        for stage in &plan.stages {
            self.put(format_args!("stage {}\n", stage.id.0));
            for input in &stage.inputs {
                self.input(input);
            }
            self.branch(&stage.branch, 2);
        }
        for l in &plan.loops {
            self.one_loop(l);
        }
        self.push("unused ");
        let unused: Vec<ColumnId> = plan.unused.iter().copied().collect();
        self.columns(&unused);
        self.push("\n");
    }

    fn one_loop(&mut self, l: &Loop) {
        self.put(format_args!("loop stages {} to {} rounds {}", l.first.0, l.end.0, l.rounds));
        self.put(format_args!(
            " start {} body {} state {} result {} ",
            l.start.0, l.body.0, l.state.0, l.result.0
        ));
        self.push("[");
        self.separated(&l.columns, |p, c| {
            p.typed_column(&c.column);
            p.push(" from ");
            p.column(c.start);
            p.push(" then ");
            p.column(c.body);
        });
        self.push("]");
        if let Some((dataset, column)) = &l.until {
            self.put(format_args!(" until {} ", dataset.0));
            self.column(*column);
        }
        self.span(l.span);
        self.push("\n");
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n(' ', depth));
    }

    fn input(&mut self, input: &Input) {
        self.push("  input ");
        match &input.from {
            InputFrom::Read(source) => {
                self.define_source(source);
                self.push("read ");
                self.source(source);
            }
            InputFrom::Rows { columns, rows, span } => {
                self.push("rows ");
                self.rows(rows);
                self.typed_columns(columns);
                self.span(*span);
            }
            InputFrom::Answers { id, source } => {
                self.define_source(source);
                self.put(format_args!("answers {} ", id.0));
                self.source(source);
            }
            InputFrom::Dataset { id, columns } => {
                self.put(format_args!("dataset {}", id.0));
                self.typed_columns(columns);
            }
        }
        self.push("\n");
        for operation in &input.operations {
            self.operation(operation, "> ", 4);
        }
        if !input.rename.is_empty() {
            self.push("    rename ");
            self.pairs(&input.rename, " = ");
            self.push("\n");
        }
        // The renamed columns have the types of the input's.
        for (new, old) in &input.rename {
            self.define_like(*new, *old);
        }
    }

    fn branch(&mut self, branch: &Branch, depth: usize) {
        for operation in &branch.operations {
            self.operation(operation, "| ", depth);
        }
        match &branch.end {
            BranchEnd::Leaf(leaf) => self.leaf(leaf, depth),
            BranchEnd::Split(branches) => {
                self.indent(depth);
                self.push("split\n");
                for branch in branches {
                    self.indent(depth);
                    self.push("{\n");
                    self.branch(branch, depth + 2);
                    self.indent(depth);
                    self.push("}\n");
                }
            }
        }
    }

    fn operation(&mut self, operation: &Operation, mark: &str, depth: usize) {
        self.indent(depth);
        self.push(mark);
        match &operation.kind {
            OperationKind::Filter { predicate } => {
                self.push("filter ");
                self.expr(predicate);
            }
            OperationKind::Map { computed } => {
                self.push("map ");
                self.computed(computed);
            }
            OperationKind::FlatMap { computed, each } => {
                self.push("flat_map ");
                self.computed(computed);
                self.push(" each ");
                self.column(each.id);
                self.push(" = ");
                self.expr(&each.expr);
            }
            OperationKind::Check { predicate, message } => {
                self.push("check ");
                self.expr(predicate);
                self.push(" ");
                self.string(message);
            }
            OperationKind::Repartition { layout } => {
                self.push(layout.name());
                self.push(" ");
                self.layout(layout);
            }
            OperationKind::Join { kind, build, build_columns, on, left_columns, right_columns, using } => {
                self.push("join ");
                self.join_kind(*kind);
                self.put(format_args!("dataset {} (", build.0));
                self.separated(build_columns, Self::typed_column);
                self.push(") on ");
                self.pairs(on, " == ");
                self.join_columns(left_columns, right_columns, *using);
            }
        }
        self.typed_columns(&operation.columns);
        self.span(operation.span);
        self.push("\n");
    }

    fn leaf(&mut self, leaf: &Leaf, depth: usize) {
        self.indent(depth);
        self.push("=> ");
        match &leaf.kind {
            LeafKind::Collect => self.push("collect"),
            LeafKind::ReduceByKey { keys, aggregates, order } => {
                self.push("reduce_by_key ");
                self.columns(keys);
                self.push(" ");
                self.aggregates(aggregates);
                self.push(match order {
                    GroupOrder::Key => " by key",
                    GroupOrder::Unseen => " unseen",
                });
            }
            LeafKind::Distinct { on, sort } => {
                self.push("distinct ");
                self.distinct(on, sort);
            }
            LeafKind::Window(window) => {
                self.push("window ");
                self.window(window);
            }
            LeafKind::TakePer { count, per } => {
                self.put(format_args!("take_per {count} per "));
                self.columns(per);
            }
            LeafKind::Sort { keys, limit } => {
                self.push("sort ");
                self.sort_keys(keys);
                if let Some(limit) = limit {
                    self.put(format_args!(" limit {limit}"));
                }
            }
            LeafKind::Take { skip, count } => {
                self.put(format_args!("take skip {skip}"));
                if let Some(count) = count {
                    self.put(format_args!(" count {count}"));
                }
            }
            LeafKind::Sample(sample) => {
                self.push("sample ");
                self.sample(sample);
            }
            LeafKind::Persist(persist) => {
                self.push("persist ");
                self.persist(persist);
            }
            LeafKind::SetOperation { operation, all, other, other_columns, on } => {
                self.push(operation.name());
                self.push(if *all { " all" } else { "" });
                self.put(format_args!(" dataset {} (", other.0));
                self.separated(other_columns, Self::typed_column);
                self.push(") on ");
                self.pairs(on, " == ");
            }
            LeafKind::Expect { on, contract } => {
                self.push("expect ");
                self.contract(on, contract);
            }
            LeafKind::Write(sink) => {
                self.push(sink.target.name());
                self.sink(sink);
            }
        }
        if let Some(output) = leaf.output {
            self.put(format_args!(" to dataset {}", output.0));
        }
        self.typed_columns(&leaf.columns);
        self.span(leaf.span);
        self.push("\n");
    }

    fn typed_columns(&mut self, columns: &[TypedColumn]) {
        self.push(" -> ");
        self.separated(columns, Self::typed_column);
    }

    fn typed_column(&mut self, column: &TypedColumn) {
        self.define(column.id, &[], &column.ty);
        self.column(column.id);
        self.push(": ");
        self.ty(&column.ty);
    }
}
