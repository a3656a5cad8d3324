//! Random plans for tests: what a seeded generator builds must mean the same after every pass and
//! after the stage cut, row for row and error for error.

use super::model::{Outcome, run_logical, run_physical};
use super::{OptLevel, optimize};
use crate::stage::cut_stages;
use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::logical::{Computed, Node, Operator, OutputColumn, SortKey};
use flow_ir::source::{Sink, SinkColumn, Target, WriteMode};
use flow_ir::window::{Frame, Window, WindowFunction, WindowKind};
use flow_ir::{
    ColumnId, Contract, DataType, Division, Expr, ExprKind, Function, JoinKind, LogicalPlan, NodeId, Persist,
    PersistLevel, Reuse, RowLayout, Sample, SampleAmount, SetOperation, Span, Type, Value, parse_logical,
    parse_physical, verify_logical, verify_physical,
};

/// A small generator of numbers (xorshift), so that a seed names a plan for good.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    /// Some of the items, at least one, in order.
    fn some<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        let chosen: Vec<T> = items.iter().filter(|_| self.chance(50)).cloned().collect();
        if chosen.is_empty() { vec![self.pick(items)] } else { chosen }
    }
}

struct Generator {
    random: Random,
    plan: LogicalPlan,
    /// Whether expressions may fail.
    errors: bool,
}

fn int() -> DataType {
    DataType::nullable(Type::Int)
}

fn expr(kind: ExprKind, ty: DataType) -> Expr {
    Expr { kind, ty, span: Span::default() }
}

fn call(function: Function, arguments: Vec<Expr>, kind: Type) -> Expr {
    let nullable = arguments.iter().any(|a| a.ty.nullable);
    expr(ExprKind::Call { function, arguments }, DataType { kind, nullable })
}

impl Generator {
    fn literal(&mut self) -> Expr {
        let value = Value::Int(self.random.below(4) as i64);
        expr(ExprKind::Literal(value), DataType::required(Type::Int))
    }

    fn value(&mut self, columns: &[OutputColumn], depth: usize) -> Expr {
        let column = self.random.pick(columns);
        let leaf = expr(ExprKind::Column(column.id), column.ty);
        let roll = if depth == 0 { 0 } else { self.random.below(9) };
        match roll {
            0..=3 => leaf,
            4 => self.literal(),
            5 if self.errors => {
                let (a, b) = (self.value(columns, depth - 1), leaf);
                call(Function::FloorDivide, vec![a, b], Type::Int)
            }
            5 | 6 => {
                let (a, b) = (leaf, self.value(columns, depth - 1));
                call(Function::WrappingAdd, vec![a, b], Type::Int)
            }
            7 => {
                let b = self.literal();
                expr(ExprKind::Coalesce(Box::new(leaf), Box::new(b)), DataType::required(Type::Int))
            }
            _ => {
                let condition = Box::new(self.condition(columns, depth - 1));
                let (then, otherwise) = (self.value(columns, depth - 1), self.value(columns, depth - 1));
                let nullable = then.ty.nullable || otherwise.ty.nullable;
                let kind = ExprKind::If { condition, then: Box::new(then), otherwise: Box::new(otherwise) };
                expr(kind, DataType { kind: Type::Int, nullable })
            }
        }
    }

    fn condition(&mut self, columns: &[OutputColumn], depth: usize) -> Expr {
        match if depth == 0 { 0 } else { self.random.below(8) } {
            0..=3 => {
                let function =
                    self.random.pick(&[Function::Less, Function::NotEqual, Function::GreaterEqual]);
                let (a, b) = (self.value(columns, depth), self.literal());
                call(function, vec![a, b], Type::Bool)
            }
            4 => {
                let a = self.value(columns, depth - 1);
                expr(ExprKind::IsNull(Box::new(a)), DataType::required(Type::Bool))
            }
            5 => {
                let (a, b) = (self.literal(), self.literal());
                call(Function::Less, vec![a, b], Type::Bool)
            }
            roll => {
                let (a, b) = (self.condition(columns, depth - 1), self.condition(columns, depth - 1));
                let ty = DataType { kind: Type::Bool, nullable: a.ty.nullable || b.ty.nullable };
                let (a, b) = (Box::new(a), Box::new(b));
                expr(if roll == 6 { ExprKind::Or(a, b) } else { ExprKind::And(a, b) }, ty)
            }
        }
    }

