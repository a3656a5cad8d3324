//! Single values of arrays: elements of lists, records in lists, bytes, and bounds of statistics.

use super::values::{Leaf, Rows, column};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as Arrow;
use flow_ir::{DataType, Type, Value};
use std::sync::Arc;

/// The value of a row, null included; `None` if it is not one of the type.
pub(super) fn value_at(array: &ArrayRef, row: usize, ty: &Type) -> Option<Value> {
    if row >= array.len() {
        return None;
    }
    if array.is_null(row) {
        return Some(Value::Null);
    }
    match (array.data_type(), ty) {
        (Arrow::Dictionary(..), _) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let key = *dictionary.normalized_keys().get(row)?;
            value_at(dictionary.values(), key, ty)
        }
        (Arrow::Binary, Type::Bytes) => Some(bytes(array.as_binary_opt::<i32>()?.value(row))),
        (Arrow::LargeBinary, Type::Bytes) => Some(bytes(array.as_binary_opt::<i64>()?.value(row))),
        (Arrow::BinaryView, Type::Bytes) => Some(bytes(array.as_binary_view_opt()?.value(row))),
        (Arrow::FixedSizeBinary(_), Type::Bytes) => Some(bytes(array.as_fixed_size_binary_opt()?.value(row))),
        (Arrow::List(_), Type::List(item)) => elements(&array.as_list_opt::<i32>()?.value(row), item),
        (Arrow::LargeList(_), Type::List(item)) => elements(&array.as_list_opt::<i64>()?.value(row), item),
        (Arrow::FixedSizeList(..), Type::List(item)) => {
            elements(&array.as_fixed_size_list_opt()?.value(row), item)
        }
        (Arrow::Map(..), Type::List(item)) => {
            let entries: ArrayRef = Arc::new(array.as_map_opt()?.value(row));
            elements(&entries, item)
        }
        (Arrow::Struct(_), Type::Record(fields)) => {
            let record = array.as_struct_opt()?;
            let values = fields.iter().map(|f| field_value(record.column_by_name(&f.name)?, row, &f.ty));
            Some(Value::Record(values.collect::<Option<Vec<_>>>()?.into()))
        }
        (Arrow::List(_) | Arrow::Struct(_), _) => None,
        _ => scalar(array, row, ty),
    }
}

fn bytes(b: &[u8]) -> Value {
    Value::Bytes(b.into())
}

/// A value whose type says whether it may be null.
fn field_value(array: &ArrayRef, row: usize, ty: &DataType) -> Option<Value> {
    value_at(array, row, &ty.kind).filter(|v| ty.nullable || !v.is_null())
}

fn elements(array: &ArrayRef, item: &DataType) -> Option<Value> {
    // Scalars in one go, everything else one by one.
    if !matches!(item.kind, Type::Bytes | Type::List(_) | Type::Record(_)) {
        let leaf = Leaf { array: array.clone(), nulls: array.logical_nulls() };
        let column = column(&leaf, item, Rows { chosen: None, all: array.len() })?;
        let values = (0..array.len()).map(|r| column.value(r, &item.kind).ok());
        return Some(Value::List(values.collect::<Option<Vec<_>>>()?.into()));
    }
    let values = (0..array.len()).map(|r| field_value(array, r, item));
    Some(Value::List(values.collect::<Option<Vec<_>>>()?.into()))
}

fn scalar(array: &ArrayRef, row: usize, ty: &Type) -> Option<Value> {
    let one = array.slice(row, 1);
    let nulls = one.logical_nulls();
    let column =
        column(&Leaf { array: one, nulls }, &DataType::nullable(ty.clone()), Rows { chosen: None, all: 1 })?;
    column.value(0, ty).ok()
}
