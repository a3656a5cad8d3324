//! The intermediate representations of flowc: types, values, expressions, the logical and the
//! physical plan, and the reference interpreter that defines what they mean.
//!
//! Nothing here knows the `.flow` syntax, Arrow, threads or Cranelift. Names exist only at the
//! edges of a plan; inside, columns are [`ColumnId`]s.
#![forbid(unsafe_code)]

pub mod aggregate;
pub mod column;
pub mod compression;
pub mod error;
pub mod eval;
pub mod expr;
pub mod function;
pub mod join;
pub mod layout;
pub mod layout_of_rows;
pub mod location;
pub mod logical;
mod parse;
mod parse_logical;
mod parse_physical;
mod parse_value;
pub mod persist;
pub mod physical;
mod print;
mod print_logical;
mod print_physical;
pub mod sample;
pub mod set_operation;
pub mod source;
pub mod text;
pub mod types;
pub mod typing;
pub mod value;
pub mod verify;
mod verify_expr;
mod verify_physical;
pub mod window;

pub use aggregate::{Aggregate, AggregateKind, Detail, Reducer};
pub use column::{Batch, Column, Status, StrColumn, Values};
pub use error::{ErrorCode, EvalError};
pub use expr::{Expr, ExprKind, LocalId, Span};
pub use function::Function;
pub use join::{Contract, JoinKind, JoinStrategy};
pub use layout_of_rows::{Division, RowLayout};
pub use logical::{ColumnId, LogicalPlan, NodeId};
pub use parse::{ParseError, parse_expr};
pub use parse_logical::parse_logical;
pub use parse_physical::parse_physical;
pub use persist::{Persist, PersistLevel, Reuse};
pub use physical::{PhysicalPlan, StageId};
pub use print::string_literal;
pub use sample::{Sample, SampleAmount};
pub use set_operation::SetOperation;
pub use types::{DataType, Field, Type};
pub use value::Value;
pub use verify::{VerifyError, verify_logical};
pub use verify_physical::verify_physical;
