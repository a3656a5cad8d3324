//! The forms that look at their operands one by one: `and`, `or`, `is null`, `??`, `if`, `try`,
//! `same`, and the binding of a block variable.

use super::{Emitted, Emitter, Status};
use crate::graph::NodeId;
use crate::native::Class;
use cranelift_codegen::ir::{self, InstBuilder, condcodes::IntCC, types};
use flow_ir::column::NULL;

impl Emitter<'_, '_> {
    /// Kleene `and` (`decisive` is false) or `or` (`decisive` is true).
    pub(super) fn connective(&mut self, a: NodeId, b: NodeId, decisive: bool) -> Emitted {
        let a = self.argument(a, Class::Bool);
        let b = self.argument(b, Class::Bool);
        let value = if decisive {
            self.builder.ins().bor(a.value, b.value)
        } else {
            self.builder.ins().band(a.value, b.value)
        };
        // What the left decides, the right cannot spoil. (The value is right in any case: bools are
        // 0 or 1 even under null, and a deciding operand settles the bitwise result.)
        let status = match (a.status, b.status) {
            (left, Status::Valid) if !matches!(left, Status::Byte(_)) => left,
            (Status::Valid | Status::Flag(_), Status::Valid | Status::Flag(_)) => {
                let decided = self.decides(a, decisive);
                let (left, right) = (self.flag(a.status), self.flag(b.status));
                let spoiled = self.builder.ins().band_not(right, decided);
                Status::Flag(self.builder.ins().bor(left, spoiled))
            }
            (left, right) => {
                let (left, right) = (self.byte_or_valid(left), self.byte_or_valid(right));
                let none = self.builder.ins().iconst(types::I8, 0);
                let both = self.builder.ins().umax(left, right);
                let b_decides = self.decides(b, decisive);
                let undecided = self.builder.ins().select(b_decides, none, both);
                let error = self.is_error(left);
                let status = self.builder.ins().select(error, left, undecided);
                let a_decides = self.decides(a, decisive);
                Status::Byte(self.builder.ins().select(a_decides, none, status))
            }
        };
        Emitted { value, status }
    }

    /// 1 where the operand alone decides a connective.
    fn decides(&mut self, operand: Emitted, decisive: bool) -> ir::Value {
        let value = if decisive { operand.value } else { self.builder.ins().bxor_imm_u(operand.value, 1) };
        match operand.status {
            Status::Valid => value,
            Status::Flag(flag) => self.builder.ins().band_not(value, flag),
            Status::Byte(byte) => {
                let valid = self.status_is(byte, 0);
                self.builder.ins().band(value, valid)
            }
        }
    }

