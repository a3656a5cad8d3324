//! Random programs: tables, definitions, pipelines and sinks.
//!
//! A program grows stage by stage, and the compiler is asked after each what fields the rows have now. A
//! stage that it refuses is counted and left out.

use crate::data::{Table, on_disk, table};
use crate::expression::{Expressions, Name, letter};
use crate::random::Random;
use crate::stages::Dataset;
use crate::templates::MODULES;
use flow_compiler::Compiled;
use flow_ir::logical::Operator;
use flowc::program::Program;
use std::path::Path;

/// A program with its files; `@/` in its text stands for the place it runs in.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The program.
    pub(crate) text: String,
    /// The files by name, not compressed.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// What became of the stages that were tried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried {
    /// Stages that the compiler took.
    pub(crate) taken: usize,
    /// Stages that it refused.
    pub(crate) refused: usize,
}

impl Case {
    /// Puts the files where the program finds them.
    pub(crate) fn place(&self, place: &Path) {
        for (name, bytes) in &self.files {
            std::fs::write(place.join(name), on_disk(name, bytes)).expect("a file is written");
        }
    }

    /// The program as it stands in a place.
    pub(crate) fn program(&self, place: &Path) -> Program {
        Program::new("case.flow", self.text.replace("@/", &format!("{}/", place.display())))
    }

    /// The case as text that can be saved.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("--- case.flow\n{}\n", self.text);
        for (name, bytes) in &self.files {
            text.push_str(&format!("--- {name}\n{}\n", bytes.escape_ascii()));
        }
        text
    }
}

/// The fields of the last sink.
fn fields(compiled: &Compiled) -> Vec<Name> {
    let Some(Operator::Write { sink, .. }) =
        compiled.plan.sinks.last().map(|id| &compiled.plan.node(*id).operator)
    else {
        return Vec::new();
    };
    let part = |p: &String| match p.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        true => p.clone(),
        false => format!("`{p}`"),
    };
    let name = |path: &[String]| path.iter().map(part).collect::<Vec<_>>().join(".");
    sink.columns
        .iter()
        .map(|c| Name { text: name(&c.path), letter: letter(&c.ty.kind), ty: c.ty.kind.clone() })
        .collect()
}

/// Makes a program.
pub(crate) struct Maker<'p> {
    expressions: Expressions,
    place: &'p Path,
    files: Vec<(String, Vec<u8>)>,
    /// Definitions so far.
    items: String,
    datasets: Vec<Dataset>,
    /// How the stages went.
    pub(crate) tried: Tried,
}

impl<'p> Maker<'p> {
    /// A maker for a seed whose files are put in `place`.
    pub(crate) fn new(seed: u64, place: &'p Path) -> Self {
        let mut random = Random::new(seed);
        let hostile = random.chance(40);
        Maker {
            expressions: Expressions::new(random, hostile),
            place,
            files: Vec::new(),
            items: String::new(),
            datasets: Vec::new(),
            tried: Tried::default(),
        }
    }

    /// The program.
    pub(crate) fn case(mut self) -> (Case, Tried) {
        self.modules();
        for i in 0..1 + self.expressions.random.below(3) {
            self.read(i);
        }
        if self.datasets.is_empty() {
            self.literal_rows();
        }
        if self.expressions.random.chance(25) {
            self.literal_rows();
        }
        self.values();
        if self.expressions.random.chance(8) {
            self.iterate();
        }
        let mut pipelines = String::new();
        for _ in 0..1 + self.expressions.random.below(3) {
            let pipeline = self.pipeline();
            if self.expressions.random.chance(35) {
                self.let_of(&pipeline);
            } else {
                pipelines.push_str(&format!("\n{}\n", self.with_sink(&pipeline)));
            }
        }
        if pipelines.is_empty() {
            let pipeline = self.pipeline();
            pipelines = format!("\n{}\n", self.with_sink(&pipeline));
        }
        let case = Case { text: format!("{}{pipelines}", self.items), files: self.files };
        (case, self.tried)
    }

    /// What `text` behind the definitions compiles to.
    fn compiled(&self, text: &str) -> Option<Compiled> {
        let case = Case { text: format!("{}\n{text}\n", self.items), files: Vec::new() };
        case.program(self.place).check(&[]).ok()
    }

