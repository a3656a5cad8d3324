//! Comparisons. Floats follow the language's total order: NaN equals NaN and is the largest.

use super::{Emitted, Emitter, Status, int_constant};
use crate::graph::NodeId;
use crate::native::Class;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};
use flow_ir::column::NULL;
use flow_ir::{Function, Type, Value};

/// An operand: its node, which may be a constant, and its value.
type Operand = (NodeId, ir::Value);

impl Emitter<'_, '_> {
    pub(super) fn comparison(
        &mut self,
        function: Function,
        arguments: &[NodeId],
        operands: &[Emitted],
        status: Status,
    ) -> Emitted {
        let a = (arguments[0], operands[0].value);
        let b = (arguments[1], operands[1].value);
        let class = self.class(a.0).or_else(|| self.class(b.0)).unwrap_or(Class::I64);
        let value = match function {
            Function::Equal => self.equal(class, a, b),
            Function::NotEqual => {
                let equal = self.equal(class, a, b);
                self.builder.ins().bxor_imm_u(equal, 1)
            }
            Function::Less => self.less(class, a, b),
            Function::Greater => self.less(class, b, a),
            Function::LessEqual => self.less_equal(class, a, b),
            _ => self.less_equal(class, b, a),
        };
        Emitted { value, status }
    }

    pub(super) fn between(&mut self, arguments: &[NodeId], operands: &[Emitted], status: Status) -> Emitted {
        let operand = |i: usize| (arguments[i], operands[i].value);
        let class = self.class(arguments[0]).unwrap_or(Class::I64);
        let above = self.less_equal(class, operand(1), operand(0));
        let below = self.less_equal(class, operand(0), operand(2));
        Emitted { value: self.builder.ins().band(above, below), status }
    }

    /// `x in [constants]`: null where `x` is not there but a null is.
    pub(super) fn in_list(&mut self, arguments: &[NodeId], operands: &[Emitted], status: Status) -> Emitted {
        let class = self.class(arguments[0]).unwrap_or(Class::I64);
        let x = operands[0].value;
        let mut found = self.builder.ins().iconst(types::I8, 0);
        let mut has_null = false;
        let Some(Value::List(items)) = self.literal(arguments[1]) else {
            return Emitted { value: found, status };
        };
        for item in items.iter() {
            let equal = match (class, item) {
                (_, Value::Null) => {
                    has_null = true;
                    continue;
                }
                (Class::F64, Value::Float(item)) if item.is_nan() => self.is_nan(x),
                (Class::F64, Value::Float(item)) => {
                    let item = self.builder.ins().f64const(*item);
                    self.builder.ins().fcmp(FloatCC::Equal, x, item)
                }
                (_, item) => {
                    let bits = int_constant(item).unwrap_or(i64::from(*item == Value::Bool(true)));
                    self.builder.ins().icmp_imm_s(IntCC::Equal, x, bits)
                }
            };
            found = self.builder.ins().bor(found, equal);
        }
        if !has_null {
            return Emitted { value: found, status };
        }
        let byte = self.byte_or_valid(status);
        let null = self.builder.ins().iconst(types::I8, i64::from(NULL));
        let missing = self.builder.ins().select(found, byte, null);
        // Where `x` itself is not valid its own status stays.
        let valid = self.status_is(byte, 0);
        let byte = self.builder.ins().select(valid, missing, byte);
        Emitted { value: found, status: Status::Byte(byte) }
    }

    /// 1 where `x` is NaN.
    pub(super) fn is_nan(&mut self, x: ir::Value) -> ir::Value {
        self.builder.ins().fcmp(FloatCC::Unordered, x, x)
    }

    /// 1 where the two are equal.
    pub(super) fn equal(&mut self, class: Class, a: Operand, b: Operand) -> ir::Value {
        if class != Class::F64 {
            return self.builder.ins().icmp(IntCC::Equal, a.1, b.1);
        }
        let equal = self.builder.ins().fcmp(FloatCC::Equal, a.1, b.1);
        if self.is_number(a.0) || self.is_number(b.0) {
            return equal;
        }
        let (a, b) = (self.is_nan(a.1), self.is_nan(b.1));
        let both = self.builder.ins().band(a, b);
        self.builder.ins().bor(equal, both)
    }

    /// 1 where `a < b`.
    pub(super) fn less(&mut self, class: Class, a: Operand, b: Operand) -> ir::Value {
        match class {
            Class::Bool => self.builder.ins().icmp(IntCC::UnsignedLessThan, a.1, b.1),
            Class::I64 => self.builder.ins().icmp(IntCC::SignedLessThan, a.1, b.1),
            // No NaN is above a number, so plain `<` is enough where `b` is one.
            Class::F64 if self.is_number(b.0) => self.builder.ins().fcmp(FloatCC::LessThan, a.1, b.1),
            Class::F64 => {
                let less = self.builder.ins().fcmp(FloatCC::UnorderedOrLessThan, a.1, b.1);
                if self.is_number(a.0) {
                    return less;
                }
                let a_is_number = self.builder.ins().fcmp(FloatCC::Ordered, a.1, a.1);
                self.builder.ins().band(less, a_is_number)
            }
        }
    }

    /// 1 where `a <= b`.
    pub(super) fn less_equal(&mut self, class: Class, a: Operand, b: Operand) -> ir::Value {
        match class {
            Class::Bool => self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, a.1, b.1),
            Class::I64 => self.builder.ins().icmp(IntCC::SignedLessThanOrEqual, a.1, b.1),
            Class::F64 if self.is_number(a.0) => {
                self.builder.ins().fcmp(FloatCC::UnorderedOrLessThanOrEqual, a.1, b.1)
            }
            Class::F64 => {
                let less = self.builder.ins().fcmp(FloatCC::LessThanOrEqual, a.1, b.1);
                if self.is_number(b.0) {
                    return less;
                }
                let b_is_nan = self.is_nan(b.1);
                self.builder.ins().bor(less, b_is_nan)
            }
        }
    }

    /// Whether the node is a constant other than NaN.
    fn is_number(&self, id: NodeId) -> bool {
        matches!(self.literal(id), Some(Value::Float(x)) if !x.is_nan())
    }

    /// Whether the node is a date.
    pub(super) fn is_date(&self, id: NodeId) -> bool {
        *self.kind(id) == Type::Date
    }
}
