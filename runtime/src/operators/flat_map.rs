//! `flat_map { x: each text.split(separator) }`: pieces straight from the text, without lists.

use crate::kernels::level::SimdLevel;
use crate::kernels::split::split_each;
use crate::options::RunError;
use flow_ir::column::StrColumn;
use flow_ir::{Column, Status, Value, Values};

/// The pieces of each text, and for each piece the row it came from. A null text has no pieces; an
/// erroneous one keeps one erroneous row, until the leaves decide about it.
pub(crate) fn split_rows(texts: &Column, separator: &Value) -> Result<(Vec<u32>, Column), RunError> {
    let Values::Str(strings) = &texts.values else {
        return Err(RunError::Internal("`split` needs texts".to_owned()));
    };
    if let (Value::String(s), Status::AllValid) = (separator, &texts.status)
        && let [byte] = s.as_bytes()
    {
        let (mut rows, mut views) = (Vec::new(), Vec::new());
        split_each(SimdLevel::detect(), &strings.buffer, &strings.views, *byte, &mut rows, &mut views);
        let pieces = Values::Str(StrColumn { buffer: strings.buffer.clone(), views });
        return Ok((rows, Column::valid(pieces)));
    }
    Ok(flow_stdlib::split_each(texts, separator))
}
