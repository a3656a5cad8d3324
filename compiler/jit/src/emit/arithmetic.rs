//! Checked arithmetic: integers, floats, dates, timestamps and durations.

use super::{Emitted, Emitter, Status};
use crate::graph::NodeId;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};
use flow_ir::{ErrorCode, Function, Type, Value};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

impl Emitter<'_, '_> {
    pub(super) fn sum_or_product(
        &mut self,
        function: Function,
        arguments: &[NodeId],
        operands: &[Emitted],
        status: Status,
    ) -> Emitted {
        let (a, b) = (operands[0].value, operands[1].value);
        if *self.kind(arguments[0]) == Type::Float {
            let value = match function {
                Function::Add => self.builder.ins().fadd(a, b),
                Function::Subtract => self.builder.ins().fsub(a, b),
                _ => self.builder.ins().fmul(a, b),
            };
            return Emitted { value, status };
        }
        match (self.is_date(arguments[0]), self.is_date(arguments[1])) {
            (true, true) => self.date_difference(a, b, status),
            (true, false) => self.shift_date(function, a, b, status),
            (false, true) => self.shift_date(function, b, a, status),
            (false, false) => self.checked(function, a, b, status),
        }
    }

    fn checked(&mut self, function: Function, a: ir::Value, b: ir::Value, status: Status) -> Emitted {
        let (value, overflow) = match function {
            Function::Add => self.builder.ins().sadd_overflow(a, b),
            Function::Subtract => self.builder.ins().ssub_overflow(a, b),
            _ => self.builder.ins().smul_overflow(a, b),
        };
        Emitted { value, status: self.fail(status, overflow, ErrorCode::Overflow) }
    }

    /// `date - date`, in microseconds.
    fn date_difference(&mut self, a: ir::Value, b: ir::Value, status: Status) -> Emitted {
        // Dates have 32 bits, so only the product can overflow.
        let days = self.builder.ins().isub(a, b);
        let day = self.builder.ins().iconst(types::I64, DAY);
        self.checked(Function::Multiply, days, day, status)
    }

    /// `date + duration` or `date - duration`, where the duration must be whole days.
    fn shift_date(
        &mut self,
        function: Function,
        date: ir::Value,
        duration: ir::Value,
        status: Status,
    ) -> Emitted {
        let day = self.builder.ins().iconst(types::I64, DAY);
        let days = self.builder.ins().sdiv(duration, day);
        let whole = self.builder.ins().imul(days, day);
        let broken = self.builder.ins().icmp(IntCC::NotEqual, whole, duration);
        let status = self.fail(status, broken, ErrorCode::Argument);
        let value = match function {
            Function::Add => self.builder.ins().iadd(date, days),
            _ => self.builder.ins().isub(date, days),
        };
        let low = self.builder.ins().ireduce(types::I32, value);
        let back = self.builder.ins().sextend(types::I64, low);
        let overflow = self.builder.ins().icmp(IntCC::NotEqual, back, value);
        Emitted { value, status: self.fail(status, overflow, ErrorCode::Overflow) }
    }

    /// `a / b`, always a float.
    pub(super) fn divide(&mut self, arguments: &[NodeId], operands: &[Emitted], status: Status) -> Emitted {
        let (a, b) = (operands[0].value, operands[1].value);
        let integers = self.builder.func.dfg.value_type(a) == types::I64;
        let zero = if integers {
            self.builder.ins().icmp_imm_s(IntCC::Equal, b, 0)
        } else {
            let zero = self.builder.ins().f64const(0.0);
            self.builder.ins().fcmp(FloatCC::Equal, b, zero)
        };
        let status = if self.is_nonzero(arguments[1]) {
            status
        } else {
            self.fail(status, zero, ErrorCode::DivisionByZero)
        };
        let (a, b) = if integers {
            (
                self.builder.ins().fcvt_from_sint(types::F64, a),
                self.builder.ins().fcvt_from_sint(types::F64, b),
            )
        } else {
            (a, b)
        };
        Emitted { value: self.builder.ins().fdiv(a, b), status }
    }

    /// `a // b` and `a % b` of ints, rounding down.
    pub(super) fn int_division(
        &mut self,
        function: Function,
        arguments: &[NodeId],
        operands: &[Emitted],
        status: Status,
    ) -> Emitted {
        let (a, b) = (operands[0].value, operands[1].value);
        let known = self.is_nonzero(arguments[1]);
        let zero = self.builder.ins().icmp_imm_s(IntCC::Equal, b, 0);
        let status = if known { status } else { self.fail(status, zero, ErrorCode::DivisionByZero) };
        // The processor traps on x / 0 and on MIN / -1, so both divisors are replaced; the results
        // for -1 are put in afterwards.
        let minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, b, -1);
        let unsafe_divisor = self.builder.ins().bor(zero, minus_one);
        let one = self.builder.ins().iconst(types::I64, 1);
        let divisor = self.builder.ins().select(unsafe_divisor, one, b);
        let quotient = self.builder.ins().sdiv(a, divisor);
        let back = self.builder.ins().imul(quotient, divisor);
        let remainder = self.builder.ins().isub(a, back);
        let inexact = self.builder.ins().icmp_imm_s(IntCC::NotEqual, remainder, 0);
        let signs = self.builder.ins().bxor(remainder, divisor);
        let opposite = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, signs, 0);
        let adjust = self.builder.ins().band(inexact, opposite);
        if function == Function::Remainder {
            // For -1 the divisor is 1, and the remainder is 0 either way.
            let moved = self.builder.ins().iadd(remainder, divisor);
            let value = self.builder.ins().select(adjust, moved, remainder);
            return Emitted { value, status };
        }
        let adjust = self.builder.ins().uextend(types::I64, adjust);
        let rounded = self.builder.ins().isub(quotient, adjust);
        let negated = self.builder.ins().ineg(a);
        let value = self.builder.ins().select(minus_one, negated, rounded);
        if known && self.literal(arguments[1]) != Some(&Value::Int(-1)) {
            return Emitted { value, status };
        }
        let least = self.builder.ins().icmp_imm_s(IntCC::Equal, a, i64::MIN);
        let overflow = self.builder.ins().band(least, minus_one);
        Emitted { value, status: self.fail(status, overflow, ErrorCode::Overflow) }
    }

    /// `-a`.
    pub(super) fn negate(&mut self, operand: Emitted, status: Status) -> Emitted {
        if self.builder.func.dfg.value_type(operand.value) == types::F64 {
            return Emitted { value: self.builder.ins().fneg(operand.value), status };
        }
        let value = self.builder.ins().ineg(operand.value);
        let overflow = self.builder.ins().icmp_imm_s(IntCC::Equal, operand.value, i64::MIN);
        Emitted { value, status: self.fail(status, overflow, ErrorCode::Overflow) }
    }

    /// Whether the node is a constant by which everything can be divided.
    fn is_nonzero(&self, id: NodeId) -> bool {
        match self.literal(id) {
            Some(Value::Int(x) | Value::Duration(x)) => *x != 0,
            Some(Value::Float(x)) => *x != 0.0,
            _ => false,
        }
    }
}
