//! Reads the physical plan from the text that its `Display` writes.

use crate::parse::{ParseError, Parsed, Parser};
use crate::physical::{
    Branch, BranchEnd, DatasetId, GroupOrder, Input, InputFrom, Leaf, LeafKind, Loop, LoopColumn, Operation,
    OperationKind, PhysicalPlan, Stage, StageId, TypedColumn,
};
use crate::set_operation::SetOperation;

/// Reads a physical plan. The result is well-formed text, not necessarily a plan that makes sense.
pub fn parse_physical(text: &str) -> Result<PhysicalPlan, ParseError> {
    let mut p = Parser::new(text);
    p.expect_word("version")?;
    let version = p.number()?;
    let mut stages = Vec::new();
    while p.eat_word("stage") {
        let id = StageId(p.number()?);
        let mut inputs = Vec::new();
        while p.eat_word("input") {
            inputs.push(p.input()?);
        }
        stages.push(Stage { id, inputs, branch: p.branch()? });
    }
    let mut loops = Vec::new();
    while p.eat_word("loop") {
        loops.push(p.one_loop()?);
    }
    p.expect_word("unused")?;
    let unused = p.columns()?.into_iter().collect();
    p.end()?;
    Ok(PhysicalPlan { version, stages, loops, unused })
}

