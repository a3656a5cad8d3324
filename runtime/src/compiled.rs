//! A stage with its expressions compiled: what the worker threads share.

use crate::fault::Definitions;
use crate::operators::reduce_by_key::UpdateRows;
use crate::options::RunError;
use flow_ir::physical::{
    Branch, BranchEnd, Input, InputFrom, Leaf, LeafKind, Operation, OperationKind, Stage, TypedColumn,
};
use flow_ir::source::{OnError, Source};
use flow_ir::{ColumnId, Expr, ExprKind, Function, JoinKind, JoinStrategy, Span, Type, Value};
use flow_jit::{KernelText, Options, Predicate, Projection, StepDescription};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

/// A compiled stage.
pub(crate) struct CompiledStage {
    /// One an input.
    pub(crate) inputs: Vec<CompiledInput>,
    /// The tree of operations behind the inputs.
    pub(crate) branch: CompiledBranch,
    /// The leaves, numbered in order of the tree.
    pub(crate) leaves: Vec<CompiledLeaf>,
    /// The operations, numbered in order of inputs and tree: word, span, how they are evaluated.
    pub(crate) operations: Vec<(&'static str, Span, Vec<String>)>,
    /// What explanations need.
    pub(crate) definitions: Definitions,
    /// Generated code as text, when asked for: (title, intermediate code, machine code).
    pub(crate) code: Vec<(String, String, String)>,
    /// Whether every source row has at most one row at the leaves.
    pub(crate) one_to_one: bool,
    /// Whether there is a join, which may make many rows of one.
    pub(crate) joins: bool,
}

/// An input with its own operations.
pub(crate) struct CompiledInput {
    pub(crate) source: Option<SourceContext>,
    pub(crate) operations: Vec<CompiledOperation>,
    pub(crate) rename: Vec<(ColumnId, ColumnId)>,
}

/// A file source as the workers use it.
pub(crate) struct SourceContext {
    pub(crate) source: Source,
    pub(crate) ids: Vec<ColumnId>,
    pub(crate) used: Vec<bool>,
    /// Which columns have null for a bad field.
    pub(crate) nullify: Vec<bool>,
}

pub(crate) struct CompiledBranch {
    pub(crate) operations: Vec<CompiledOperation>,
    pub(crate) end: CompiledEnd,
}

pub(crate) enum CompiledEnd {
    Split(Vec<CompiledBranch>),
    /// The leaf of that number.
    Leaf(usize),
}

/// A leaf and the columns it reads.
pub(crate) struct CompiledLeaf {
    pub(crate) leaf: Leaf,
    pub(crate) needed: Vec<ColumnId>,
    /// The native update of a `reduce_by_key`, made when it is first opened: a loop opens it once a round.
    pub(crate) update: OnceLock<Option<Arc<dyn UpdateRows>>>,
}

/// An operation with compiled expressions.
pub(crate) struct CompiledOperation {
    /// Its number in the stage.
    pub(crate) number: usize,
    /// The columns it delivers.
    pub(crate) keep: Vec<ColumnId>,
    pub(crate) span: Span,
    pub(crate) kind: CompiledKind,
}

/// A dataset as a join's build side: which, by which of its columns, and how it is to be built.
pub(crate) type BuildKey = (flow_ir::physical::DatasetId, Vec<ColumnId>, Option<JoinStrategy>);

/// A column that a join makes: its new id, that of the side it comes from, and its type.
pub(crate) type JoinedColumn = (ColumnId, ColumnId, Type);

/// A join.
pub(crate) struct CompiledJoin {
    pub(crate) kind: JoinKind,
    /// The keys of the probe side.
    pub(crate) on: Vec<ColumnId>,
    /// The columns of the probe side that must be good before a row is looked up.
    pub(crate) settled: Vec<ColumnId>,
    /// The columns of the probe side that get new ids.
    pub(crate) left: Vec<JoinedColumn>,
    pub(crate) right: Vec<JoinedColumn>,
    pub(crate) build: BuildKey,
}

// A stage has a handful of these; boxing the larger ones would only cost a jump per batch.
#[allow(clippy::large_enum_variant)]
pub(crate) enum CompiledKind {
    Filter {
        predicate: Predicate,
        expr: Expr,
    },
    Map {
        ids: Vec<ColumnId>,
        projection: Projection,
    },
    FlatMap {
        ids: Vec<ColumnId>,
        projection: Projection,
        each: CompiledEach,
    },
    Check {
        predicate: Predicate,
        expr: Expr,
        message: String,
    },
    Join(CompiledJoin),
    /// The keys.
    Repartition(Vec<ColumnId>),
}

/// How a list is taken apart.
pub(crate) enum CompiledEach {
    /// `each text.split(separator)`: pieces without lists.
    Split { id: ColumnId, text: Projection, separator: Value },
    /// Any list.
    List { id: ColumnId, list: Projection, element: flow_ir::DataType },
}

/// Compiles a stage.
pub(crate) fn compile_stage(
    stage: &Stage,
    unused: &BTreeSet<ColumnId>,
    jit: Options,
) -> Result<CompiledStage, RunError> {
    let mut compiler = Compiler {
        unused,
        jit,
        code: Vec::new(),
        operations: Vec::new(),
        leaves: Vec::new(),
        definitions: Definitions::default(),
        renamed: HashMap::new(),
        one_to_one: true,
        joins: false,
    };
    let mut inputs = Vec::new();
    let mut columns: Vec<TypedColumn> = Vec::new();
    for input in &stage.inputs {
        let (compiled, delivered) = compiler.input(input)?;
        inputs.push(compiled);
        columns = delivered;
    }
    let branch = compiler.branch(&stage.branch, &columns)?;
    Ok(CompiledStage {
        inputs,
        branch,
        one_to_one: compiler.one_to_one && compiler.leaves.len() == 1,
        leaves: compiler.leaves,
        joins: compiler.joins,
        operations: compiler.operations,
        definitions: compiler.definitions,
        code: compiler.code,
    })
}

struct Compiler<'a> {
    unused: &'a BTreeSet<ColumnId>,
    jit: Options,
    code: Vec<(String, String, String)>,
    operations: Vec<(&'static str, Span, Vec<String>)>,
    leaves: Vec<CompiledLeaf>,
    definitions: Definitions,
    /// What the inputs call a column of a union.
    renamed: HashMap<ColumnId, Vec<ColumnId>>,
    one_to_one: bool,
    joins: bool,
}

impl Compiler<'_> {
    fn input(&mut self, input: &Input) -> Result<(CompiledInput, Vec<TypedColumn>), RunError> {
        let (source, mut columns) = match &input.from {
            InputFrom::Read(s) | InputFrom::Answers { source: s, .. } => {
                let columns: Vec<TypedColumn> =
                    s.delivered().map(|c| TypedColumn { id: c.id, ty: c.ty.clone() }).collect();
                let context = SourceContext {
                    source: s.clone(),
                    ids: s.delivered().map(|c| c.id).collect(),
                    used: s.delivered().map(|c| !self.unused.contains(&c.id)).collect(),
                    nullify: s.delivered().map(|c| s.on_error == OnError::Null && c.ty.nullable).collect(),
                };
                (Some(context), columns)
            }
            InputFrom::Rows { columns, .. } | InputFrom::Dataset { columns, .. } => (None, columns.clone()),
        };
        self.note_types(&columns);
        let mut operations = Vec::new();
        for o in &input.operations {
            operations.push(self.operation(o, &columns)?);
            columns = o.columns.clone();
        }
        if !input.rename.is_empty() {
            let renamed = input.rename.iter().filter_map(|(new, old)| {
                let ty = self.definitions.types.get(old)?.clone();
                Some(TypedColumn { id: *new, ty })
            });
            columns = renamed.collect();
            for (new, old) in &input.rename {
                self.renamed.entry(*new).or_default().push(*old);
            }
            self.note_types(&columns);
        }
        Ok((CompiledInput { source, operations, rename: input.rename.clone() }, columns))
    }