    /// The fields of the rows of a pipeline, if it is right.
    fn probe(&mut self, pipeline: &str) -> Option<Vec<Name>> {
        let found = self.compiled(&format!("{pipeline}\n| write \"@/out/probe.jsonl\"")).map(|c| fields(&c));
        match found {
            Some(_) => self.tried.taken += 1,
            None => self.tried.refused += 1,
        }
        found
    }

    fn modules(&mut self) {
        for (module, templates) in MODULES {
            if self.expressions.random.chance(8) {
                self.items.push_str(&format!("import std.{module}\n"));
                self.expressions.own.extend(templates.iter().map(|t| (*t).to_owned()));
            }
        }
    }

    fn read(&mut self, i: usize) {
        let hostile = self.expressions.hostile;
        let Table { name, read, any_nullable, files } =
            table(&mut self.expressions.random, &format!("t{i}"), hostile);
        let case = Case { text: String::new(), files };
        case.place(self.place);
        let policy = match self.expressions.random.below(if hostile { 8 } else { 12 }) {
            0 => " on_error fail",
            1 if any_nullable => " on_error null",
            2 | 3 => " on_error skip",
            4 => " on_error quarantine(\"@/out/bad.jsonl\")",
            5 | 6 => " on_error quarantine(\"@/out/bad.csv\")",
            _ => "",
        };
        let mut pipeline = format!("read {read}{policy}");
        if self.expressions.random.chance(20) {
            let file = r#"replace(source_file(), r".*/", "")"#;
            pipeline.push_str(&format!("\n  | map {{ *, {name}_file: {file}, {name}_line: source_line() }}"));
        }
        if let Some(fields) = self.probe(&pipeline) {
            self.files.extend(case.files);
            self.items.push_str(&format!("let {name} =\n  {pipeline}\n\n"));
            self.datasets.push(Dataset { name, fields });
        }
    }

    fn literal_rows(&mut self) {
        let name = self.expressions.fresh("literal");
        let letters: Vec<(String, char)> = (0..1 + self.expressions.random.below(3))
            .map(|i| (format!("l{i}"), if i == 0 { 'i' } else { self.expressions.scalar() }))
            .collect();
        let rows: Vec<String> = (0..1 + self.expressions.random.below(5))
            .map(|_| {
                let fields: Vec<String> =
                    letters.iter().map(|(n, l)| format!("{n}: {}", self.expressions.literal(*l))).collect();
                format!("  {{ {} }},\n", fields.join(", "))
            })
            .collect();
        self.define(&name, &format!("rows [\n{}]", rows.concat()));
    }

    /// Makes a dataset of a pipeline, if it compiles.
    fn define(&mut self, name: &str, pipeline: &str) -> bool {
        let Some(fields) = self.probe(pipeline) else { return false };
        self.items.push_str(&format!("let {name} =\n  {pipeline}\n\n"));
        self.datasets.push(Dataset { name: name.to_owned(), fields });
        true
    }

    fn let_of(&mut self, pipeline: &str) {
        let name = self.expressions.fresh("d");
        self.define(&name, pipeline);
    }

    /// Parameters, constants, functions and one-row datasets.
    fn values(&mut self) {
        for _ in 0..self.expressions.random.below(3) {
            let (name, l) = (self.expressions.fresh("P"), self.expressions.scalar());
            let e = self.expressions.of(&[], l, 1);
            let item = format!("const {name} = {e}\n");
            if self.compiled(&format!("{item}rows [{{ a: ${name} }}]")).is_some() {
                self.items.push_str(&item);
                let value = Name { text: format!("${name}"), letter: l, ty: flow_ir::Type::Null };
                self.expressions.values.push(value);
            }
        }
        for _ in 0..self.expressions.random.below(3) {
            let (name, a, b) =
                (self.expressions.fresh("f"), self.expressions.scalar(), self.expressions.scalar());
            let result = self.expressions.scalar();
            let parameter =
                |text: &str, letter: char| Name { text: text.to_owned(), letter, ty: flow_ir::Type::Null };
            let body = self.expressions.of(&[parameter("x", a), parameter("y", b)], result, 3);
            let item = format!("fn {name}(x, y) = {body}\n");
            let (x, y) = (self.expressions.literal(a), self.expressions.literal(b));
            if self.compiled(&format!("{item}rows [{{ a: 1 }}] | map {{ b: {name}({x}, {y}) }}")).is_some() {
                self.items.push_str(&item);
                self.expressions.own.push(format!("{result} {name}(#{a}, #{b})"));
            }
        }
        if self.expressions.random.chance(20) {
            self.one_row();
        }
    }

