//! Printed results: bytes straight to standard output, or tables laid out for a terminal.

use crate::failure::{Failure, Status};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use flow_ir::source::Sink;
use flow_ir::{Batch, Type, text};
use flow_runtime::Printer;
use std::io::{self, Read, Write};

/// Prints what a command has to say; a reader that went away is no error.
pub(crate) fn say(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Failure::new(Status::ClosedPipe, "")),
        Err(e) => Err(Failure::message(Status::Data, format!("cannot write to standard output: {e}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints to standard output.
#[derive(Debug, Default)]
pub(crate) struct Stdout {
    results: usize,
    /// Whether an empty line stands between results.
    spaced: bool,
}

impl Stdout {
    /// A printer; `spaced` puts an empty line between two results.
    pub(crate) fn new(spaced: bool) -> Self {
        Stdout { results: 0, spaced }
    }

    fn separate(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.results += 1;
        if self.results > 1 && self.spaced { out.write_all(b"\n") } else { Ok(()) }
    }
}

impl Printer for Stdout {
    fn bytes(&mut self, bytes: &mut dyn Read) -> io::Result<()> {
        let mut out = io::stdout().lock();
        self.separate(&mut out)?;
        io::copy(bytes, &mut out).map(|_| ())
    }

    fn table(&mut self, sink: &Sink, batches: &[Batch], rows: u64) -> io::Result<()> {
        let text = table(sink, batches, rows);
        let mut out = io::stdout().lock();
        self.separate(&mut out)?;
        out.write_all(text.as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

/// Columns of a terminal that does not say.
const WIDTH_UNKNOWN: u16 = 80;

/// The first of `rows` rows as an aligned table, the numbers to the right; the others are counted.
pub(crate) fn table(sink: &Sink, batches: &[Batch], rows: u64) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width() == Some(0) {
        // A terminal that does not know its size.
        table.set_width(WIDTH_UNKNOWN);
    }
    table.set_header(sink.columns.iter().map(|c| c.path.join(".")));
    let mut shown: u64 = 0;
    for batch in batches {
        for row in 0..batch.rows {
            shown += 1;
            table.add_row(sink.columns.iter().map(|c| cell(batch, c, row)));
        }
    }
    for (i, c) in sink.columns.iter().enumerate() {
        if c.ty.kind.is_numeric()
            && let Some(column) = table.column_mut(i)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut out = format!("{table}\n");
    if shown < rows {
        out.push_str(&format!("{shown} of {rows} rows shown; use --format csv for all\n"));
    }
    out
}

fn cell(batch: &Batch, column: &flow_ir::source::SinkColumn, row: usize) -> String {
    let Some(values) = batch.column(column.id) else { return String::new() };
    match values.value(row, &column.ty.kind) {
        Ok(value) if value.is_null() => String::new(),
        Ok(value) => {
            let mut shown = String::new();
            text::push_value(&mut shown, &value, &column.ty.kind);
            // Control characters would move the cursor.
            if column.ty.kind == Type::String { shown.replace(char::is_control, "\u{fffd}") } else { shown }
        }
        Err(_) => String::new(),
    }
}
