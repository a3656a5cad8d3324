//! Aggregate updates: adds the rows of a morsel to the state words of their groups.
//!
//! The states are those of `flow_ir::layout`. What has its state outside the words is left to the
//! runtime, as is every row that would make a float sum inexact: the kernel stops in front of such
//! a row without having changed anything for it, and says where.

mod emit;
mod lanes;
mod slot;

use crate::call::{Inputs, UpdateRequest, update};
use crate::code::Code;
use crate::describe::KernelText;
use crate::engine::host;
use crate::error::JitError;
use crate::native::Class;
use emit::{UpdateVariant, emit_update};
use flow_ir::layout::{StateKind, StateLayout};
use flow_ir::{AggregateKind, Column, Status, Type};
use slot::{Input, UpdateSlot};
use std::sync::OnceLock;
use std::time::Duration;

/// A compiled update of the aggregates of a `reduce` or `reduce_by_key`.
pub struct UpdateKernel {
    slots: Vec<UpdateSlot>,
    covered: Vec<bool>,
    /// The classes of the arguments, by aggregate; `None` where a kernel reads no values.
    classes: Vec<Option<Class>>,
    stride: usize,
    keyed: bool,
    text: bool,
    /// For valid rows. Keyed, it stops where it must; else it takes all rows or none.
    valid: Code,
    /// For any rows, and those of one group that `valid` did not take.
    general: OnceLock<Result<Code, JitError>>,
}

impl UpdateKernel {
    /// Compiles an update of the given aggregates and types of their arguments. `keyed` is false
    /// where all rows belong to group 0. `None` if no aggregate has its state in the words, or no
    /// code can be made executable here.
    pub fn compile(
        aggregates: &[(AggregateKind, Option<Type>)],
        layout: &StateLayout,
        keyed: bool,
        text: bool,
    ) -> Result<Option<UpdateKernel>, JitError> {
        let slots: Vec<UpdateSlot> = aggregates
            .iter()
            .zip(&layout.slots)
            .enumerate()
            .filter_map(|(i, ((kind, argument), slot))| UpdateSlot::new(i, *kind, argument.as_ref(), *slot))
            .collect();
        if slots.is_empty() {
            return Ok(None);
        }
        let mut covered = vec![false; aggregates.len()];
        let mut classes = vec![None; aggregates.len()];
        for slot in &slots {
            covered[slot.aggregate] = true;
            classes[slot.aggregate] = slot.input.class();
        }
        let valid = match compile_variant(&slots, layout.stride, keyed, text, UpdateVariant::Valid) {
            Ok(code) => code,
            Err(JitError::Host(_) | JitError::Memory(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(UpdateKernel {
            slots,
            covered,
            classes,
            stride: layout.stride,
            keyed,
            text,
            valid,
            general: OnceLock::new(),
        }))
    }

    /// For each aggregate, whether [`UpdateKernel::run`] does it. The others are the caller's, for all rows.
    pub fn covered(&self) -> &[bool] {
        &self.covered
    }

    /// Adds rows `from..rows` to the states of their groups and returns the row it stopped at:
    /// `rows`, or one whose float sum the words cannot hold. That row has changed nothing; the
    /// caller adds it to the covered aggregates and goes on behind it.
    ///
    /// `groups` has the group of every row; it is not read unless the kernel is keyed. `arguments`
    /// stand in the order of the aggregates. Rows whose argument is not valid are skipped.
    ///
    /// # Panics
    /// If a group's words are not inside `states`, or a column is missing, too short, or not of its
    /// type's storage class.
    pub fn run(
        &self,
        states: &mut [u64],
        groups: &[u32],
        arguments: &[Option<&Column>],
        from: usize,
        rows: usize,
    ) -> usize {
        if from >= rows {
            return rows;
        }
        assert_eq!(arguments.len(), self.covered.len(), "an update got the wrong number of arguments");
        let read: Vec<Option<&Column>> = self
            .slots
            .iter()
            .map(|slot| {
                let argument = arguments[slot.aggregate];
                assert!(argument.is_some() || slot.input == Input::Nothing, "an aggregate has no argument");
                argument.filter(|_| slot.input != Input::Nothing)
            })
            .collect();
        let valid = read.iter().flatten().all(|c| c.status == Status::AllValid);
        let classes = self.slots.iter().map(|slot| self.classes[slot.aggregate]);
        let inputs = Inputs::check(classes.zip(read), rows, true);
        let groups = self.keyed.then_some(groups);
        let mut request = UpdateRequest { states, stride: self.stride, groups, from, rows };
        if valid {
            let done = update(&self.valid, &mut request, &inputs);
            if self.keyed || done == rows {
                return done;
            }
        }
        match self.general() {
            Ok(code) => update(code, &mut request, &inputs),
            // Without code the caller has to add every row.
            Err(_) => from,
        }
    }

    fn general(&self) -> Result<&Code, JitError> {
        self.general
            .get_or_init(|| {
                compile_variant(&self.slots, self.stride, self.keyed, self.text, UpdateVariant::General)
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The generated code's texts; empty unless they were asked for.
    pub fn texts(&self) -> Vec<KernelText> {
        if !self.text {
            return Vec::new();
        }
        let general = self.general().ok();
        [Some(&self.valid), general].into_iter().flatten().filter_map(|code| code.text().cloned()).collect()
    }

    /// How long generating native code has taken so far.
    pub fn compile_time(&self) -> Duration {
        let general = self.general.get().and_then(|g| g.as_ref().ok());
        [Some(&self.valid), general].into_iter().flatten().map(Code::compile_time).sum()
    }
}

fn compile_variant(
    slots: &[UpdateSlot],
    stride: usize,
    keyed: bool,
    text: bool,
    variant: UpdateVariant,
) -> Result<Code, JitError> {
    let name = match variant {
        UpdateVariant::Valid => "update (valid rows)",
        UpdateVariant::General => "update (any rows)",
    };
    Code::compile(host()?, name, text, |builder| match variant {
        UpdateVariant::Valid if !keyed => lanes::emit_lanes(builder, slots),
        variant => emit_update(builder, slots, stride, keyed, variant),
    })
}

/// The state kinds a kernel updates.
fn in_words(kind: StateKind) -> bool {
    kind != StateKind::Side
}