    fn note_types(&mut self, columns: &[TypedColumn]) {
        for c in columns {
            self.definitions.types.insert(c.id, c.ty.clone());
        }
    }

    /// Notes that `columns` are used at `span`. Of several uses the first in the program's text
    /// counts, so that optimization does not change what a report blames.
    fn note_use(&mut self, columns: &[ColumnId], span: Span) {
        for id in columns {
            self.note_one_use(*id, span);
            // What a renamed column stands for is used here too.
            for old in self.renamed.get(id).cloned().unwrap_or_default() {
                self.note_one_use(old, span);
            }
        }
    }

    fn note_one_use(&mut self, id: ColumnId, span: Span) {
        let first = self.definitions.first_use.entry(id).or_insert(span);
        if (span.file, span.start) < (first.file, first.start) {
            *first = span;
        }
    }

    /// Notes every column that `expr` reads, at the place in the program that names it: those
    /// places survive when passes move, merge and substitute expressions.
    fn note_expr(&mut self, expr: &Expr) {
        if let ExprKind::Column(id) = expr.kind {
            self.note_use(&[id], expr.span);
        }
        expr.for_each_child(|child| self.note_expr(child));
    }

    fn branch(&mut self, branch: &Branch, columns: &[TypedColumn]) -> Result<CompiledBranch, RunError> {
        let mut columns = columns.to_vec();
        let mut operations = Vec::new();
        for o in &branch.operations {
            operations.push(self.operation(o, &columns)?);
            columns = o.columns.clone();
        }
        let end = match &branch.end {
            BranchEnd::Split(branches) => {
                let compiled: Result<Vec<_>, _> = branches.iter().map(|b| self.branch(b, &columns)).collect();
                CompiledEnd::Split(compiled?)
            }
            BranchEnd::Leaf(leaf) => {
                let needed = needed_columns(leaf);
                self.note_use(&needed, leaf.span);
                self.leaves.push(CompiledLeaf { leaf: leaf.clone(), needed, update: OnceLock::new() });
                CompiledEnd::Leaf(self.leaves.len() - 1)
            }
        };
        Ok(CompiledBranch { operations, end })
    }

