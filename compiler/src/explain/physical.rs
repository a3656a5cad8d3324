//! The physical plan in words: for each stage what it reads, what happens to every batch, what leaves
//! it, and whether that runs in parallel.

use super::Names;
use super::expr::{
    aggregates_text, distinct_text, expr_text, keys_text, list_text, record_text, window_text,
};
use super::logical::{
    columns_read, expect_text, layout_text, persist_text, rows_text, sample_text, sink_text, source_text,
    string,
};
use flow_ir::physical::{
    Branch, BranchEnd, GroupOrder, Input, InputFrom, Leaf, LeafKind, Loop, Operation, OperationKind,
    PhysicalPlan, Stage,
};
use flow_ir::source::{Sink, Target};
use flow_ir::{ColumnId, JoinKind, JoinStrategy, Span};
use serde::Serialize;

/// A stage in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageReport {
    /// Its number.
    pub stage: u32,
    /// How it runs: `parallel`, `sequential`, with what crosses threads at its end.
    pub label: String,
    /// Its lines, in order.
    pub lines: Vec<StageLine>,
}

/// A line of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageLine {
    /// How deep it stands in the tree of branches.
    pub depth: u32,
    /// The place in the program; empty for structure.
    pub span: Span,
    /// Its number among the stage's operations (inputs first, then the tree in order), as the runtime
    /// counts rows for; `None` for what is no operation.
    pub operation: Option<u32>,
    /// The text.
    pub text: String,
}

/// All stages in words.
pub fn stage_reports(plan: &PhysicalPlan, names: &Names) -> Vec<StageReport> {
    plan.stages.iter().map(|stage| stage_report(stage, names)).collect()
}

/// The plan in words, for people.
pub fn explain_physical(plan: &PhysicalPlan, names: &Names) -> String {
    let stages = plan.stages.iter().map(|stage| {
        let begin = plan.loops.iter().filter(|l| l.first == stage.id).map(loop_text);
        begin.collect::<String>() + &explain_stage(stage, names)
    });
    stages.collect::<Vec<_>>().join("\n")
}

/// What is repeated, in words.
fn loop_text(l: &Loop) -> String {
    let last = l.end.0.saturating_sub(1);
    let stages = match last.checked_sub(l.first.0) {
        Some(0) => format!("stage {last}"),
        Some(_) => format!("stages {} to {last}", l.first.0),
        None => "no stage".to_owned(),
    };
    let until = l.until.map_or(String::new(), |(dataset, _)| format!(" or until t{} is true", dataset.0));
    format!(
        "loop · {stages}, {} rounds at most{until}: t{} is t{} first, then t{}; t{} at the end\n\n",
        l.rounds, l.state.0, l.start.0, l.body.0, l.result.0
    )
}

/// One stage in words, for people.
pub fn explain_stage(stage: &Stage, names: &Names) -> String {
    let report = stage_report(stage, names);
    let mut out = format!("stage {} · {}\n", report.stage, report.label);
    for line in &report.lines {
        out.push_str(&"  ".repeat(line.depth as usize + 1));
        out.push_str(&line.text);
        out.push('\n');
    }
    out
}

fn stage_report(stage: &Stage, names: &Names) -> StageReport {
    let mut writer = Writer { names, lines: Vec::new(), operations: 0 };
    let mut inputs = stage.inputs.as_slice();
    while let Some(input) = inputs.first() {
        // A union of the same rows several times shows them once.
        let times = inputs.iter().take_while(|i| *i == input).count();
        writer.input(input, stage.inputs.len() > 1, times);
        inputs = &inputs[times..];
    }
    writer.branch(&stage.branch, 0);
    StageReport { stage: stage.id.0, label: label(stage), lines: writer.lines }
}

