//! Conversions between numbers, and the small numeric functions.

use super::{Emitted, Emitter, Status};
use crate::graph::NodeId;
use crate::native::Class;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};
use flow_ir::{ErrorCode, Function};

impl Emitter<'_, '_> {
    pub(super) fn convert(
        &mut self,
        function: Function,
        class: Class,
        operands: &[Emitted],
        status: Status,
    ) -> Emitted {
        let first = operands[0];
        let second = operands.get(1).copied().unwrap_or(first);
        let float = self.builder.func.dfg.value_type(first.value) == types::F64;
        let value = match function {
            Function::Negate => return self.negate(first, status),
            Function::Abs => return self.abs(first.value, status),
            Function::Sqrt => return self.sqrt(first.value, status),
            Function::ToInt => return self.whole_part(first.value, status),
            Function::Sign => self.sign(first.value),
            Function::Round if float => self.round(first.value),
            Function::Floor if float => self.builder.ins().floor(first.value),
            Function::Ceil if float => self.builder.ins().ceil(first.value),
            // Ints are whole already.
            Function::Round | Function::Floor | Function::Ceil => first.value,
            Function::WrappingAdd => self.builder.ins().iadd(first.value, second.value),
            Function::WrappingSub => self.builder.ins().isub(first.value, second.value),
            Function::WrappingMul => self.builder.ins().imul(first.value, second.value),
            Function::IsNan => self.is_nan(first.value),
            Function::ToFloat if float => first.value,
            Function::ToFloat => self.builder.ins().fcvt_from_sint(types::F64, first.value),
            // `native::is_native` lets nothing else through.
            _ => self.constant(&flow_ir::Value::Null, class).value,
        };
        Emitted { value, status }
    }

    fn abs(&mut self, x: ir::Value, status: Status) -> Emitted {
        if self.builder.func.dfg.value_type(x) == types::F64 {
            return Emitted { value: self.builder.ins().fabs(x), status };
        }
        let value = self.builder.ins().iabs(x);
        let overflow = self.builder.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN);
        Emitted { value, status: self.fail(status, overflow, ErrorCode::Overflow) }
    }

    fn sqrt(&mut self, x: ir::Value, status: Status) -> Emitted {
        let zero = self.builder.ins().f64const(0.0);
        let negative = self.builder.ins().fcmp(FloatCC::LessThan, x, zero);
        let status = self.fail(status, negative, ErrorCode::Argument);
        Emitted { value: self.builder.ins().sqrt(x), status }
    }

    /// -1, 0 or 1, as a float for floats; NaN of NaN.
    fn sign(&mut self, x: ir::Value) -> ir::Value {
        if self.builder.func.dfg.value_type(x) != types::F64 {
            let sign = self.builder.ins().sshr_imm_u(x, 63);
            let positive = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThan, x, 0);
            let positive = self.builder.ins().uextend(types::I64, positive);
            return self.builder.ins().bor(sign, positive);
        }
        let zero = self.builder.ins().f64const(0.0);
        let above = self.builder.ins().fcmp(FloatCC::GreaterThan, x, zero);
        let below = self.builder.ins().fcmp(FloatCC::LessThan, x, zero);
        let above = self.builder.ins().uextend(types::I64, above);
        let below = self.builder.ins().uextend(types::I64, below);
        let sign = self.builder.ins().isub(above, below);
        let sign = self.builder.ins().fcvt_from_sint(types::F64, sign);
        let nan = self.is_nan(x);
        self.select(nan, x, sign)
    }

    /// To the nearest whole number, halves away from zero.
    fn round(&mut self, x: ir::Value) -> ir::Value {
        // The largest float below one half: one half itself would lift 0.49999999999999994 to 1.
        let half = self.builder.ins().f64const(0.499_999_999_999_999_94);
        let half = self.builder.ins().fcopysign(half, x);
        let moved = self.builder.ins().fadd(x, half);
        self.builder.ins().trunc(moved)
    }

    /// Without the digits after the point; an error where no int is that large.
    fn whole_part(&mut self, x: ir::Value, status: Status) -> Emitted {
        match self.builder.func.dfg.value_type(x) {
            types::I8 => return Emitted { value: self.builder.ins().uextend(types::I64, x), status },
            types::F64 => {}
            _ => return Emitted { value: x, status },
        }
        // Both bounds are exact floats; the upper is the first float too large.
        let low = self.builder.ins().f64const(i64::MIN as f64);
        let high = self.builder.ins().f64const(-(i64::MIN as f64));
        let above = self.builder.ins().fcmp(FloatCC::GreaterThanOrEqual, x, low);
        let below = self.builder.ins().fcmp(FloatCC::LessThan, x, high);
        let fits = self.builder.ins().band(above, below);
        let broken = self.builder.ins().bxor_imm_u(fits, 1);
        let status = self.fail(status, broken, ErrorCode::Conversion);
        // The saturating form is the one that does not trap.
        Emitted { value: self.builder.ins().fcvt_to_sint_sat(types::I64, x), status }
    }

    /// The first of the arguments that no other is better than.
    pub(super) fn extreme(
        &mut self,
        function: Function,
        arguments: &[NodeId],
        operands: &[Emitted],
        status: Status,
    ) -> Emitted {
        let class = self.class(arguments[0]).unwrap_or(Class::I64);
        let mut best = (arguments[0], operands[0].value);
        for (id, operand) in arguments.iter().zip(operands).skip(1) {
            let next = (*id, operand.value);
            let better = if function == Function::Least {
                self.less(class, next, best)
            } else {
                self.less(class, best, next)
            };
            // What is chosen is no constant any more, so it stands for the column argument, which
            // promises nothing about NaN.
            let value = self.select(better, next.1, best.1);
            let id = if self.literal(best.0).is_some() { next.0 } else { best.0 };
            best = (id, value);
        }
        Emitted { value: best.1, status }
    }
}
