//! Run-time errors as people see them: the place in the data, the place in the program, the edit.

use crate::failure::{Failure, Status};
use crate::program::Program;
use crate::render::Renderer;
use flow_compiler::InferredSchema;
use flow_compiler::diagnostic::Diagnostic;
use flow_ir::location::input_name;
use flow_ir::physical::InputFrom;
use flow_ir::types::quote_name;
use flow_ir::{ErrorCode, PhysicalPlan, Span, Type};
use flow_runtime::{ContractBroken, RowFault, RunError};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// Characters of a bad row that are shown.
const ROW_SHOWN_MAX: usize = 160;

/// The failure of a run; `stopped` is the status of one that was cancelled.
pub fn run_failure(
    error: RunError,
    program: &Program,
    plan: &PhysicalPlan,
    stopped: Status,
    color: bool,
) -> Failure {
    match error {
        RunError::Read(e) => {
            Failure::message(Status::Data, format!("cannot read `{}`: {}", e.path.display(), e.error))
        }
        RunError::Write { path, error } => write_failure(&path, &error),
        RunError::Row(fault) => {
            let mut text = row_fault(&fault, program);
            if let Some(advice) = advice(&fault, program, plan) {
                let _ = writeln!(text, "  = to set such rows aside: {advice}");
            }
            text.push_str("  nothing was written\n");
            Failure::new(Status::Data, text)
        }
        RunError::TooManyBad { pattern, bad, read, limit, first } => {
            let mut text = format!(
                "error[F5004]: {bad} of {read} rows of `{pattern}` are bad, more than the {}% that --max-bad allows\n",
                limit * 100.0
            );
            text.push_str("  the first is:\n");
            text.push_str(&row_fault(&first, program));
            text.push_str("  nothing was written\n");
            Failure::new(Status::Data, text)
        }
        RunError::Aggregate { message, code, span } => {
            at_span(Status::Data, number(code), message, span, program, color)
        }
        RunError::Contract(broken) => Failure::new(Status::Data, broken_contract(&broken, program)),
        RunError::Memory { message, span } => {
            let d = Diagnostic::error("F5005", span, message)
                .help("give it more with --memory, or reduce the rows before this stage");
            Failure::new(Status::Resources, Renderer::new(color).diagnostic(&d, program))
        }
        RunError::Through { command, error, span } => {
            let d = Diagnostic::error("F5010", span, format!("`{command}` could not answer: {error}"))
                .note("(nothing was written)");
            let status = if is_full(&error) { Status::Resources } else { Status::Data };
            Failure::new(status, Renderer::new(color).diagnostic(&d, program))
        }
        RunError::NotAllowed { command, span } => {
            let message = format!("this program runs a command, and that was not allowed: {command}");
            let d = Diagnostic::error("F5009", span, message)
                .help("if the command is to be run: --allow-run")
                .note("(nothing has been started)");
            Failure::new(Status::Usage, Renderer::new(color).diagnostic(&d, program))
        }
        RunError::Header { message, span } => at_span(Status::Data, "F2004", message, span, program, color),
        RunError::Code(message) => Failure::message(
            Status::Internal,
            format!("native code could not be made: {message}; --interpret runs without it"),
        ),
        RunError::Cancelled => Failure::new(stopped, "stopped; nothing was written\n"),
        RunError::ClosedPipe => Failure::new(Status::ClosedPipe, ""),
        RunError::Internal(message) => Failure::message(
            Status::Internal,
            format!(
                "{message}\n  this is a bug in flowc; nothing was written. Please report it with the program and its input"
            ),
        ),
    }
}

/// Whether there is no room for what was to be written.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn write_failure(path: &Path, error: &io::Error) -> Failure {
    let full = is_full(error);
    let status = if full { Status::Resources } else { Status::Data };
    let mut text = format!("error: cannot write `{}`: {error}\n", path.display());
    text.push_str("  what was there before is unchanged\n");
    Failure::new(status, text)
}