    fn output(&self, id: ColumnId, ty: DataType) -> OutputColumn {
        OutputColumn { id, path: vec![format!("c{}", id.0)], ty }
    }

    fn rows(&mut self) -> NodeId {
        let columns: Vec<_> = (0..3).map(|_| self.plan.fresh_column()).collect();
        let columns: Vec<_> = columns.into_iter().map(|id| self.output(id, int())).collect();
        let rows = (0..self.random.below(9)).map(|_| {
            let cell =
                |r: &mut Random| if r.chance(15) { Value::Null } else { Value::Int(r.below(4) as i64) };
            (0..3).map(|_| cell(&mut self.random)).collect()
        });
        let operator = Operator::Rows(rows.collect());
        // The span tells one `rows` from another in the outcome.
        let span = Span { file: 0, start: self.plan.nodes.len() as u32 + 1, end: 0 };
        self.plan.push(Node { operator, columns, span })
    }

    fn push(&mut self, operator: Operator, columns: Vec<OutputColumn>) -> NodeId {
        self.plan.push(Node { operator, columns, span: Span::default() })
    }

    /// A random operator over nodes of the plan.
    fn step(&mut self) -> NodeId {
        let count = self.plan.nodes.len();
        // Mostly the newest node, so that chains grow; sometimes any, so that nodes are shared.
        let at = if self.random.chance(70) { count - 1 } else { self.random.below(count) };
        let input = NodeId(at as u32);
        let columns = self.plan.node(input).columns.clone();
        let ids: Vec<ColumnId> = columns.iter().map(|c| c.id).collect();
        match self.random.below(22) {
            0..=2 => {
                let predicate = self.condition(&columns, 2);
                self.push(Operator::Filter { input, predicate }, columns)
            }
            3..=5 => {
                let mut out = self.random.some(&columns);
                let mut computed = Vec::new();
                for _ in 0..self.random.below(3) {
                    let (id, value) = (self.plan.fresh_column(), self.value(&columns, 2));
                    out.push(self.output(id, value.ty.clone()));
                    computed.push(Computed { id, expr: value });
                }
                self.push(Operator::Map { input, computed }, out)
            }
            6 => {
                let keys = self.sort_keys(&ids);
                self.push(Operator::Sort { input, keys }, columns)
            }
            7 => {
                let on = self.random.some(&ids);
                let sort = if self.random.chance(50) { self.sort_keys(&ids) } else { Vec::new() };
                match self.random.below(3) {
                    0 => {
                        let count = self.random.below(4) as u64;
                        self.push(Operator::TakePer { input, count, per: on }, columns)
                    }
                    _ => self.push(Operator::Distinct { input, on, sort }, columns),
                }
            }
            8 => {
                let count = self.random.below(5) as u64;
                let take = self.random.chance(60);
                self.push(
                    if take { Operator::Take { input, count } } else { Operator::Skip { input, count } },
                    columns,
                )
            }
            9 | 10 => self.reduce(input, &columns),
            11 => self.union(input),
            12 | 13 => self.join(input),
            15 => self.set_operation(input, columns),
            16 => {
                let amount = match self.random.chance(50) {
                    true => SampleAmount::Rows(self.random.below(4) as u64),
                    false => SampleAmount::Fraction(self.random.below(4) as f64 / 3.0),
                };
                let seed = self.random.below(100) as u64;
                let with_replacement = self.random.chance(30);
                self.push(
                    Operator::Sample { input, sample: Sample { amount, seed, with_replacement } },
                    columns,
                )
            }
            17 => {
                let division =
                    self.random.pick(&[Division::Even, Division::Hash, Division::Range, Division::Coalesce]);
                let keys = match division {
                    Division::Hash | Division::Range => self.random.some(&ids),
                    _ => Vec::new(),
                };
                self.push(
                    Operator::Repartition { input, layout: RowLayout { division, parts: 3, keys } },
                    columns,
                )
            }
            18 | 19 => self.window(input, &columns),
            20 => {
                let reuse = Reuse::PerFile { key: "0".repeat(32) };
                let persist = Persist { level: PersistLevel::Disk, name: "rows".to_owned(), reuse };
                self.push(Operator::Persist { input, persist }, columns)
            }
            14 if self.random.chance(20) => self.expect(input, columns),
            _ if self.errors => {
                let predicate = self.condition(&columns, 1);
                self.push(Operator::Check { input, predicate, message: "no".to_owned() }, columns)
            }
            _ => {
                let (id, list) = (self.plan.fresh_column(), self.value(&columns, 1));
                let ty = DataType::required(Type::List(Box::new(list.ty.clone())));
                let mut out = self.random.some(&columns);
                out.push(self.output(id, list.ty.clone()));
                let each = Computed { id, expr: expr(ExprKind::List(vec![list.clone(), list]), ty) };
                self.push(Operator::FlatMap { input, computed: Vec::new(), each }, out)
            }
        }
    }