    fn operation(&mut self, o: &Operation, columns: &[TypedColumn]) -> Result<CompiledOperation, RunError> {
        self.note_types(&o.columns);
        let mut steps = Vec::new();
        let kind = match &o.kind {
            OperationKind::Filter { predicate } => {
                let compiled = self.predicate(predicate, columns, &mut steps)?;
                CompiledKind::Filter { predicate: compiled, expr: predicate.clone() }
            }
            OperationKind::Check { predicate, message } => {
                let compiled = self.predicate(predicate, columns, &mut steps)?;
                CompiledKind::Check { predicate: compiled, expr: predicate.clone(), message: message.clone() }
            }
            OperationKind::Map { computed } => {
                let (ids, projection) = self.projection(computed, columns, &mut steps)?;
                CompiledKind::Map { ids, projection }
            }
            OperationKind::FlatMap { computed, each } => {
                self.one_to_one = false;
                let (ids, projection) = self.projection(computed, columns, &mut steps)?;
                self.note_expr(&each.expr);
                let each = self.each(each.id, &each.expr, columns, &mut steps)?;
                CompiledKind::FlatMap { ids, projection, each }
            }
            OperationKind::Repartition { layout } => {
                self.note_use(&layout.keys, o.span);
                CompiledKind::Repartition(layout.keys.clone())
            }
            OperationKind::Join { kind, build, build_columns, on, left_columns, right_columns, using } => {
                self.one_to_one = false;
                self.joins = true;
                self.note_types(build_columns);
                let keys: Vec<ColumnId> = on.iter().map(|(l, _)| *l).collect();
                self.note_use(&keys, o.span);
                let build = (*build, on.iter().map(|(_, r)| *r).collect(), *using);
                let mut settled = keys.clone();
                settled.extend(left_columns.iter().map(|(_, own)| *own));
                let left = self.joined_columns(left_columns, o)?;
                let right = self.joined_columns(right_columns, o)?;
                CompiledKind::Join(CompiledJoin { kind: *kind, on: keys, settled, left, right, build })
            }
        };
        self.operations.push((word(&o.kind), o.span, steps));
        Ok(CompiledOperation {
            number: self.operations.len() - 1,
            keep: o.columns.iter().map(|c| c.id).collect(),
            span: o.span,
            kind,
        })
    }

    /// Those of a join's columns that it delivers.
    fn joined_columns(
        &mut self,
        columns: &[(ColumnId, ColumnId)],
        o: &Operation,
    ) -> Result<Vec<JoinedColumn>, RunError> {
        let delivered = columns.iter().filter(|(new, _)| o.columns.iter().any(|c| c.id == *new));
        delivered
            .map(|(new, own)| {
                let ty = self.definitions.types.get(own).cloned();
                ty.map(|ty| (*new, *own, ty.kind))
                    .ok_or_else(|| RunError::Internal(format!("the type of column {} is not known", own.0)))
            })
            .collect()
    }

    /// Remembers how expressions are evaluated, for `explain`.
    fn note_code(&mut self, steps: &[StepDescription], texts: Vec<KernelText>, out: &mut Vec<String>) {
        out.extend(steps.iter().map(|s| {
            let why = if s.reason.is_empty() { String::new() } else { format!(" ({})", s.reason) };
            format!("{}: {}{why}", s.kind.name(), s.text)
        }));
        self.code.extend(texts.into_iter().map(|t| (t.name, t.clif, t.assembler)));
    }