fn at_span(
    status: Status,
    code: &'static str,
    message: String,
    span: Span,
    program: &Program,
    color: bool,
) -> Failure {
    Failure::new(status, Renderer::new(color).diagnostic(&Diagnostic::error(code, span, message), program))
}

/// Two rows with one key where `expect` allows one: both, and how to keep one.
fn broken_contract(broken: &ContractBroken, program: &Program) -> String {
    let contract = &broken.contract;
    let key: Vec<String> = contract.keys.iter().zip(&broken.key).map(|(k, v)| format!("{k} = {v}")).collect();
    let line = program.sources().line_column(contract.span.start).line;
    let mut text = format!(
        "error[F5002]: {} has two rows for {}, but line {line} says `expect {}`\n",
        contract.side,
        key.join(", "),
        contract.text
    );
    let places = broken.rows.each_ref().map(|row| {
        if let Some((stream, line)) = &row.stream {
            return Some(format!("{stream}:{line}"));
        }
        let (file, offset) = row.file.as_ref()?;
        let found = flow_runtime::line_columns(file, &[*offset]).ok()?;
        found.first().map(|p| format!("{file}:{}", p.line))
    });
    let width = places.iter().flatten().map(|p| p.chars().count()).max().unwrap_or(0);
    for (row, place) in broken.rows.iter().zip(&places) {
        let clean = |c: char| if c.is_control() { '\u{b7}' } else { c };
        let shown: String = row.text.chars().take(ROW_SHOWN_MAX).map(clean).collect();
        let line = format!("  {:width$}  {shown}", place.as_deref().unwrap_or(""));
        if !line.trim().is_empty() {
            let _ = writeln!(text, "  {}", line.trim());
        }
    }
    let keys = contract.keys.join(", ");
    let name = contract.side.strip_prefix('`').and_then(|s| s.strip_suffix('`'));
    let _ = match name {
        Some(name) => writeln!(text, "  = to keep the first: (from {name} | distinct on {keys})"),
        None => writeln!(text, "  = to keep the first: | distinct on {keys}"),
    };
    let _ = writeln!(text, "  needed by: {}", program.place(broken.span));
    text.push_str("  nothing was written\n");
    text
}

/// The code of a row error.
fn code(fault: &RowFault) -> &'static str {
    number(fault.code)
}

fn number(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Malformed | ErrorCode::Missing => "F5001",
        ErrorCode::Structure => "F5006",
        ErrorCode::Check => "F5007",
        ErrorCode::Overflow => "F5003",
        ErrorCode::DivisionByZero | ErrorCode::Conversion | ErrorCode::OutOfRange | ErrorCode::Argument => {
            "F5008"
        }
    }
}

/// A bad row: where, what, the row itself, and what needed it.
fn row_fault(fault: &RowFault, program: &Program) -> String {
    let mut text = format!("error[{}]: ", code(fault));
    let place = place(fault);
    if fault.counts_rows {
        let _ = write!(text, "{}: row {}: ", fault.file, fault.row_offset + 1);
    } else if let Some((line, column)) = place {
        let _ = write!(text, "{}:{line}:{column}: ", fault.file);
    }
    text.push_str(&fault.message);
    text.push('\n');
    if let Some((line, _)) = place {
        excerpt(&mut text, fault, line);
    }
    let needed = program.sources().line_text(fault.needed_by.start).trim();
    let _ = writeln!(text, "  needed by: {}  {needed}", program.place(fault.needed_by));
    if let (Some(span), Some(field)) = (fault.declared.filter(|s| s.end > s.start), &fault.field) {
        match program.inferred_at(span) {
            Some(schema) => inferred(&mut text, fault, field, schema),
            None => {
                let _ = writeln!(text, "  declared:  {}  {field}: {}", program.place(span), fault.expected);
            }
        }
    } else if let Some(field) = &fault.field {
        let _ = writeln!(text, "  inferred:  {field}: {}", fault.expected);
    }
    let guilty = program.span_text(fault.needed_by);
    if fault.code == ErrorCode::Overflow && fault.field.is_none() && is_short(guilty) {
        let _ = writeln!(text, "  = for null in its place: try({guilty}); for more digits: decimals");
    }
    text
}