    fn sort_keys(&mut self, ids: &[ColumnId]) -> Vec<SortKey> {
        let key = |column: ColumnId| SortKey {
            column,
            descending: column.0.is_multiple_of(2),
            nulls_first: column.0.is_multiple_of(3),
        };
        self.random.some(ids).into_iter().map(key).collect()
    }

    fn window(&mut self, input: NodeId, columns: &[OutputColumn]) -> NodeId {
        let ids: Vec<ColumnId> = columns.iter().map(|c| c.id).collect();
        let per = if self.random.chance(30) { Vec::new() } else { self.random.some(&ids) };
        let sort = if self.random.chance(50) { self.sort_keys(&ids) } else { Vec::new() };
        let frame = match self.random.below(3) {
            0 => Frame::Key,
            1 => Frame::Running,
            _ => {
                let from = self.random.below(4) as i64 - 2;
                Frame::Rows { from, to: from + self.random.below(3) as i64 }
            }
        };
        let mut out = columns.to_vec();
        let (mut aggregates, mut functions) = (Vec::new(), Vec::new());
        for _ in 0..self.random.below(3) {
            let kinds = [AggregateKind::Count, AggregateKind::Sum, AggregateKind::Max, AggregateKind::First];
            let (kind, argument) = (self.random.pick(&kinds), self.random.pick(columns));
            let ty = kind.result(Some(&argument.ty), frame.may_be_empty()).expect("ints take these");
            let output = self.plan.fresh_column();
            out.push(self.output(output, ty.clone()));
            let (argument, span) = (Some(argument.id), Span::default());
            aggregates.push(Aggregate::new(output, kind, argument, ty, span));
        }
        for _ in 0..self.random.below(3) {
            let kind = self.random.pick(WindowKind::ALL);
            let shift = kind.is_shift().then(|| (self.random.pick(columns), self.random.pick(columns)));
            let default = shift.as_ref().filter(|_| self.random.chance(50)).map(|(_, d)| d.clone());
            let (argument, default_type) = (shift.map(|(a, _)| a), default.as_ref().map(|d| d.ty.clone()));
            let ty = kind.result(argument.as_ref().map(|a| &a.ty), default_type.as_ref());
            let ty = ty.expect("the columns are ints");
            let output = self.plan.fresh_column();
            out.push(self.output(output, ty.clone()));
            functions.push(WindowFunction {
                output,
                kind,
                offset: if argument.is_some() { self.random.below(3) as u64 } else { 0 },
                argument: argument.map(|a| a.id),
                default: default.map(|d| d.id),
                ty,
                span: Span::default(),
            });
        }
        let window = Window { per, sort, frame, aggregates, functions };
        self.push(Operator::Window { input, window }, out)
    }

    fn reduce(&mut self, input: NodeId, columns: &[OutputColumn]) -> NodeId {
        let keys = if self.random.chance(15) { Vec::new() } else { self.random.some(columns) };
        let mut out = keys.clone();
        let mut aggregates = Vec::new();
        for _ in 0..self.random.below(3) {
            let kinds = [AggregateKind::Count, AggregateKind::Sum, AggregateKind::Min, AggregateKind::First];
            let (kind, argument) = (self.random.pick(&kinds), self.random.pick(columns));
            let ty = kind.result(Some(&argument.ty), keys.is_empty()).expect("ints take every aggregate");
            let output = self.plan.fresh_column();
            out.push(self.output(output, ty.clone()));
            aggregates.push(Aggregate::new(output, kind, Some(argument.id), ty, Span::default()));
        }
        if out.is_empty() {
            let output = self.plan.fresh_column();
            let ty = DataType::required(Type::Int);
            out.push(self.output(output, ty.clone()));
            aggregates.push(Aggregate::new(output, AggregateKind::Count, None, ty, Span::default()));
        }
        let keys = keys.iter().map(|c| c.id).collect();
        self.push(Operator::ReduceByKey { input, keys, aggregates }, out)
    }

