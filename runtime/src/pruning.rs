//! What statistics save before anything is run: for `explain`.
//!
//! Opens the footers of a plan's Parquet files as a run does, and counts. Invariant: a row group that is
//! counted as left out here is not read by a run of the same plan over the same files.

use crate::format::columnar::ColumnarFile;
use crate::reader::ReadError;
use crate::tasks::first_filters;
use flow_ir::Expr;
use flow_ir::location::without_secrets;
use flow_ir::physical::{InputFrom, PhysicalPlan};
use flow_ir::source::Format;

/// The row groups of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowGroupCount {
    /// The stage that reads it.
    pub stage: u32,
    /// Its path or pattern.
    pub pattern: String,
    /// Row groups that are read.
    pub read: usize,
    /// Row groups of its files.
    pub all: usize,
    /// In the row groups whose pages tell more: how many pages of the columns are read, and how many there are.
    pub pages: (usize, usize),
}

/// For each Parquet source of a plan, how many of its row groups the first filters leave to be read.
pub fn row_groups(plan: &PhysicalPlan) -> Result<Vec<RowGroupCount>, ReadError> {
    let mut counts = Vec::new();
    for stage in &plan.stages {
        for (input, i) in stage.inputs.iter().enumerate() {
            let InputFrom::Read(source) = &i.from else { continue };
            if !matches!(source.format, Format::Parquet(_)) {
                continue;
            }
            let filters = first_filters(stage, input);
            let filters: Vec<&Expr> = filters.iter().collect();
            let pattern = without_secrets(&source.pattern).into_owned();
            let mut count = RowGroupCount { stage: stage.id.0, pattern, read: 0, all: 0, pages: (0, 0) };
            for index in 0..source.files.len() {
                let file = ColumnarFile::open(source, index, &filters, 1)?;
                count.all += file.parts();
                for part in (0..file.parts()).filter(|part| file.dropped_rows(*part).is_none()) {
                    count.read += 1;
                    let (read, all) = file.kept_pages(part).unwrap_or_default();
                    count.pages = (count.pages.0 + read, count.pages.1 + all);
                }
            }
            counts.push(count);
        }
    }
    Ok(counts)
}