impl Parser<'_> {
    fn one_loop(&mut self) -> Parsed<Loop> {
        self.expect_word("stages")?;
        let first = StageId(self.number()?);
        self.expect_word("to")?;
        let end = StageId(self.number()?);
        self.expect_word("rounds")?;
        let rounds = self.number()?;
        let mut dataset = |word: &str| {
            self.expect_word(word)?;
            Ok(DatasetId(self.number()?))
        };
        let (start, body) = (dataset("start")?, dataset("body")?);
        let (state, result) = (dataset("state")?, dataset("result")?);
        let columns = self.list("[", "]", |p| {
            let column = p.typed_column()?;
            p.expect_word("from")?;
            let start = p.column()?;
            p.expect_word("then")?;
            Ok(LoopColumn { column, start, body: p.column()? })
        })?;
        let until = match self.eat_word("until") {
            true => Some((DatasetId(self.number()?), self.column()?)),
            false => None,
        };
        Ok(Loop { first, end, start, body, state, result, columns, until, rounds, span: self.span()? })
    }

    fn input(&mut self) -> Parsed<Input> {
        let from = match self.word()? {
            "read" => InputFrom::Read(self.source()?),
            "rows" => {
                let rows = self.rows()?;
                let columns = self.typed_columns()?;
                InputFrom::Rows { columns, rows, span: self.span()? }
            }
            "answers" => InputFrom::Answers { id: DatasetId(self.number()?), source: self.source()? },
            "dataset" => InputFrom::Dataset { id: DatasetId(self.number()?), columns: self.typed_columns()? },
            other => return self.fail(format!("there is no input `{other}`")),
        };
        // An input's own operations have a mark of their own, to tell them from the branch's.
        let mut operations = Vec::new();
        while self.eat(">") {
            operations.push(self.operation()?);
        }
        let rename = if self.eat_word("rename") { self.pairs("=")? } else { Vec::new() };
        for (new, old) in &rename {
            if let Some(ty) = self.types.get(old).cloned() {
                self.types.insert(*new, ty);
            }
        }
        Ok(Input { from, operations, rename })
    }

    fn branch(&mut self) -> Parsed<Branch> {
        self.deeper(|p| {
            let mut operations = Vec::new();
            while p.eat("|") {
                operations.push(p.operation()?);
            }
            let end = if p.eat_word("split") {
                let mut branches = Vec::new();
                while p.eat("{") {
                    branches.push(p.branch()?);
                    p.expect("}")?;
                }
                BranchEnd::Split(branches)
            } else {
                p.expect("=>")?;
                BranchEnd::Leaf(p.leaf()?)
            };
            Ok(Branch { operations, end })
        })
    }

    fn operation(&mut self) -> Parsed<Operation> {
        let kind = match self.word()? {
            "filter" => OperationKind::Filter { predicate: self.expr()? },
            "map" => OperationKind::Map { computed: self.list("{", "}", Self::computed)? },
            "flat_map" => {
                let computed = self.list("{", "}", Self::computed)?;
                self.expect_word("each")?;
                OperationKind::FlatMap { computed, each: self.computed()? }
            }
            "check" => {
                let predicate = self.expr()?;
                self.skip_space();
                OperationKind::Check { predicate, message: self.string()? }
            }
            "repartition" => OperationKind::Repartition { layout: self.repartition()? },
            "coalesce" => OperationKind::Repartition { layout: self.coalesce()? },
            "join" => {
                let kind = self.join_kind();
                self.expect_word("dataset")?;
                let build = DatasetId(self.number()?);
                let build_columns = self.list("(", ")", Self::typed_column)?;
                self.expect_word("on")?;
                let on = self.pairs("==")?;
                let (left_columns, right_columns, using) = self.join_columns()?;
                OperationKind::Join { kind, build, build_columns, on, left_columns, right_columns, using }
            }
            other => return self.fail(format!("there is no operation `{other}`")),
        };
        Ok(Operation { kind, columns: self.typed_columns()?, span: self.span()? })
    }

    fn set_operation(&mut self, operation: SetOperation) -> Parsed<LeafKind> {
        let all = self.eat_word("all");
        self.expect_word("dataset")?;
        let other = DatasetId(self.number()?);
        let other_columns = self.list("(", ")", Self::typed_column)?;
        self.expect_word("on")?;
        Ok(LeafKind::SetOperation { operation, all, other, other_columns, on: self.pairs("==")? })
    }

    fn leaf(&mut self) -> Parsed<Leaf> {
        let word = self.word()?;
        let kind = match word {
            "sample" => LeafKind::Sample(self.sample()?),
            "persist" => LeafKind::Persist(self.persist()?),
            "intersect" => self.set_operation(SetOperation::Intersect)?,
            "except" => self.set_operation(SetOperation::Except)?,
            "collect" => LeafKind::Collect,
            "reduce_by_key" => {
                let keys = self.columns()?;
                let aggregates = self.aggregates()?;
                let order = if self.eat_word("unseen") {
                    GroupOrder::Unseen
                } else {
                    self.expect_word("by")?;
                    self.expect_word("key")?;
                    GroupOrder::Key
                };
                LeafKind::ReduceByKey { keys, aggregates, order }
            }
            "distinct" => {
                let (on, sort) = self.distinct()?;
                LeafKind::Distinct { on, sort }
            }
            "window" => LeafKind::Window(self.window()?),
            "take_per" => {
                let count = self.number()?;
                self.expect_word("per")?;
                LeafKind::TakePer { count, per: self.columns()? }
            }
            "sort" => {
                let keys = self.sort_keys()?;
                let limit = if self.eat_word("limit") { Some(self.number()?) } else { None };
                LeafKind::Sort { keys, limit }
            }
            "take" => {
                self.expect_word("skip")?;
                let skip = self.number()?;
                let count = if self.eat_word("count") { Some(self.number()?) } else { None };
                LeafKind::Take { skip, count }
            }
            "expect" => {
                let (on, contract) = self.contract()?;
                LeafKind::Expect { on, contract }
            }
            "write" | "show" | "through" => LeafKind::Write(self.sink(word)?),
            other => return self.fail(format!("there is no leaf `{other}`")),
        };
        let mut output = None;
        if self.eat_word("to") {
            self.expect_word("dataset")?;
            output = Some(DatasetId(self.number()?));
        }
        Ok(Leaf { kind, output, columns: self.typed_columns()?, span: self.span()? })
    }

    fn typed_columns(&mut self) -> Parsed<Vec<TypedColumn>> {
        self.expect("->")?;
        self.open_list(Self::typed_column)
    }

    fn typed_column(&mut self) -> Parsed<TypedColumn> {
        let id = self.column()?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.types.insert(id, ty.clone());
        Ok(TypedColumn { id, ty })
    }
}