    fn any_node(&mut self) -> NodeId {
        NodeId(self.random.below(self.plan.nodes.len()) as u32)
    }

    fn union(&mut self, first: NodeId) -> NodeId {
        let inputs: Vec<NodeId> = std::iter::once(first).chain((0..2).map(|_| self.any_node())).collect();
        let width = inputs.iter().map(|i| self.plan.node(*i).columns.len()).min().unwrap_or(1);
        let columns: Vec<Vec<ColumnId>> = inputs
            .iter()
            .map(|i| self.plan.node(*i).columns.iter().take(width).map(|c| c.id).collect())
            .collect();
        let out: Vec<_> = (0..width).map(|_| self.plan.fresh_column()).collect();
        let out = out.into_iter().map(|id| self.output(id, int())).collect();
        self.push(Operator::Union { inputs, columns }, out)
    }

    fn join(&mut self, left: NodeId) -> NodeId {
        let right = self.any_node();
        let (mut out, own) = (self.plan.node(left).columns.clone(), self.plan.node(right).columns.clone());
        let mut kind = self.random.pick(&JoinKind::ALL);
        if kind == JoinKind::Cross
            && self.plan.nodes.iter().any(|n| matches!(n.operator, Operator::Join { .. }))
        {
            // Products of products would be too large.
            kind = JoinKind::Inner;
        }
        let on = match kind {
            JoinKind::Cross => Vec::new(),
            _ => vec![(self.random.pick(&out).id, self.random.pick(&own).id)],
        };
        let (mut left_columns, mut right_columns) = (Vec::new(), Vec::new());
        if kind.keeps_right() {
            for column in std::mem::take(&mut out) {
                let id = self.plan.fresh_column();
                out.push(self.output(id, column.ty.with_nullable(true)));
                left_columns.push((id, column.id));
            }
        }
        if kind.adds_columns() {
            for column in self.random.some(&own) {
                let id = self.plan.fresh_column();
                out.push(self.output(id, column.ty.with_nullable(column.ty.nullable || kind.keeps_left())));
                right_columns.push((id, column.id));
            }
        }
        let using = None;
        self.push(Operator::Join { kind, left, right, on, left_columns, right_columns, using }, out)
    }

    fn set_operation(&mut self, left: NodeId, columns: Vec<OutputColumn>) -> NodeId {
        let right = self.any_node();
        let own = self.plan.node(right).columns.clone();
        let on = columns.iter().map(|c| (c.id, self.random.pick(&own).id)).collect();
        let operation = self.random.pick(&[SetOperation::Intersect, SetOperation::Except]);
        let all = self.random.chance(50);
        self.push(Operator::SetOperation { operation, all, left, right, on }, columns)
    }

    fn expect(&mut self, input: NodeId, columns: Vec<OutputColumn>) -> NodeId {
        let on = self.random.some(&columns).iter().map(|c| c.id).collect();
        let (text, side) = ("m:1".to_owned(), "the pipeline".to_owned());
        let contract = Contract { text, side, keys: vec!["k".to_owned()], span: Span::default() };
        self.push(Operator::Expect { input, on, contract }, columns)
    }

    fn sink(&mut self, number: u32) {
        let count = self.plan.nodes.len();
        let input = if number == 0 { NodeId(count as u32 - 1) } else { self.any_node() };
        if matches!(self.plan.node(input).operator, Operator::Write { .. }) {
            return;
        }
        let columns = self.random.some(&self.plan.node(input).columns.clone());
        let columns = columns.into_iter().map(|c| SinkColumn { id: c.id, path: c.path, ty: c.ty }).collect();
        let sink = Sink {
            number,
            target: Target::Print { limit: None },
            format: None,
            columns,
            mode: WriteMode::Replace,
            unordered: false,
            optional: Vec::new(),
            span: Span::default(),
        };
        let id = self.push(Operator::Write { input, sink }, Vec::new());
        self.plan.sinks.push(id);
    }
}