    /// 1 where the status byte is an error.
    fn is_error(&mut self, byte: ir::Value) -> ir::Value {
        self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, byte, i64::from(NULL))
    }

    /// The status with null made valid: what remains of an operand that is asked about null.
    fn without_null(&mut self, byte: ir::Value) -> ir::Value {
        let none = self.builder.ins().iconst(types::I8, 0);
        let null = self.status_is(byte, NULL);
        self.builder.ins().select(null, none, byte)
    }

    pub(super) fn is_null(&mut self, a: NodeId) -> Emitted {
        let class = self.class(a).unwrap_or(Class::Bool);
        match self.argument(a, class).status {
            Status::Byte(byte) => {
                let value = self.status_is(byte, NULL);
                Emitted { value, status: Status::Byte(self.without_null(byte)) }
            }
            status => Emitted { value: self.builder.ins().iconst(types::I8, 0), status },
        }
    }

    pub(super) fn coalesce(&mut self, a: NodeId, b: NodeId, class: Class) -> Emitted {
        let a = self.argument(a, class);
        let Status::Byte(left) = a.status else { return a };
        let b = self.argument(b, class);
        let null = self.status_is(left, NULL);
        let value = self.select(null, b.value, a.value);
        let right = self.byte_or_valid(b.status);
        let status = self.builder.ins().select(null, right, left);
        Emitted { value, status: Status::Byte(status) }
    }

    pub(super) fn choose(&mut self, condition: NodeId, a: NodeId, b: NodeId, class: Class) -> Emitted {
        let condition = self.argument(condition, Class::Bool);
        let a = self.argument(a, class);
        let b = self.argument(b, class);
        let taken = match condition.status {
            Status::Byte(byte) => {
                let valid = self.status_is(byte, 0);
                self.builder.ins().band(condition.value, valid)
            }
            // An error raises the flag below whatever is chosen.
            Status::Valid | Status::Flag(_) => condition.value,
        };
        let value = self.select(taken, a.value, b.value);
        let chosen = match (a.status, b.status) {
            (Status::Valid, Status::Valid) => Status::Valid,
            (Status::Flag(_) | Status::Valid, Status::Flag(_) | Status::Valid) => {
                let (a, b) = (self.flag(a.status), self.flag(b.status));
                Status::Flag(self.builder.ins().select(taken, a, b))
            }
            (a, b) => {
                let (a, b) = (self.byte_or_valid(a), self.byte_or_valid(b));
                Status::Byte(self.builder.ins().select(taken, a, b))
            }
        };
        Emitted { value, status: self.unless_error(condition.status, chosen) }
    }

    fn flag(&mut self, status: Status) -> ir::Value {
        match status {
            Status::Flag(flag) => flag,
            Status::Valid | Status::Byte(_) => self.builder.ins().iconst(types::I8, 0),
        }
    }

    /// `status`, but the error of `first` if that is one.
    fn unless_error(&mut self, first: Status, status: Status) -> Status {
        match (first, status) {
            (Status::Valid, status) => status,
            (Status::Flag(flag), Status::Valid) => Status::Flag(flag),
            (Status::Flag(a), Status::Flag(b)) => Status::Flag(self.builder.ins().bor(a, b)),
            (Status::Flag(_), Status::Byte(byte)) => {
                // The byte may say null; with the flag's bit it says error.
                let first = self.byte_or_valid(first);
                Status::Byte(self.builder.ins().bor(first, byte))
            }
            (Status::Byte(first), status) => {
                let rest = self.byte_or_valid(status);
                let error = self.is_error(first);
                Status::Byte(self.builder.ins().select(error, first, rest))
            }
        }
    }

    pub(super) fn attempt(&mut self, a: NodeId, class: Class) -> Emitted {
        let a = self.argument(a, class);
        let status = match a.status {
            Status::Valid => Status::Valid,
            // An error flag is 1, which is null's byte.
            Status::Flag(flag) => Status::Byte(flag),
            Status::Byte(byte) => {
                let null = self.builder.ins().iconst(types::I8, i64::from(NULL));
                Status::Byte(self.builder.ins().umin(byte, null))
            }
        };
        Emitted { value: a.value, status }
    }

    pub(super) fn same(&mut self, a: NodeId, b: NodeId) -> Emitted {
        let class = self.class(a).or_else(|| self.class(b)).unwrap_or(Class::Bool);
        let left = self.argument(a, class);
        let right = self.argument(b, class);
        let equal = self.equal(class, (a, left.value), (b, right.value));
        let null = |status| matches!(status, Status::Byte(_));
        if !null(left.status) && !null(right.status) {
            return Emitted { value: equal, status: self.combine(left.status, right.status) };
        }
        let (left, right) = (self.byte_or_valid(left.status), self.byte_or_valid(right.status));
        // Equal statuses: both null, or both valid and equal. (Errors are told by the status.)
        let left_null = self.status_is(left, NULL);
        let either = self.builder.ins().bor(left, right);
        let neither = self.status_is(either, 0);
        let equal = self.builder.ins().band(equal, neither);
        let right_null = self.status_is(right, NULL);
        let both = self.builder.ins().band(left_null, right_null);
        let value = self.builder.ins().bor(equal, both);
        let rest = self.without_null(right);
        let error = self.is_error(left);
        let status = self.builder.ins().select(error, left, rest);
        Emitted { value, status: Status::Byte(status) }
    }

    pub(super) fn after(&mut self, a: NodeId, b: NodeId, class: Class) -> Emitted {
        let own = self.class(a).unwrap_or(Class::Bool);
        let first = self.argument(a, own).status;
        let body = self.argument(b, class);
        Emitted { value: body.value, status: self.unless_error(first, body.status) }
    }
}
