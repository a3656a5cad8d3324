//! Emits the computation of one row: a value and a status for every node of a loop's body.
//!
//! Both sides of every condition are computed and the right one is selected, which is legal
//! because errors are status bytes. There are two variants of every loop. [`Variant::Valid`]
//! assumes that all inputs are valid; in it an error is only a flag, as a loop that meets one is
//! run again in [`Variant::General`], which computes exact status bytes.

mod arithmetic;
mod compare;
mod convert;
mod logic;
mod time;

use crate::graph::{Graph, NodeId, Op};
use crate::native::Class;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilder;
use flow_ir::column::NULL;
use flow_ir::{ErrorCode, Function, Value};
use std::collections::HashMap;

/// Which rows a loop is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Valid inputs; reports whether an error arose, but not which.
    Valid,
    /// Inputs with any status.
    General,
}

/// The status of an emitted value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Status {
    /// Always valid.
    Valid,
    /// 0, or 1 for some error. Only in [`Variant::Valid`].
    Flag(ir::Value),
    /// A status byte. In [`Variant::Valid`] bytes from 2 on mean some error, whatever the code.
    Byte(ir::Value),
}

/// A value and its status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emitted {
    /// The value: `i8` (0 or 1) for bools.
    pub(crate) value: ir::Value,
    /// Its status.
    pub(crate) status: Status,
}

/// Where an input column starts, as values of the function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    /// The values, if the loop reads them.
    pub(crate) values: Option<ir::Value>,
    /// The class of the values.
    pub(crate) class: Class,
    /// The status bytes, in [`Variant::General`].
    pub(crate) status: Option<ir::Value>,
}

/// Emits one row.
pub(crate) struct Emitter<'e, 'f> {
    pub(crate) builder: &'e mut FunctionBuilder<'f>,
    graph: &'e Graph,
    variant: Variant,
    bases: &'e HashMap<NodeId, Base>,
    /// The row's number, and what to add to it for this copy of an unrolled body.
    row: ir::Value,
    lane: i32,
    done: HashMap<NodeId, Emitted>,
}

/// The type of a class in a register.
pub(crate) fn register(class: Class) -> ir::Type {
    match class {
        Class::Bool => types::I8,
        Class::I64 => types::I64,
        Class::F64 => types::F64,
    }
}

/// The flags of all loads and stores: `call.rs` has proven every address before the loop starts.
pub(crate) const TRUSTED: MemFlagsData = MemFlagsData::trusted();

/// The address and offset of an element of an array.
pub(crate) fn element(
    builder: &mut FunctionBuilder<'_>,
    base: ir::Value,
    row: ir::Value,
    lane: i32,
    bytes: usize,
) -> (ir::Value, i32) {
    let shift = i64::from(bytes.trailing_zeros());
    let scaled = if shift == 0 { row } else { builder.ins().ishl_imm_u(row, shift) };
    (builder.ins().iadd(base, scaled), lane * bytes as i32)
}

impl<'e, 'f> Emitter<'e, 'f> {
    /// An emitter of row `row + lane`.
    pub(crate) fn new(
        builder: &'e mut FunctionBuilder<'f>,
        graph: &'e Graph,
        variant: Variant,
        bases: &'e HashMap<NodeId, Base>,
        (row, lane): (ir::Value, i32),
    ) -> Self {
        Emitter { builder, graph, variant, bases, row, lane, done: HashMap::new() }
    }

    /// Emits the nodes of a body; arguments come first.
    pub(crate) fn body(&mut self, body: &[NodeId]) {
        for id in body {
            let emitted = self.node(*id);
            self.done.insert(*id, emitted);
        }
    }

    /// The value and status of an argument, as the given class.
    pub(crate) fn argument(&mut self, id: NodeId, class: Class) -> Emitted {
        if let Some(emitted) = self.done.get(&id) {
            return *emitted;
        }
        // A constant null has no class of its own, so constants are emitted anew for each user;
        // Cranelift shares them.
        if let Some(value) = self.graph.literal(id) {
            return self.constant(value, class);
        }
        let emitted = self.load(id, class);
        self.done.insert(id, emitted);
        emitted
    }