    fn predicate(
        &mut self,
        e: &Expr,
        columns: &[TypedColumn],
        steps: &mut Vec<String>,
    ) -> Result<Predicate, RunError> {
        self.note_expr(e);
        let p = Predicate::compile(e, columns, self.jit).map_err(code_error)?;
        self.note_code(&p.describe(), p.texts(), steps);
        Ok(p)
    }

    fn projection(
        &mut self,
        computed: &[flow_ir::logical::Computed],
        columns: &[TypedColumn],
        steps: &mut Vec<String>,
    ) -> Result<(Vec<ColumnId>, Projection), RunError> {
        // What the program does not use is not computed at any optimizer level, so it cannot fail.
        let used: Vec<_> = computed.iter().filter(|c| !self.unused.contains(&c.id)).collect();
        for c in &used {
            self.note_expr(&c.expr);
            self.definitions.computed.insert(c.id, c.expr.clone());
        }
        let exprs: Vec<Expr> = used.iter().map(|c| c.expr.clone()).collect();
        let projection = Projection::compile(&exprs, columns, self.jit).map_err(code_error)?;
        self.note_code(&projection.describe(), projection.texts(), steps);
        Ok((used.iter().map(|c| c.id).collect(), projection))
    }

    fn each(
        &mut self,
        id: ColumnId,
        e: &Expr,
        columns: &[TypedColumn],
        steps: &mut Vec<String>,
    ) -> Result<CompiledEach, RunError> {
        if let ExprKind::Call { function: Function::Split, arguments } = &e.kind
            && let [text, separator] = arguments.as_slice()
            && text.ty.kind == Type::String
            && let ExprKind::Literal(separator @ (Value::String(_) | Value::Regex(_))) = &separator.kind
        {
            let text =
                Projection::compile(std::slice::from_ref(text), columns, self.jit).map_err(code_error)?;
            self.note_code(&text.describe(), text.texts(), steps);
            steps.push("vector: split".to_owned());
            return Ok(CompiledEach::Split { id, text, separator: separator.clone() });
        }
        let Type::List(element) = &e.ty.kind else {
            return Err(RunError::Internal(format!("`each` needs a list, not {}", e.ty)));
        };
        let list = Projection::compile(std::slice::from_ref(e), columns, self.jit).map_err(code_error)?;
        self.note_code(&list.describe(), list.texts(), steps);
        Ok(CompiledEach::List { id, list, element: (**element).clone() })
    }
}

fn code_error(e: flow_jit::JitError) -> RunError {
    RunError::Code(e.to_string())
}

fn word(kind: &OperationKind) -> &'static str {
    match kind {
        OperationKind::Filter { .. } => "filter",
        OperationKind::Map { .. } => "map",
        OperationKind::FlatMap { .. } => "flat_map",
        OperationKind::Check { .. } => "check",
        OperationKind::Repartition { layout } => layout.name(),
        OperationKind::Join { kind, .. } => kind.name(),
    }
}

/// The columns whose values a leaf takes from its rows.
fn needed_columns(leaf: &Leaf) -> Vec<ColumnId> {
    let mut needed: Vec<ColumnId> = match &leaf.kind {
        LeafKind::ReduceByKey { keys, aggregates, .. } => {
            keys.iter().copied().chain(aggregates.iter().flat_map(|a| a.reads())).collect()
        }
        LeafKind::Distinct { on, sort } => {
            let keys = on.iter().copied().chain(sort.iter().map(|k| k.column));
            keys.chain(leaf.columns.iter().map(|c| c.id)).collect()
        }
        LeafKind::Window(window) => {
            let made: Vec<ColumnId> = window.outputs().collect();
            let passed = leaf.columns.iter().map(|c| c.id).filter(|id| !made.contains(id));
            window.reads().into_iter().chain(passed).collect()
        }
        LeafKind::TakePer { per, .. } => {
            per.iter().copied().chain(leaf.columns.iter().map(|c| c.id)).collect()
        }
        LeafKind::Sort { keys, .. } => {
            keys.iter().map(|k| k.column).chain(leaf.columns.iter().map(|c| c.id)).collect()
        }
        LeafKind::Collect | LeafKind::Take { .. } | LeafKind::Sample(_) | LeafKind::Persist(_) => {
            leaf.columns.iter().map(|c| c.id).collect()
        }
        LeafKind::Expect { on, .. } => on.clone(),
        LeafKind::SetOperation { on, .. } => {
            on.iter().map(|(own, _)| *own).chain(leaf.columns.iter().map(|c| c.id)).collect()
        }
        LeafKind::Write(sink) => sink.columns.iter().map(|c| c.id).collect(),
    };
    let mut seen = BTreeSet::new();
    needed.retain(|id| seen.insert(*id));
    needed
}