/// Where an inferred type comes from, and how to declare another.
fn inferred(text: &mut String, fault: &RowFault, field: &str, schema: &InferredSchema) {
    let about = schema.fields.iter().find(|f| f.field.name == field);
    let because = about.and_then(|f| f.because.as_ref()).map_or(String::new(), |why| format!(": {why}"));
    let _ = writeln!(
        text,
        "  inferred:  {field}: {}, from the first 10 000 rows of {}{because}",
        fault.expected, schema.file
    );
    let is_text = about.is_some_and(|f| f.field.ty.kind == Type::String);
    let name = quote_name(field);
    if is_text {
        let path = &schema.pattern;
        let _ = writeln!(
            text,
            "  = for values of several kinds: read \"{path}\" as lines | map {{ {name}: json_get(line, \"{field}\") }}"
        );
        return;
    }
    let fields = schema.fields.iter().map(|f| match &f.field {
        own if own.name == field => format!("{name}: string?"),
        own => format!("{}: {}", quote_name(&own.name), own.ty),
    });
    let read = format!("read \"{}\" schema {{ {} }}", schema.pattern, fields.collect::<Vec<_>>().join(", "));
    let _ = match read.chars().count() <= ROW_SHOWN_MAX && about.is_some() {
        true => writeln!(text, "  = to take it as a text: {read}"),
        false => writeln!(
            text,
            "  = to declare it: `flowc schema {}` prints a schema to change and paste",
            schema.file
        ),
    };
}

/// Whether a part of the program can be shown within a line.
fn is_short(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n') && text.chars().count() <= 60
}

fn place(fault: &RowFault) -> Option<(u64, u64)> {
    if let Some(at) = fault.at {
        return Some((at.line, at.column));
    }
    if fault.file.is_empty() || fault.counts_rows {
        return None;
    }
    let found = flow_runtime::line_columns(&fault.file, &[fault.offset]).ok()?;
    found.first().map(|p| (p.line, p.column))
}

/// The row with the guilty field underlined.
fn excerpt(text: &mut String, fault: &RowFault, line: u64) {
    let raw = String::from_utf8_lossy(&fault.raw);
    let before = fault.offset.saturating_sub(fault.row_offset) as usize;
    let lead = String::from_utf8_lossy(&fault.raw[..before.min(fault.raw.len())]).chars().count();
    let width = if fault.field.is_some() { fault.value.chars().count().max(1) } else { 1 };
    // Of a long row, the part around the field.
    let skip = if lead + width > ROW_SHOWN_MAX { lead.saturating_sub(40) } else { 0 };
    let clean = |c: char| if c.is_control() { '\u{b7}' } else { c };
    let shown: String = raw.chars().skip(skip).take(ROW_SHOWN_MAX).map(clean).collect();
    let number = line.to_string();
    let dots = if skip > 0 { "…" } else { "" };
    let _ = writeln!(text, "  {number} | {dots}{shown}");
    let pad = " ".repeat(lead - skip.min(lead) + dots.chars().count());
    let _ = writeln!(text, "  {} | {pad}{}", " ".repeat(number.len()), "^".repeat(width.min(ROW_SHOWN_MAX)));
}

/// The `read` with a quarantine.
fn advice(fault: &RowFault, program: &Program, plan: &PhysicalPlan) -> Option<String> {
    let sources = plan.stages.iter().flat_map(|s| &s.inputs).filter_map(|i| match &i.from {
        InputFrom::Read(s) => Some(s),
        // A `through` has no `on_error`.
        _ => None,
    });
    let source = sources.into_iter().find(|s| s.files.iter().any(|f| input_name(&f.path) == fault.file))?;
    let text = program.span_text(source.span).trim();
    let short = text.lines().count() == 1 && text.chars().count() <= 100 && !text.contains("on_error");
    let read = if short { text.to_owned() } else { format!("read \"{}\" ...", input_name(&source.pattern)) };
    Some(format!("{read} on_error quarantine(\"bad.jsonl\")"))
}
