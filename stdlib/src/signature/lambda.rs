//! List functions with a lambda, typed in two steps: the parameters first, so that the checker can
//! type the body, then the result from the type of the body.

use super::{SignatureError, SignatureErrorKind};
use flow_ir::{DataType, Function, Type};

/// Whether a function's last argument is a lambda.
pub fn takes_lambda(function: Function) -> bool {
    function.takes_lambda()
}

/// The types of the parameters of the lambda that `function` calls on the elements of `list`.
pub fn lambda_parameters(function: Function, list: &DataType) -> Result<Vec<DataType>, SignatureError> {
    match &list.kind {
        Type::List(element) if takes_lambda(function) => Ok(vec![(**element).clone()]),
        Type::List(_) => Err(SignatureError {
            kind: SignatureErrorKind::Argument(1),
            message: format!("`{}` does not take a function", function.name()),
            help: None,
        }),
        _ => Err(SignatureError {
            kind: SignatureErrorKind::Argument(0),
            message: format!("`{}` takes a list here, not `{list}`", function.name()),
            help: None,
        }),
    }
}

/// The type of `function(list, lambda)` for a lambda whose body has type `body`.
pub fn lambda_result(
    function: Function,
    list: &DataType,
    body: &DataType,
) -> Result<DataType, SignatureError> {
    let refuse = |expected: &str| SignatureError {
        kind: SignatureErrorKind::Argument(1),
        message: format!("`{}` needs a function to {expected} here, not to `{body}`", function.name()),
        help: None,
    };
    match function {
        Function::ListMap if body.kind == Type::Regex => Err(refuse("a value")),
        Function::ListMap => {
            Ok(DataType { kind: Type::List(Box::new(body.clone())), nullable: list.nullable })
        }
        Function::ListFilter if matches!(body.kind, Type::Bool | Type::Null) => Ok(list.clone()),
        Function::ListAny | Function::ListAll if matches!(body.kind, Type::Bool | Type::Null) => {
            Ok(DataType { kind: Type::Bool, nullable: list.nullable })
        }
        Function::ListFilter | Function::ListAny | Function::ListAll => Err(refuse("a bool")),
        _ if body.kind.is_ordered() => Ok(DataType::nullable(Type::Int)),
        _ => Err(refuse("something that has an order")),
    }
}
