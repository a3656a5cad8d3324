//! The small vocabulary in which signatures are written: counting, widening and refusing arguments.

use super::widen::{common_type, widen};
use super::{Resolved, SignatureError, SignatureErrorKind};
use flow_ir::text::with_article;
use flow_ir::{DataType, Function, Type};

/// A call whose type is asked for.
pub(super) struct Call<'a> {
    /// The function.
    pub(super) function: Function,
    /// The types of its arguments.
    pub(super) arguments: &'a [DataType],
}

impl Call<'_> {
    /// Refuses any other number of arguments than `min` to `max`.
    pub(super) fn count(&self, min: usize, max: usize) -> Result<(), SignatureError> {
        let given = self.arguments.len();
        if (min..=max).contains(&given) {
            return Ok(());
        }
        let expected = match (min, max) {
            (1, 1) => "1 argument".to_owned(),
            _ if min == max => format!("{min} arguments"),
            (1, usize::MAX) => "at least 1 argument".to_owned(),
            (_, usize::MAX) => format!("at least {min} arguments"),
            _ => format!("{min} to {max} arguments"),
        };
        Err(SignatureError {
            kind: SignatureErrorKind::Count,
            message: format!("`{}` takes {expected}, not {given}", self.function.name()),
            help: None,
        })
    }

    /// The kind of an argument; `null` for one that is not there, which `count` rules out.
    pub(super) fn kind(&self, i: usize) -> &Type {
        self.arguments.get(i).map_or(&Type::Null, |a| &a.kind)
    }

    /// Argument `i` widened to `to`.
    pub(super) fn take(&self, i: usize, to: &Type) -> Result<DataType, SignatureError> {
        let given = self.arguments.get(i).cloned().unwrap_or(DataType::nullable(Type::Null));
        widen(&given, to).ok_or_else(|| self.refuse(i, &with_article(to)))
    }

    /// Argument `i` widened to the element type of a list, or the list's to the argument's.
    pub(super) fn take_element(&self, list: usize, x: usize) -> Result<(DataType, DataType), SignatureError> {
        let Some(element) = self.element(list) else { return Err(self.refuse(list, "a list")) };
        let (Some(list_type), Some(x_type)) = (self.arguments.get(list), self.arguments.get(x)) else {
            return Err(self.refuse(list, "a list"));
        };
        match common_type(element, x_type) {
            Some(common) => {
                let element = DataType { kind: common.kind.clone(), nullable: element.nullable };
                let list = DataType { kind: Type::List(Box::new(element)), nullable: list_type.nullable };
                Ok((list, DataType { kind: common.kind, nullable: x_type.nullable }))
            }
            None => Err(self.operands(&format!("a `{list_type}` cannot contain a `{x_type}`"))),
        }
    }

    /// The element type of argument `i`; `None` if it is no list.
    pub(super) fn element(&self, i: usize) -> Option<&DataType> {
        match self.kind(i) {
            Type::List(element) => Some(element),
            _ => None,
        }
    }

    /// Whether some argument may be null.
    pub(super) fn nullable(&self) -> bool {
        self.arguments.iter().any(|a| a.nullable || a.kind == Type::Null)
    }

    /// A strict call: null if an argument is.
    pub(super) fn strict(&self, arguments: Vec<DataType>, result: Type) -> Result<Resolved, SignatureError> {
        let nullable = self.nullable();
        Ok(Resolved { function: self.function, arguments, result: DataType { kind: result, nullable } })
    }

    /// A call that may be null even if no argument is.
    pub(super) fn optional(
        &self,
        arguments: Vec<DataType>,
        result: Type,
    ) -> Result<Resolved, SignatureError> {
        Ok(Resolved { function: self.function, arguments, result: DataType::nullable(result) })
    }

    /// A strict call whose non-null result is an element that may itself be null.
    pub(super) fn element_result(
        &self,
        arguments: Vec<DataType>,
        element: &DataType,
    ) -> Result<Resolved, SignatureError> {
        let result = element.with_nullable(element.nullable || self.nullable());
        Ok(Resolved { function: self.function, arguments, result })
    }

    /// The error for argument `i`, which should be `expected` (with its article).
    pub(super) fn refuse(&self, i: usize, expected: &str) -> SignatureError {
        let given = self.arguments.get(i).map_or_else(|| "nothing".to_owned(), |a| format!("`{a}`"));
        SignatureError {
            kind: SignatureErrorKind::Argument(i),
            message: format!("`{}` takes {expected} here, not {given}", self.function.name()),
            help: None,
        }
    }

    /// The error for operands that do not go together.
    pub(super) fn operands(&self, message: &str) -> SignatureError {
        SignatureError { kind: SignatureErrorKind::Operands, message: message.to_owned(), help: None }
    }
}