fn random_plan(seed: u64, errors: bool) -> LogicalPlan {
    let mut generator =
        Generator { random: Random(seed * 0x9E37_79B9 + 0x1234_5678), plan: LogicalPlan::default(), errors };
    generator.rows();
    if generator.random.chance(50) {
        generator.rows();
    }
    for _ in 0..2 + generator.random.below(9) {
        generator.step();
    }
    // Sinks are no inputs, so they come last.
    let sinks = 1 + generator.random.below(3);
    (0..sinks).for_each(|number| generator.sink(number as u32));
    generator.plan.unused = crate::liveness::unused(&generator.plan);
    generator.plan
}

#[test]
fn passes_and_stages_keep_the_meaning_of_random_plans() {
    let (mut with_errors, mut with_rows) = (0, 0);
    for seed in 0..6000 {
        let plan = random_plan(seed, seed % 2 == 0);
        verify_logical(&plan).unwrap_or_else(|e| panic!("seed {seed}: {e:?}\n{plan}"));
        assert_eq!(parse_logical(&plan.to_string()).map(|p| p.to_string()), Ok(plan.to_string()));
        let mut ignore = |_: &super::PassRun<'_>| ();
        let required = optimize(plan.clone(), OptLevel::Required, &mut ignore);
        let full = optimize(plan.clone(), OptLevel::Full, &mut ignore);
        let (before, after) = (run_logical(&required), run_logical(&full));
        assert_eq!(before, after, "seed {seed}\n{plan}\nrequired:\n{required}\nfull:\n{full}");
        let raw = run_logical(&plan);
        if raw.errors.is_empty() && !raw.stopped && before.errors.is_empty() && !before.stopped {
            assert_eq!(raw, before, "seed {seed}\n{plan}\nrequired:\n{required}");
        }
        with_errors += usize::from(!before.errors.is_empty());
        with_rows += usize::from(before.sinks.values().any(|rows| !rows.is_empty()));
        let mut outcomes = Vec::new();
        for logical in [&required, &full] {
            let stages = cut_stages(logical);
            verify_physical(&stages).unwrap_or_else(|e| panic!("seed {seed}: {e:?}\n{logical}\n{stages}"));
            assert_eq!(parse_physical(&stages.to_string()).as_ref(), Ok(&strip(&stages)), "seed {seed}");
            let outcome = run_physical(&stages);
            // What is collected for a union or a join is settled there, which the logical model does
            // not do; without errors both must agree.
            let clean = |o: &Outcome| o.errors.is_empty() && !o.stopped;
            if clean(&outcome) && clean(&before) {
                assert_eq!(outcome, before, "seed {seed}\n{logical}\n{stages}");
            }
            outcomes.push((outcome, stages));
        }
        let [(a, before), (b, after)] = &outcomes[..] else { panic!("two levels") };
        assert_eq!(a, b, "seed {seed}\n{plan}\nrequired:\n{before}\nfull:\n{after}");
    }
    // The generator must not have become toothless.
    assert!(with_errors > 300 && with_rows > 2000, "{with_errors} with errors, {with_rows} with rows");
}

/// The plan without the spans that the short text leaves out.
fn strip(plan: &flow_ir::PhysicalPlan) -> flow_ir::PhysicalPlan {
    let mut plan = plan.clone();
    for stage in &mut plan.stages {
        for input in &mut stage.inputs {
            if let flow_ir::physical::InputFrom::Rows { span, .. } = &mut input.from {
                *span = Span::default();
            }
            input.operations.iter_mut().for_each(|o| o.span = Span::default());
        }
        strip_branch(&mut stage.branch);
    }
    plan
}

fn strip_branch(branch: &mut flow_ir::physical::Branch) {
    branch.operations.iter_mut().for_each(|o| o.span = Span::default());
    match &mut branch.end {
        flow_ir::physical::BranchEnd::Leaf(leaf) => leaf.span = Span::default(),
        flow_ir::physical::BranchEnd::Split(branches) => branches.iter_mut().for_each(strip_branch),
    }
}
