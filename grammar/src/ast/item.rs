//! Items: what may stand at the top of a program.
//!
//! Invariant: an item's span begins at its keyword; its `##` documentation lies outside of the span.

use super::{Arg, Doc, Expr, Name, Path, Pipeline, Stage, StrLit};
use crate::span::Span;

/// A declaration or a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// All of it.
    pub span: Span,
    /// `##` lines directly above it.
    pub doc: Option<Doc>,
}

/// The forms of items.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// A place that could not be read; errors about it have been reported.
    Error,
    /// `import ...`
    Import(Import),
    /// `schema Name { ... }`
    Schema(SchemaDef),
    /// `param name: type = value`
    Param(ParamDef),
    /// `const NAME = value`
    Const(ConstDef),
    /// `fn name(a, b) = value`
    Fn(FnDef),
    /// `pipe name(n: int) { | ... }`
    Pipe(PipeDef),
    /// `let name = pipeline`
    Let(LetDef),
    /// `test "..." { ... }`
    Test(TestDef),
    /// A pipeline that runs for its effect.
    Pipeline(Pipeline),
}

/// `import std.geo`, `import "file.flow"`, `import "file.flow" as name`.
#[derive(Clone, Debug, PartialEq)]
pub enum Import {
    /// A library module, known by its last name.
    Module(Path),
    /// Another file.
    File {
        /// Its path.
        path: StrLit,
        /// What its parts are qualified with; the name of the file if nothing is written.
        alias: Option<Name>,
    },
}

/// `schema Name { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDef {
    /// Its name.
    pub name: Name,
    /// Its fields.
    pub fields: Fields,
}

/// `{ a: int, b: string? }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// In source order.
    pub fields: Vec<FieldDef>,
    /// With the braces.
    pub span: Span,
}

/// `name: type`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDef {
    /// The field.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Both.
    pub span: Span,
    /// `##` lines directly above it.
    pub doc: Option<Doc>,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Type {
    /// Without its `?`.
    pub kind: TypeKind,
    /// True if a `?` follows.
    pub nullable: bool,
    /// With its `?`.
    pub span: Span,
}

/// The forms of types.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// A place that could not be read.
    Error,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `decimal(precision, scale)`; the numbers are as written, not yet checked against the limits.
    Decimal {
        /// Digits in all.
        precision: u32,
        /// Digits after the point.
        scale: u32,
    },
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// `list<T>`
    List(Box<Type>),
    /// `{ a: int }`
    Record(Fields),
    /// Any other name: a schema.
    Named(Path),
}

/// `param name: type = default`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamDef {
    /// Its name, used as `$name`.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Its value if none is given on the command line.
    pub default: Option<Expr>,
}

/// `const NAME = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstDef {
    /// Its name, used as `$NAME`.
    pub name: Name,
    /// Its value.
    pub value: Expr,
}

/// `fn name(params) -> type = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct FnDef {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<FnParam>,
    /// Its result type, if written.
    pub result: Option<Type>,
    /// What it computes.
    pub body: FnBody,
}

/// `name` or `name: type`.
#[derive(Clone, Debug, PartialEq)]
pub struct FnParam {
    /// The parameter.
    pub name: Name,
    /// Its type, if written.
    pub ty: Option<Type>,
    /// Both.
    pub span: Span,
}

/// `= value` or `{ let a = e; value }`.
#[derive(Clone, Debug, PartialEq)]
pub struct FnBody {
    /// The `let`s of a block, in order.
    pub lets: Vec<FnLet>,
    /// The result.
    pub value: Expr,
    /// True for the form with braces.
    pub block: bool,
}

/// `let name = value;` in a function.
#[derive(Clone, Debug, PartialEq)]
pub struct FnLet {
    /// The name.
    pub name: Name,
    /// Its value.
    pub value: Expr,
    /// From `let` to `;`.
    pub span: Span,
}

/// `pipe name(params) { | stages }`.
#[derive(Clone, Debug, PartialEq)]
pub struct PipeDef {
    /// Its name.
    pub name: Name,
    /// Its parameters, used as `$name` inside.
    pub params: Vec<FnParam>,
    /// At least one.
    pub stages: Vec<Stage>,
}

/// `let name = ...`.
#[derive(Clone, Debug, PartialEq)]
pub struct LetDef {
    /// The dataset's name.
    pub name: Name,
    /// The dataset.
    pub value: LetValue,
}

/// The right side of a `let`.
#[derive(Clone, Debug, PartialEq)]
pub enum LetValue {
    /// A pipeline.
    Pipeline(Pipeline),
    /// `iterate ...`
    Iterate(Box<Iterate>),
}

/// `iterate name = start for n rounds until condition { body }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterate {
    /// The model's name inside, used as `$name`.
    pub name: Name,
    /// The dataset of the first round.
    pub start: Pipeline,
    /// The largest number of rounds.
    pub rounds: Expr,
    /// When to stop earlier; `$previous` is the model of the round before.
    pub until: Option<Expr>,
    /// One round.
    pub body: Pipeline,
    /// All of it.
    pub span: Span,
}

/// `test "name" { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub struct TestDef {
    /// What it shows.
    pub name: StrLit,
    /// In source order.
    pub steps: Vec<TestStep>,
}

/// A line of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestStep {
    /// `given name = pipeline`: replaces a dataset.
    Given {
        /// The dataset.
        name: Name,
        /// Its replacement.
        value: Pipeline,
        /// All of it.
        span: Span,
    },
    /// `expect pipeline == pipeline`.
    Expect {
        /// What the program computes.
        actual: Pipeline,
        /// What it should be.
        expected: Pipeline,
        /// All of it.
        span: Span,
    },
}

/// `csv(sep: "|")`: a word with options, as formats have.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// `csv`, `lines`, ...
    pub name: Name,
    /// Its options.
    pub args: Vec<Arg>,
    /// All of it.
    pub span: Span,
}
