//! Arrow's types as the language's, for files that bring their own schema.
//!
//! Narrow numbers widen, every string and binary layout is one type, dictionaries are what they
//! hold. Invariant: a type that has no counterpart is named in an error, never approximated.

use arrow_schema::{DataType as Arrow, Field as ArrowField, Schema};
use flow_ir::{DataType, Field, Type};

/// Levels of lists and records in one field.
const DEPTH_MAX: usize = 32;

/// The fields of a file, all of them or those of the given names; an error names the one that has no type here.
pub(super) fn fields_of(schema: &Schema, only: Option<&[&str]>) -> Result<Vec<Field>, String> {
    let asked =
        schema.fields().iter().filter(|f| only.is_none_or(|names| names.contains(&f.name().as_str())));
    asked.map(|f| field_of(f, 0)).collect()
}

fn field_of(field: &ArrowField, depth: usize) -> Result<Field, String> {
    let kind = type_of(field.data_type(), depth).map_err(|ty| {
        // The innermost field has been named already.
        if ty.starts_with("its column") { ty } else { format!("its column `{}` is {ty}", field.name()) }
    })?;
    // A column of nulls only may hold nulls, whatever it says.
    let nullable = field.is_nullable() || *field.data_type() == Arrow::Null;
    Ok(Field { name: field.name().clone(), ty: DataType { kind, nullable } })
}

/// The type of the language; the error is the name of a type that has none.
fn type_of(ty: &Arrow, depth: usize) -> Result<Type, String> {
    if depth > DEPTH_MAX {
        return Err(format!("nested more than {DEPTH_MAX} levels deep"));
    }
    Ok(match ty {
        // Like a column of empty texts.
        Arrow::Null => Type::String,
        Arrow::Boolean => Type::Bool,
        Arrow::Int8 | Arrow::Int16 | Arrow::Int32 | Arrow::Int64 => Type::Int,
        Arrow::UInt8 | Arrow::UInt16 | Arrow::UInt32 | Arrow::UInt64 => Type::Int,
        Arrow::Float16 | Arrow::Float32 | Arrow::Float64 => Type::Float,
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => Type::String,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => Type::Bytes,
        Arrow::Date32 | Arrow::Date64 => Type::Date,
        Arrow::Timestamp(..) => Type::Timestamp,
        Arrow::Time32(_) | Arrow::Time64(_) | Arrow::Duration(_) => Type::Duration,
        Arrow::Decimal32(p, s)
        | Arrow::Decimal64(p, s)
        | Arrow::Decimal128(p, s)
        | Arrow::Decimal256(p, s) => match u8::try_from(*s) {
            Ok(scale) if (1..=38).contains(p) && scale <= *p => Type::Decimal { precision: *p, scale },
            _ => {
                return Err(format!(
                    "decimal({p}, {s}), and decimals have 1 to 38 digits and a scale within"
                ));
            }
        },
        Arrow::List(item) | Arrow::LargeList(item) | Arrow::FixedSizeList(item, _) => {
            Type::List(Box::new(field_of(item, depth + 1)?.ty))
        }
        Arrow::Map(entries, _) => Type::List(Box::new(field_of(entries, depth + 1)?.ty)),
        Arrow::Struct(fields) if !fields.is_empty() => {
            Type::Record(fields.iter().map(|f| field_of(f, depth + 1)).collect::<Result<_, _>>()?)
        }
        Arrow::Dictionary(_, values) => type_of(values, depth + 1)?,
        other => return Err(format!("of Arrow's type {other}, which has no counterpart here")),
    })
}