/// How the stage runs.
fn label(stage: &Stage) -> String {
    let files: usize = stage
        .inputs
        .iter()
        .map(|input| match &input.from {
            InputFrom::Read(source) => source.files.len(),
            _ => 0,
        })
        .sum();
    let over = match files {
        0 => String::new(),
        1 => " over 1 file".to_owned(),
        n => format!(" over {n} files"),
    };
    let mut leaves = Vec::new();
    leaves_of(&stage.branch, &mut leaves);
    let only_moves = stage.inputs.iter().all(|i| i.operations.is_empty() && i.from.source().is_none())
        && stage.branch.operations.is_empty()
        && leaves.iter().all(|l| matches!(l.kind, LeafKind::Write(_)));
    if only_moves {
        return "sequential".to_owned();
    }
    let mut words: Vec<&str> = Vec::new();
    for leaf in leaves {
        let word = match &leaf.kind {
            LeafKind::Collect => "gather",
            LeafKind::ReduceByKey { keys, .. } if keys.is_empty() => "merge of partial results",
            LeafKind::ReduceByKey { .. } | LeafKind::Distinct { .. } | LeafKind::TakePer { .. } => {
                "shuffle by key"
            }
            LeafKind::Window(window) if window.per.is_empty() => "window over all rows in order",
            LeafKind::Window(_) => "window over each key",
            LeafKind::Sort { limit: Some(_), .. } => "merge of the first rows",
            LeafKind::Sort { .. } => "merge of sorted runs",
            LeafKind::Take { .. } => "cut in input order, reading stops there",
            LeafKind::Sample(_) => "choice in input order",
            LeafKind::SetOperation { .. } => "comparison of whole rows",
            LeafKind::Persist(_) => "stored in input order",
            LeafKind::Expect { .. } => "search for equal keys",
            LeafKind::Write(Sink { target: Target::Processes { .. }, .. }) => "processes in input order",
            LeafKind::Write(_) => "output in input order",
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    format!("parallel{over}, then {}", words.join(", "))
}

fn leaves_of<'a>(branch: &'a Branch, out: &mut Vec<&'a Leaf>) {
    match &branch.end {
        BranchEnd::Leaf(leaf) => out.push(leaf),
        BranchEnd::Split(branches) => branches.iter().for_each(|b| leaves_of(b, out)),
    }
}

struct Writer<'a> {
    names: &'a Names,
    lines: Vec<StageLine>,
    operations: u32,
}

impl Writer<'_> {
    fn line(&mut self, depth: u32, span: Span, text: String) {
        self.lines.push(StageLine { depth, span, operation: None, text });
    }

    fn input(&mut self, input: &Input, several: bool, times: usize) {
        let times_text = if times > 1 { format!("  ({times} times)") } else { String::new() };
        match &input.from {
            InputFrom::Read(source) => {
                let text = format!("read {}  ({})", source_text(source), columns_read(source));
                self.line(0, source.span, text);
                let fields: Vec<String> =
                    source.delivered().map(|c| format!("{}: {}", c.name, c.ty)).collect();
                if !fields.is_empty() {
                    self.line(1, Span::default(), format!("{{ {} }}", fields.join(", ")));
                }
            }
            InputFrom::Answers { id, source } => {
                self.line(0, source.span, format!("answers t{}  ({})", id.0, columns_read(source)));
            }
            InputFrom::Rows { rows, span, .. } => self.line(0, *span, rows_text(rows.len()) + &times_text),
            InputFrom::Dataset { id, .. } => {
                self.line(0, Span::default(), format!("from t{}{times_text}", id.0))
            }
        }
        for operation in &input.operations {
            self.operation(operation, u32::from(several));
        }
        // The runtime counts the operations of every input.
        self.operations += ((times - 1) * input.operations.len()) as u32;
    }

    fn branch(&mut self, branch: &Branch, depth: u32) {
        for operation in &branch.operations {
            self.operation(operation, depth);
        }
        match &branch.end {
            BranchEnd::Leaf(leaf) => {
                let text = leaf_text(leaf, self.names);
                self.line(depth, leaf.span, text);
            }
            BranchEnd::Split(branches) => {
                for (i, branch) in branches.iter().enumerate() {
                    self.line(depth, Span::default(), format!("branch {} of {}", i + 1, branches.len()));
                    self.branch(branch, depth + 1);
                }
            }
        }
    }

    fn operation(&mut self, operation: &Operation, depth: u32) {
        let text = format!("| {}", operation_text(operation, self.names));
        self.lines.push(StageLine { depth, span: operation.span, operation: Some(self.operations), text });
        self.operations += 1;
    }
}