    fn node(&mut self, id: NodeId) -> Emitted {
        let node = self.graph.node(id);
        let class = Class::of(&node.ty.kind).unwrap_or(Class::Bool);
        let a = &node.arguments;
        match &node.op {
            Op::And => self.connective(a[0], a[1], false),
            Op::Or => self.connective(a[0], a[1], true),
            Op::IsNull => self.is_null(a[0]),
            Op::Coalesce => self.coalesce(a[0], a[1], class),
            Op::If => self.choose(a[0], a[1], a[2], class),
            Op::Try => self.attempt(a[0], class),
            Op::Same => self.same(a[0], a[1]),
            Op::After => self.after(a[0], a[1], class),
            Op::Call(function) => self.call(*function, id, class),
            // `native::execution` sends none of these here.
            Op::Column(_) | Op::Literal(_) | Op::SplitPart | Op::Interpret(_) => self.argument(id, class),
        }
    }

    /// The class of an argument; constant nulls take the other operand's.
    pub(crate) fn class(&self, id: NodeId) -> Option<Class> {
        Class::of(self.graph.kind(id))
    }

    fn call(&mut self, function: Function, id: NodeId, class: Class) -> Emitted {
        let graph = self.graph;
        let arguments = &graph.node(id).arguments;
        let operands: Vec<Emitted> = arguments
            .iter()
            // Lists and units are read off the graph, not computed.
            .filter(|a| !matches!(graph.literal(**a), Some(Value::List(_) | Value::String(_))))
            .map(|a| {
                let own = self.class(*a).unwrap_or(class);
                self.argument(*a, own)
            })
            .collect();
        let status = self.strict(&operands);
        match function {
            Function::Equal
            | Function::NotEqual
            | Function::Less
            | Function::LessEqual
            | Function::Greater
            | Function::GreaterEqual => self.comparison(function, arguments, &operands, status),
            Function::Between => self.between(arguments, &operands, status),
            Function::In => self.in_list(arguments, &operands, status),
            Function::Not => {
                let value = self.builder.ins().bxor_imm_u(operands[0].value, 1);
                Emitted { value, status }
            }
            Function::Add | Function::Subtract | Function::Multiply => {
                self.sum_or_product(function, arguments, &operands, status)
            }
            Function::Divide => self.divide(arguments, &operands, status),
            Function::FloorDivide | Function::Remainder => {
                self.int_division(function, arguments, &operands, status)
            }
            Function::Least | Function::Greatest => self.extreme(function, arguments, &operands, status),
            Function::Year | Function::Month | Function::Day | Function::Weekday => {
                self.date_part(function, arguments[0], operands[0].value, status)
            }
            Function::Hour | Function::Minute | Function::Second => {
                self.time_part(function, operands[0].value, status)
            }
            Function::Trunc => self.trunc(arguments[1], operands[0].value, status),
            Function::ToDate | Function::ToTimestamp => {
                self.date_conversion(function, arguments[0], operands[0], status)
            }
            _ => self.convert(function, class, &operands, status),
        }
    }

    /// A constant of the wanted class; null is a zero with null's status.
    fn constant(&mut self, value: &Value, class: Class) -> Emitted {
        let status = if value.is_null() {
            Status::Byte(self.builder.ins().iconst(types::I8, i64::from(NULL)))
        } else {
            Status::Valid
        };
        let value = match (class, value) {
            (Class::F64, Value::Float(x)) => self.builder.ins().f64const(*x),
            (Class::F64, _) => self.builder.ins().f64const(0.0),
            (Class::Bool, v) => self.builder.ins().iconst(types::I8, i64::from(*v == Value::Bool(true))),
            (Class::I64, v) => {
                let x = int_constant(v).unwrap_or(0);
                self.builder.ins().iconst(types::I64, x)
            }
        };
        Emitted { value, status }
    }

    /// Loads a row of an input column.
    fn load(&mut self, id: NodeId, class: Class) -> Emitted {
        let Some(base) = self.bases.get(&id).copied() else {
            // Only nodes whose status alone matters have no storage a loop could load.
            return self.constant(&Value::Null, class);
        };
        let status = match base.status {
            None => Status::Valid,
            Some(bytes) => {
                let (address, offset) = element(self.builder, bytes, self.row, self.lane, 1);
                Status::Byte(self.builder.ins().load(types::I8, TRUSTED, address, offset))
            }
        };
        let value = match base.values {
            None => return Emitted { value: self.builder.ins().iconst(types::I8, 0), status },
            Some(values) => {
                let (address, offset) =
                    element(self.builder, values, self.row, self.lane, base.class.bytes());
                self.builder.ins().load(register(base.class), TRUSTED, address, offset)
            }
        };
        // A bool under a status that is not valid may be any byte, and bools are combined bitwise.
        let value = match (base.class, status) {
            (Class::Bool, Status::Byte(_)) => self.builder.ins().band_imm_u(value, 1),
            _ => value,
        };
        Emitted { value, status }
    }

