//! Which engine computes which node: the one list of what native loops can do.
//!
//! Native loops work on the fixed-width classes. What they cannot do goes to a vector function of
//! the library, or to the selections of this crate (`if`, `??` and friends over texts), and only
//! the rest to the interpreter.

use crate::engine::host;
use crate::graph::{Graph, NodeId, Op};
use flow_ir::text::civil;
use flow_ir::{DataType, Function, Type, Value};

/// Longer constant lists than this are looked up by a vector function instead of compared one by one.
const IN_LIST_MAX: usize = 16;

/// How a node is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Execution {
    /// It is there already: a column or a constant.
    Source,
    /// In a generated loop.
    Native,
    /// By a function over whole columns.
    Vector,
    /// Row by row.
    Interpreter,
}

/// The storage of fixed-width values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// One byte, 0 or 1.
    Bool,
    /// 64-bit integers, dates, timestamps, durations.
    I64,
    /// 64-bit floats.
    F64,
}

impl Class {
    /// The class of a type, if it has one.
    pub(crate) fn of(ty: &Type) -> Option<Class> {
        match ty {
            Type::Bool => Some(Class::Bool),
            Type::Float => Some(Class::F64),
            t if t.is_i64() => Some(Class::I64),
            _ => None,
        }
    }

    /// Bytes a value takes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Class::Bool => 1,
            Class::I64 | Class::F64 => 8,
        }
    }
}

/// How a node over existing nodes is computed, and why not faster.
pub(crate) fn execution(
    graph: &Graph,
    op: &Op,
    arguments: &[NodeId],
    ty: &DataType,
) -> (Execution, &'static str) {
    let class = Class::of(&ty.kind);
    // Constant nulls have no storage of their own, so they fit everywhere.
    let fits = |id: &NodeId, wanted: Option<Class>| {
        wanted.is_some()
            && (Class::of(graph.kind(*id)) == wanted || graph.literal(*id).is_some_and(Value::is_null))
    };
    let native = match (op, arguments) {
        (Op::Column(_) | Op::Literal(_), _) => return (Execution::Source, ""),
        (Op::Call(function), _) => {
            let kinds: Vec<Type> = arguments.iter().map(|a| graph.kind(*a).clone()).collect();
            let constants: Vec<Option<&Value>> = arguments.iter().map(|a| graph.literal(*a)).collect();
            return call_execution(*function, &kinds, &constants);
        }
        (Op::Interpret(_), _) => return (Execution::Interpreter, ""),
        (Op::SplitPart, _) => return (Execution::Vector, "texts have no fixed width"),
        (Op::IsNull, _) => true,
        (Op::And | Op::Or, [a, b]) => fits(a, Some(Class::Bool)) && fits(b, Some(Class::Bool)),
        (Op::If, [c, a, b]) => fits(c, Some(Class::Bool)) && fits(a, class) && fits(b, class),
        (Op::Coalesce, [a, b]) => fits(a, class) && fits(b, class),
        (Op::Try, [a]) => fits(a, class),
        (Op::After, [_, b]) => fits(b, class),
        (Op::Same, [a, b]) => {
            let class = Class::of(graph.kind(*a)).or_else(|| Class::of(graph.kind(*b)));
            fits(a, class) && fits(b, class)
        }
        _ => false,
    };
    if native {
        (Execution::Native, "")
    } else {
        (Execution::Vector, "values of this type have no fixed width")
    }
}

/// How a call is computed, and why not faster.
pub(crate) fn call_execution(
    function: Function,
    kinds: &[Type],
    constants: &[Option<&Value>],
) -> (Execution, &'static str) {
    if is_native(function, kinds, constants) {
        (Execution::Native, "")
    } else if crate::library::has_vector(function, kinds) {
        (Execution::Vector, "a library function over whole columns")
    } else {
        (Execution::Interpreter, "neither a native loop nor a vector function exists for these types")
    }
}

/// Whether native loops can compute a call.
fn is_native(function: Function, kinds: &[Type], constants: &[Option<&Value>]) -> bool {
    use Function as F;
    use Type::{Bool, Date, Duration, Float, Int, Timestamp};
    let scalar = |t: &Type| Class::of(t).is_some();
    match (function, kinds) {
        (F::Add, [Int, Int] | [Float, Float] | [Duration, Duration])
        | (F::Add, [Timestamp | Date, Duration] | [Duration, Timestamp | Date])
        | (F::Subtract, [Int, Int] | [Float, Float] | [Duration, Duration])
        | (F::Subtract, [Timestamp | Date, Duration] | [Timestamp, Timestamp] | [Date, Date])
        | (F::Multiply, [Int, Int] | [Float, Float] | [Duration, Int] | [Int, Duration])
        | (F::Divide, [Int, Int] | [Float, Float] | [Duration, Duration])
        | (F::FloorDivide | F::Remainder, [Int, Int])
        | (F::Negate | F::Abs | F::Sign, [Int | Float | Duration])
        | (F::Not, [Bool])
        | (F::WrappingAdd | F::WrappingSub | F::WrappingMul, [Int, Int])
        | (F::IsNan | F::Sqrt, [Float])
        | (F::Round | F::Floor | F::Ceil, [Int])
        | (F::ToFloat, [Int | Float])
        | (F::ToInt, [Int | Float | Bool])
        | (F::Year | F::Month | F::Day | F::Weekday, [Date | Timestamp])
        | (F::Hour | F::Minute | F::Second, [Timestamp])
        | (F::ToDate | F::ToTimestamp, [Date | Timestamp]) => true,
        (F::Round | F::Floor | F::Ceil, [Float]) => host().is_ok_and(|h| h.has_rounding),
        (F::Equal | F::NotEqual | F::Less | F::LessEqual | F::Greater | F::GreaterEqual, [a, b]) => {
            a == b && scalar(a)
        }
        (F::Between, [a, b, c]) => a == b && b == c && scalar(a),
        (F::Least | F::Greatest, [a, rest @ ..]) => scalar(a) && rest.iter().all(|t| t == a),
        (F::In, [a, Type::List(_)]) => scalar(a) && constants.get(1).is_some_and(|list| short_list(*list, a)),
        (F::Trunc, [Timestamp, Type::String]) => {
            matches!(constants, [_, Some(Value::String(unit))] if trunc_unit(unit).is_some())
        }
        _ => false,
    }
}

/// The microseconds of a unit of `trunc` that needs no calendar.
pub(crate) fn trunc_unit(unit: &str) -> Option<i64> {
    Some(match unit {
        "second" => civil::SECOND,
        "minute" => civil::MINUTE,
        "hour" => civil::HOUR,
        "day" => civil::DAY,
        _ => return None,
    })
}

/// Whether a constant is a short list of values of the given kind, or nulls.
fn short_list(list: Option<&Value>, kind: &Type) -> bool {
    let Some(Value::List(items)) = list else { return false };
    items.len() <= IN_LIST_MAX
        && items.iter().all(|item| {
            matches!(
                (kind, item),
                (_, Value::Null)
                    | (Type::Bool, Value::Bool(_))
                    | (Type::Int, Value::Int(_))
                    | (Type::Float, Value::Float(_))
                    | (Type::Date, Value::Date(_))
                    | (Type::Timestamp, Value::Timestamp(_))
                    | (Type::Duration, Value::Duration(_))
            )
        })
}
