//! Conversions and the small numeric functions.

use super::{Emitted, Emitter, Status};
use crate::native::Class;
use cranelift_codegen::ir::{InstBuilder, types};
use flow_ir::Function;

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
        let value = match function {
            Function::Negate => return self.negate(first, status),
            Function::WrappingAdd => self.builder.ins().iadd(first.value, second.value),
            Function::WrappingSub => self.builder.ins().isub(first.value, second.value),
            Function::WrappingMul => self.builder.ins().imul(first.value, second.value),
            Function::IsNan => self.is_nan(first.value),
            Function::ToFloat => self.builder.ins().fcvt_from_sint(types::F64, first.value),
            // `native::is_native` lets nothing else through.
            _ => self.constant(&flow_ir::Value::Null, class).value,
        };
        Emitted { value, status }
    }
}
