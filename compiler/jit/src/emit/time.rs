//! Parts of dates and timestamps, by the calendar arithmetic of `flow_ir::text::civil`.

use super::{Emitted, Emitter, Status};
use crate::graph::NodeId;
use crate::native::trunc_unit;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use flow_ir::text::civil::{DAY, HOUR, MINUTE, SECOND};
use flow_ir::{ErrorCode, Function, Value};

impl Emitter<'_, '_> {
    /// `x / divisor` rounded down, and the remainder, for a positive constant.
    fn floor_by(&mut self, x: ir::Value, divisor: i64) -> (ir::Value, ir::Value) {
        let by = self.builder.ins().iconst(types::I64, divisor);
        let quotient = self.builder.ins().sdiv(x, by);
        let whole = self.builder.ins().imul(quotient, by);
        let remainder = self.builder.ins().isub(x, whole);
        // All ones where the remainder is negative.
        let negative = self.builder.ins().sshr_imm_u(remainder, 63);
        let quotient = self.builder.ins().iadd(quotient, negative);
        let lift = self.builder.ins().band(by, negative);
        (quotient, self.builder.ins().iadd(remainder, lift))
    }

    /// `x / divisor` of a number that is not negative.
    fn quotient(&mut self, x: ir::Value, divisor: i64) -> ir::Value {
        let by = self.builder.ins().iconst(types::I64, divisor);
        self.builder.ins().udiv(x, by)
    }

    fn times(&mut self, x: ir::Value, factor: i64) -> ir::Value {
        let factor = self.builder.ins().iconst(types::I64, factor);
        self.builder.ins().imul(x, factor)
    }

    /// The day of a date or timestamp.
    fn days(&mut self, id: NodeId, value: ir::Value) -> ir::Value {
        if self.is_date(id) { value } else { self.floor_by(value, DAY).0 }
    }

    pub(super) fn date_part(
        &mut self,
        function: Function,
        id: NodeId,
        value: ir::Value,
        status: Status,
    ) -> Emitted {
        let days = self.days(id, value);
        if function == Function::Weekday {
            let shifted = self.builder.ins().iadd_imm_s(days, 3);
            let (_, weekday) = self.floor_by(shifted, 7);
            return Emitted { value: self.builder.ins().iadd_imm_s(weekday, 1), status };
        }
        let value = self.civil(function, days);
        Emitted { value, status }
    }

    /// Year, month or day of a day: `civil_from_days`, step by step.
    fn civil(&mut self, function: Function, days: ir::Value) -> ir::Value {
        let shifted = self.builder.ins().iadd_imm_s(days, 719_468);
        let (era, day_of_era) = self.floor_by(shifted, 146_097);
        let a = self.quotient(day_of_era, 1460);
        let b = self.quotient(day_of_era, 36_524);
        let c = self.quotient(day_of_era, 146_096);
        let year_of_era = self.builder.ins().isub(day_of_era, a);
        let year_of_era = self.builder.ins().iadd(year_of_era, b);
        let year_of_era = self.builder.ins().isub(year_of_era, c);
        let year_of_era = self.quotient(year_of_era, 365);
        let before = self.times(year_of_era, 365);
        let leaps = self.quotient(year_of_era, 4);
        let centuries = self.quotient(year_of_era, 100);
        let before = self.builder.ins().iadd(before, leaps);
        let before = self.builder.ins().isub(before, centuries);
        let day_of_year = self.builder.ins().isub(day_of_era, before);
        let fifths = self.times(day_of_year, 5);
        let fifths = self.builder.ins().iadd_imm_s(fifths, 2);
        let shifted_month = self.quotient(fifths, 153);
        if function == Function::Day {
            let start = self.times(shifted_month, 153);
            let start = self.builder.ins().iadd_imm_s(start, 2);
            let start = self.quotient(start, 5);
            let day = self.builder.ins().isub(day_of_year, start);
            return self.builder.ins().iadd_imm_s(day, 1);
        }
        let early = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, shifted_month, 10);
        if function == Function::Month {
            let this_year = self.builder.ins().iadd_imm_s(shifted_month, 3);
            let next_year = self.builder.ins().iadd_imm_s(shifted_month, -9);
            return self.builder.ins().select(early, this_year, next_year);
        }
        let years = self.times(era, 400);
        let year = self.builder.ins().iadd(year_of_era, years);
        let next = self.builder.ins().bxor_imm_u(early, 1);
        let next = self.builder.ins().uextend(types::I64, next);
        self.builder.ins().iadd(year, next)
    }

    pub(super) fn time_part(&mut self, function: Function, value: ir::Value, status: Status) -> Emitted {
        let (_, of_day) = self.floor_by(value, DAY);
        let value = match function {
            Function::Hour => self.quotient(of_day, HOUR),
            Function::Minute => {
                let minutes = self.quotient(of_day, MINUTE);
                self.floor_by(minutes, 60).1
            }
            _ => {
                let seconds = self.quotient(of_day, SECOND);
                self.floor_by(seconds, 60).1
            }
        };
        Emitted { value, status }
    }

    /// `trunc(timestamp, unit)` for units of a fixed length.
    pub(super) fn trunc(&mut self, unit: NodeId, value: ir::Value, status: Status) -> Emitted {
        let unit = match self.literal(unit) {
            Some(Value::String(unit)) => trunc_unit(unit),
            _ => None,
        };
        let (_, rest) = self.floor_by(value, unit.unwrap_or(DAY));
        let (value, overflow) = self.builder.ins().ssub_overflow(value, rest);
        Emitted { value, status: self.fail(status, overflow, ErrorCode::Overflow) }
    }

    /// `date(x)` and `timestamp(x)` of dates and timestamps.
    pub(super) fn date_conversion(
        &mut self,
        function: Function,
        id: NodeId,
        operand: Emitted,
        status: Status,
    ) -> Emitted {
        match (function, self.is_date(id)) {
            // Every timestamp's day fits a date.
            (Function::ToDate, false) => Emitted { value: self.floor_by(operand.value, DAY).0, status },
            (Function::ToTimestamp, true) => {
                let day = self.builder.ins().iconst(types::I64, DAY);
                let (value, overflow) = self.builder.ins().smul_overflow(operand.value, day);
                Emitted { value, status: self.fail(status, overflow, ErrorCode::Conversion) }
            }
            _ => Emitted { value: operand.value, status },
        }
    }
}