    /// A dataset with one row, whose fields are values from then on.
    fn one_row(&mut self) {
        let d = self.expressions.random.pick(&self.datasets).clone();
        let name = self.expressions.fresh("one");
        let (n, most) = (self.expressions.of(&d.fields, 'i', 1), self.expressions.of(&d.fields, 'f', 1));
        let pipeline = format!("from {} | reduce {{ n: count({n}), most: max({most}) }}", d.name);
        if self.define(&name, &pipeline) {
            self.datasets.pop();
            for (field, letter) in [("n", 'i'), ("most", 'f')] {
                let text = format!("${name}.{field}");
                self.expressions.values.push(Name { text, letter, ty: flow_ir::Type::Null });
            }
        }
    }

    /// A loop over a few rows.
    fn iterate(&mut self) {
        let name = self.expressions.fresh("loop");
        let d = self.expressions.random.pick(&self.datasets).clone();
        let own: Vec<Name> = [("i", 'i'), ("x", 'f')]
            .into_iter()
            .map(|(text, letter)| Name { text: text.to_owned(), letter, ty: flow_ir::Type::Null })
            .collect();
        let x = self.expressions.of(&own, 'f', 2);
        let start = match self.expressions.random.below(2) {
            0 => "rows [{ i: 0, x: 1.5 }, { i: 5, x: -2.0 }]".to_owned(),
            _ => format!(
                "(from {} | take 3 | map {{ i: 0, x: {} }})",
                d.name,
                self.expressions.of(&d.fields, 'f', 1)
            ),
        };
        let more = match self.expressions.random.below(3) {
            0 => " | union (from w | take 1) | distinct",
            1 => " | sort x desc | take 4",
            _ => "",
        };
        let pipeline = format!(
            "iterate w = {start} for {} rounds {{\n    from w | map {{ i: i + 1, x: {x} }}{more}\n  }}",
            self.expressions.random.below(5)
        );
        // A loop is no pipeline, so it is looked at through its name.
        let item = format!("let {name} = {pipeline}\n\n");
        if let Some(fields) =
            self.compiled(&format!("{item}from {name} | write \"@/out/p.jsonl\"")).map(|c| fields(&c))
        {
            self.items.push_str(&item);
            self.datasets.push(Dataset { name, fields });
        }
    }

    /// A dataset and some stages.
    fn pipeline(&mut self) -> String {
        let start = self.expressions.random.pick(&self.datasets).clone();
        let mut pipeline = format!("from {}", start.name);
        let mut fields = start.fields;
        for _ in 0..1 + self.expressions.random.below(5) {
            let Some(stage) = self.expressions.stage(&fields, &self.datasets) else { continue };
            let (definition, stage) = match self.expressions.random.chance(6) && !stage.contains("$") {
                true => {
                    let name = self.expressions.fresh("pipe");
                    (format!("pipe {name} {{\n  {stage}\n}}\n\n"), format!("| {name}"))
                }
                false => (String::new(), stage),
            };
            let longer = format!("{pipeline}\n{stage}");
            let before = self.items.len();
            self.items.push_str(&definition);
            match self.probe(&longer) {
                Some(found) if !found.is_empty() && found.len() < 40 => {
                    fields = found;
                    pipeline = longer;
                }
                _ => self.items.truncate(before),
            }
        }
        pipeline
    }

    /// The pipeline with an end: one that its fields can have.
    fn with_sink(&mut self, pipeline: &str) -> String {
        let file = self.expressions.fresh("o");
        let sinks = [
            String::new(),
            "\n| show 5".to_owned(),
            format!("\n| write \"@/out/{file}.csv\""),
            format!("\n| write \"@/out/{file}.tsv\""),
            format!("\n| write \"@/out/{file}.json\""),
            format!("\n| write \"@/out/{file}.csv.gz\""),
            format!("\n| write \"@/out/{file}.csv\" as csv(sep: \";\", header: false) mode append"),
            format!("\n| write \"@/out/{file}.txt\" as text(string(1))"),
        ];
        let sink = self.expressions.random.pick(&sinks).clone();
        let whole = format!("{pipeline}{sink}");
        if self.expressions.random.chance(70) && self.compiled(&whole).is_some() {
            return whole;
        }
        format!("{pipeline}\n| write \"@/out/{file}.jsonl\"")
    }
}
