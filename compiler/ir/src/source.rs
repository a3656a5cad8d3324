//! Sources and sinks as plans see them: files, formats, columns and error policies.
//!
//! The catalog (outside the compiler) fills in the files; the compiler checks every header
//! against the schema; the runtime only opens what stands here.

use crate::expr::Span;
use crate::logical::ColumnId;
use crate::types::DataType;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// How delimited text is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// The byte between fields.
    pub separator: u8,
    /// Whether the first line of each file names the fields.
    pub header: bool,
    /// The quote byte; `None` switches quoting off.
    pub quote: Option<u8>,
    /// Unquoted texts that mean null besides the empty one.
    pub null: Vec<String>,
}

impl Dialect {
    /// `csv` without options.
    pub fn csv() -> Self {
        Dialect { separator: b',', header: true, quote: Some(b'"'), null: Vec::new() }
    }

    /// `tsv` without options.
    pub fn tsv() -> Self {
        Dialect { separator: b'\t', ..Self::csv() }
    }
}

/// A file format that can be read or written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `csv`, `tsv` and any other delimiter.
    Delimited(Dialect),
    /// `jsonl`: one JSON object a line.
    JsonLines,
    /// `lines`: one string field, `line`.
    Lines,
    /// `json`: one array of objects (written only).
    Json,
    /// `text(expr)`: one string a line (written only).
    Text,
    /// `parquet`; what is read says how it is compressed.
    Parquet(PageCompression),
    /// `arrow`: Arrow IPC, as files or streams.
    Arrow(PageCompression),
}

impl Format {
    /// Whether files of the format bring their own schema.
    pub fn is_columnar(&self) -> bool {
        matches!(self, Format::Parquet(_) | Format::Arrow(_))
    }
}

/// How the parts of a columnar file are compressed when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageCompression {
    /// Not at all.
    None,
    /// Snappy (Parquet only).
    Snappy,
    /// Zstandard.
    Zstd,
    /// gzip (Parquet only).
    Gzip,
    /// LZ4.
    Lz4,
}

impl PageCompression {
    /// All of them.
    pub const ALL: [PageCompression; 5] = [
        PageCompression::None,
        PageCompression::Snappy,
        PageCompression::Zstd,
        PageCompression::Gzip,
        PageCompression::Lz4,
    ];

    /// The name that programs write.
    pub fn name(self) -> &'static str {
        match self {
            PageCompression::None => "none",
            PageCompression::Snappy => "snappy",
            PageCompression::Zstd => "zstd",
            PageCompression::Gzip => "gzip",
            PageCompression::Lz4 => "lz4",
        }
    }

    /// The compression of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// What happens to a row that cannot be read or computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnError {
    /// Stop, and report the first bad row in input order.
    Fail,
    /// Write it to this file and go on.
    Quarantine(String),
    /// Make the bad field null.
    Null,
    /// Drop and count it.
    Skip,
}

/// A field that a source delivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceColumn {
    /// The column's id.
    pub id: ColumnId,
    /// The field's name; nested JSON fields are joined with `.` for display.
    pub name: String,
    /// The path to it: one name for delimited text, several for nested JSON.
    pub path: Vec<String>,
    /// The declared type.
    pub ty: DataType,
    /// Where it is declared.
    pub span: Span,
    /// The first place of the program that uses it, whatever became of that place later.
    #[serde(default)]
    pub used: Span,
}

/// What the names of folders say about the files below them: `day=2024-05-01`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Folders {
    /// The columns that they give, in the order of the row.
    pub keys: Vec<FolderKey>,
    /// How many files there are, with those that filters over the keys leave out.
    pub files: u32,
}

/// A column that has one value in all rows of a file, which a folder above it names; or its path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FolderKey {
    /// The column.
    pub column: SourceColumn,
    /// How many different values the files have, with those that are left out.
    pub values: u32,
}

/// One input file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its path as the program's reader would write it.
    pub path: String,
    /// For delimited text: the position of each of the source's columns among the file's fields.
    pub positions: Vec<u32>,
    /// For delimited text: how many fields every row must have. For columnar files: how many it has.
    pub fields: u32,
    /// The values of the source's folder keys.
    pub keys: Vec<Value>,
}

/// A `read`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The path or glob as written.
    pub pattern: String,
    /// Every file it names, in order.
    pub files: Vec<SourceFile>,
    /// How they are written.
    pub format: Format,
    /// The columns the plan may use, in schema order.
    pub columns: Vec<SourceColumn>,
    /// The columns that folders give, which stand behind the others wherever columns are counted.
    pub folders: Folders,
    /// The line on which each row begins (of a columnar file: its number), counted from 1; it stands behind all
    /// others wherever columns are counted. Present only if the program asks for it.
    #[serde(default)]
    pub line: Option<SourceColumn>,
    /// The error policy.
    pub on_error: OnError,
    /// The span of the `read`.
    pub span: Span,
}

impl Source {
    /// Every column that it delivers: those of the files, then those of the folders, then the line.
    pub fn delivered(&self) -> impl Iterator<Item = &SourceColumn> {
        self.columns.iter().chain(self.folders.keys.iter().map(|k| &k.column)).chain(&self.line)
    }
}

/// Where a sink puts its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// `write "path"`: replaced atomically.
    File(String),
    /// `write "path/"`: a directory, replaced as a whole.
    Folder {
        /// Where it is.
        path: String,
        /// The columns, by position, whose values name the folders below it, the outermost first. They are not
        /// in the files.
        keys: Vec<u32>,
    },
    /// `show`, or a pipeline without a sink: printed.
    Print {
        /// At most so many rows; `None`: all.
        limit: Option<u64>,
    },
    /// `through "command"`: the rows go to processes as JSON lines, and their answers come back.
    Processes {
        /// For `sh -c`.
        command: String,
        /// How many run at a time. With several, each answers every row with one line.
        slots: u32,
    },
}

impl Target {
    /// The word of the language for a sink with this target.
    pub fn name(&self) -> &'static str {
        match self {
            Target::File(_) | Target::Folder { .. } => "write",
            Target::Print { .. } => "show",
            Target::Processes { .. } => "through",
        }
    }
}

/// What a sink does with a file that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteMode {
    /// Puts a new one in its place.
    #[default]
    Replace,
    /// Writes behind its end.
    Append,
    /// Refuses to write.
    Error,
}

impl WriteMode {
    /// The word of the language.
    pub fn name(self) -> &'static str {
        match self {
            WriteMode::Replace => "replace",
            WriteMode::Append => "append",
            WriteMode::Error => "error",
        }
    }
}

/// A `write` or `show`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sink {
    /// Its position among the program's sinks: printed results come out in this order.
    pub number: u32,
    /// Where to.
    pub target: Target,
    /// How; `None` for prints, where the command line decides.
    pub format: Option<Format>,
    /// What happens to what is there.
    pub mode: WriteMode,
    /// Whether the rows may be written in any order.
    pub unordered: bool,
    /// The columns and their names, in order. Names with several parts make nested JSON.
    pub columns: Vec<SinkColumn>,
    /// The records among the columns' names that may be null as a whole: JSON says so.
    pub optional: Vec<Vec<String>>,
    /// The span of the sink, or of the whole pipeline for an implicit one.
    pub span: Span,
}

/// A column of a sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SinkColumn {
    /// The column.
    pub id: ColumnId,
    /// The path of names: one name for flat columns, several inside records.
    pub path: Vec<String>,
    /// Its type.
    pub ty: DataType,
}