    /// The status as a byte, where it can be anything but valid.
    pub(crate) fn byte(&mut self, status: Status) -> Option<ir::Value> {
        match status {
            Status::Valid => None,
            Status::Flag(flag) => Some(self.builder.ins().ishl_imm_u(flag, 1)),
            Status::Byte(byte) => Some(byte),
        }
    }

    /// The status as a byte.
    pub(crate) fn byte_or_valid(&mut self, status: Status) -> ir::Value {
        match self.byte(status) {
            Some(byte) => byte,
            None => self.builder.ins().iconst(types::I8, 0),
        }
    }

    /// The status of a strict call: the leftmost error, else null if there is one.
    fn strict(&mut self, operands: &[Emitted]) -> Status {
        operands.iter().fold(Status::Valid, |all, operand| self.combine(all, operand.status))
    }

    fn combine(&mut self, a: Status, b: Status) -> Status {
        match (a, b) {
            (Status::Valid, other) | (other, Status::Valid) => other,
            (Status::Flag(a), Status::Flag(b)) => Status::Flag(self.builder.ins().bor(a, b)),
            (a, b) => {
                let (a, b) = (self.byte_or_valid(a), self.byte_or_valid(b));
                if self.variant == Variant::Valid {
                    // Which error does not matter, and null or'ed with an error is an error.
                    return Status::Byte(self.builder.ins().bor(a, b));
                }
                let error = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, a, i64::from(NULL));
                let larger = self.builder.ins().umax(a, b);
                Status::Byte(self.builder.ins().select(error, a, larger))
            }
        }
    }

    /// Adds an error of the operation itself, which only counts where the operands are valid.
    pub(crate) fn fail(&mut self, status: Status, failed: ir::Value, code: ErrorCode) -> Status {
        match (status, self.variant) {
            (Status::Valid, Variant::Valid) => Status::Flag(failed),
            (Status::Flag(flag), _) => Status::Flag(self.builder.ins().bor(flag, failed)),
            (Status::Valid, Variant::General) => {
                let none = self.builder.ins().iconst(types::I8, 0);
                let code = self.builder.ins().iconst(types::I8, code as i64);
                Status::Byte(self.builder.ins().select(failed, code, none))
            }
            (Status::Byte(byte), _) => {
                let valid = self.builder.ins().icmp_imm_u(IntCC::Equal, byte, 0);
                let failed = self.builder.ins().band(failed, valid);
                let code = self.builder.ins().iconst(types::I8, code as i64);
                Status::Byte(self.builder.ins().select(failed, code, byte))
            }
        }
    }

    /// 1 where the status byte is exactly `byte`.
    pub(crate) fn status_is(&mut self, status: ir::Value, byte: u8) -> ir::Value {
        self.builder.ins().icmp_imm_u(IntCC::Equal, status, i64::from(byte))
    }

    /// `condition ? a : b`, without a branch: Cranelift would make one for floats.
    pub(crate) fn select(&mut self, condition: ir::Value, a: ir::Value, b: ir::Value) -> ir::Value {
        if self.builder.func.dfg.value_type(a) != types::F64 {
            return self.builder.ins().select(condition, a, b);
        }
        let plain = MemFlagsData::new();
        let a = self.builder.ins().bitcast(types::I64, plain, a);
        let b = self.builder.ins().bitcast(types::I64, plain, b);
        let bits = self.builder.ins().select(condition, a, b);
        self.builder.ins().bitcast(types::F64, plain, bits)
    }

    /// The constant of a node.
    pub(crate) fn literal(&self, id: NodeId) -> Option<&'e Value> {
        self.graph.literal(id)
    }

    /// The kind of a node.
    pub(crate) fn kind(&self, id: NodeId) -> &'e flow_ir::Type {
        self.graph.kind(id)
    }
}

/// The 64 bits by which a column stores a value of the integer class.
pub(crate) fn int_constant(value: &Value) -> Option<i64> {
    match value {
        Value::Int(x) | Value::Timestamp(x) | Value::Duration(x) => Some(*x),
        Value::Date(x) => Some(i64::from(*x)),
        _ => None,
    }
}