/// An operation as a stage of a program.
fn operation_text(operation: &Operation, names: &Names) -> String {
    let name = |id: ColumnId| names.before(operation.span, id);
    let made: Vec<(ColumnId, String)> =
        operation.columns.iter().map(|c| (c.id, names.after(operation.span, c.id))).collect();
    match &operation.kind {
        OperationKind::Filter { predicate } => format!("filter {}", expr_text(predicate, &name)),
        OperationKind::Check { predicate, message } => {
            format!("check {}, {}", expr_text(predicate, &name), string(message))
        }
        OperationKind::Map { computed } => format!("map {}", record_text(&made, computed, None, &name)),
        OperationKind::FlatMap { computed, each } => {
            format!("flat_map {}", record_text(&made, computed, Some(each), &name))
        }
        OperationKind::Repartition { layout } => {
            format!("{}  (a layout only: rows and their order stay)", layout_text(layout, &name))
        }
        OperationKind::Join { kind, build, on, using, .. } => {
            let pairs = on.iter().map(|(l, r)| match (name(*l), name(*r)) {
                (l, r) if l == r => l,
                (l, r) => format!("{l} == {r}"),
            });
            let pairs = pairs.collect::<Vec<_>>().join(", ");
            let on = if pairs.is_empty() { String::new() } else { format!(" on {pairs}") };
            format!("{} t{}{on}  ({})", kind.name(), build.0, how_joined(*kind, *using))
        }
    }
}

/// The way a join is carried out, and why not as the program asks.
fn how_joined(kind: JoinKind, using: Option<JoinStrategy>) -> &'static str {
    if kind == JoinKind::Cross {
        return match using {
            None => "every row with every row",
            Some(_) => "every row with every row; `using` says how keys are found, and there are none",
        };
    }
    match using {
        None => "hash table shared by all threads",
        Some(JoinStrategy::Broadcast) => "broadcast: one hash table shared by all threads, as asked",
        Some(JoinStrategy::Shuffle) => {
            "shuffle: hash tables by parts of the keys, shared by all threads, as asked"
        }
        Some(JoinStrategy::Merge) => {
            "hash table shared by all threads, not merge: that would have to sort both sides first"
        }
    }
}

/// A leaf as a stage of a program, with where its rows go.
fn leaf_text(leaf: &Leaf, names: &Names) -> String {
    let name = |id: ColumnId| names.before(leaf.span, id);
    let made = |id: ColumnId| names.after(leaf.span, id);
    let text = match &leaf.kind {
        LeafKind::Collect => "collect".to_owned(),
        LeafKind::ReduceByKey { keys, aggregates, .. } if keys.is_empty() => {
            format!("reduce {}", aggregates_text(aggregates, &made, &name))
        }
        LeafKind::ReduceByKey { keys, aggregates, order } => {
            let order = match order {
                GroupOrder::Key => "",
                GroupOrder::Unseen => "  (in any order: nobody can see it)",
            };
            format!(
                "reduce_by_key {} {}{order}",
                list_text(keys, &name),
                aggregates_text(aggregates, &made, &name)
            )
        }
        LeafKind::Distinct { on, sort } => distinct_text(on, sort, &name),
        LeafKind::Window(window) => window_text(window, &made, &name),
        LeafKind::TakePer { count, per } => format!("take {count} per {}", list_text(per, &name)),
        LeafKind::Sort { keys, limit } => {
            let limit = limit.map(|n| format!("  (only the first {n} rows)")).unwrap_or_default();
            format!("sort {}{limit}", keys_text(keys, &name))
        }
        LeafKind::Take { skip, count } => match (skip, count) {
            (0, Some(count)) => format!("take {count}"),
            (skip, Some(count)) => format!("skip {skip} | take {count}"),
            (skip, None) => format!("skip {skip}"),
        },
        LeafKind::Sample(sample) => format!("sample {}", sample_text(sample)),
        LeafKind::SetOperation { operation, all, other, .. } => {
            format!("{}{} t{}", operation.name(), if *all { " all" } else { "" }, other.0)
        }
        LeafKind::Persist(persist) => persist_text(persist),
        LeafKind::Expect { on, contract } => expect_text(contract, on, &name),
        LeafKind::Write(sink) => sink_text(sink),
    };
    match leaf.output {
        Some(id) => format!("=> {text}  -> t{}", id.0),
        None => format!("=> {text}"),
    }
}
