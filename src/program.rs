//! A program's text and what it compiles to.

use crate::catalog::FileCatalog;
use crate::cli::{ColorChoice, ProgramArgs};
use crate::failure::{Failure, Status};
use crate::render::Renderer;
use flow_compiler::diagnostic::{Diagnostic, Severity};
use flow_compiler::{Compiled, InferredSchema, Loaded, Sources};
use flow_ir::Span;
use flow_runtime::AtomicFile;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::OnceLock;

/// The largest program that is accepted.
const PROGRAM_BYTES_MAX: u64 = 64 << 20;

/// A program's text under the name that messages use.
#[derive(Clone, Debug)]
pub struct Program {
    /// The path, `<stdin>` or `<inline>`.
    pub name: String,
    /// The text.
    pub text: String,
    loaded: OnceLock<Loaded>,
    inferred: OnceLock<Vec<InferredSchema>>,
}

impl Program {
    /// A program of the given text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Program { name: name.into(), text: text.into(), loaded: OnceLock::new(), inferred: OnceLock::new() }
    }

    /// The program that the command line names.
    pub fn load(args: &ProgramArgs) -> Result<Self, Failure> {
        if let Some(text) = &args.inline {
            return Ok(Program::new("<inline>", text.clone()));
        }
        match &args.file {
            Some(path) if path.as_os_str() == "-" => Ok(Program::new("<stdin>", read_stdin()?)),
            Some(path) => Program::read(path),
            None => Err(Failure::message(Status::Usage, "name a program, or give one with -e")),
        }
    }

    /// The program in a file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = read_text(path)
            .map_err(|why| Failure::message(Status::Usage, format!("cannot read `{name}`: {why}")))?;
        Ok(Program::new(name, text))
    }

    /// The program and the files it imports, read when they are first asked for.
    pub fn loaded(&self) -> &Loaded {
        self.loaded.get_or_init(|| flow_compiler::load(&self.text, &self.name, &FileCatalog))
    }

    /// The texts that spans of plans and diagnostics are places in.
    pub fn sources(&self) -> &Sources {
        self.loaded().sources()
    }

    /// `name:line:column` of a span.
    pub fn place(&self, span: Span) -> String {
        self.sources().place(span)
    }

    /// The text of a span.
    pub fn span_text(&self, span: Span) -> &str {
        self.sources().span_text(span)
    }

    /// Everything wrong with the program, or what it compiles to.
    pub fn check(&self, params: &[(String, String)]) -> Result<Compiled, Vec<Diagnostic>> {
        let compiled = flow_compiler::compile_loaded(self.loaded(), params, &FileCatalog)?;
        // What a later failure tells of a field whose type nobody has written.
        let _ = self.inferred.set(compiled.inferred.clone());
        Ok(compiled)
    }

    /// The schema that a sample suggested for the files that a `read` names at `span`.
    pub fn inferred_at(&self, span: Span) -> Option<&InferredSchema> {
        let text = self.span_text(span);
        self.inferred.get()?.iter().find(|i| i.span == span || self.span_text(i.span) == text)
    }

    /// The same, and everything wrong with its tests too.
    pub fn check_with_tests(&self, params: &[(String, String)]) -> Result<Compiled, Vec<Diagnostic>> {
        let checked = self.check(params);
        if !self.loaded().has_tests() {
            return checked;
        }
        let (of_tests, wrong) = match flow_compiler::compile_tests(self.loaded(), params, &FileCatalog) {
            Ok((_, warnings)) => (warnings, false),
            Err(diagnostics) => (diagnostics, true),
        };
        let merged = |mut all: Vec<Diagnostic>| {
            // What is wrong with the program is wrong for its tests as well.
            for d in of_tests {
                if !all.iter().any(|o| o.code == d.code && o.span == d.span && o.message == d.message) {
                    all.push(d);
                }
            }
            all.sort_by_key(|d| (d.span.file, d.span.start, d.span.end));
            all
        };
        match checked {
            Ok(compiled) if wrong => Err(merged(compiled.diagnostics)),
            Ok(compiled) => {
                let diagnostics = merged(compiled.diagnostics.clone());
                Ok(Compiled { diagnostics, ..compiled })
            }
            Err(diagnostics) => Err(merged(diagnostics)),
        }
    }

    /// Checks the program against the files it names.
    pub fn compile(&self, args: &ProgramArgs) -> Result<Compiled, Failure> {
        let compiled =
            self.check(&args.params).map_err(|diagnostics| self.failure(&diagnostics, args.color))?;
        let own = args.file.as_ref().is_some_and(|f| f.as_os_str() == "-");
        if own && let Some(span) = crate::effects::stdin_read(&compiled.plan) {
            let d = Diagnostic::error("F4016", span, "standard input is the program, so it cannot be data")
                .help("give the program as a file, or with -e");
            return Err(self.failure(&[d], args.color));
        }
        if args.locked
            && let Some(schema) = compiled.inferred.first()
        {
            let text = format!(
                "error: `{}` has no declared schema, and --locked refuses inferred ones\n  = `flowc schema FILE` prints one to paste\n",
                schema.pattern
            );
            return Err(Failure::new(Status::Program, text));
        }
        Ok(compiled)
    }

    /// The diagnostics of a wrong program as a failure.
    pub fn failure(&self, diagnostics: &[Diagnostic], color: ColorChoice) -> Failure {
        Failure::new(Status::Program, self.render(diagnostics, color))
    }

    /// Diagnostics as text for standard error, most important last line first in program order.
    pub fn render(&self, diagnostics: &[Diagnostic], color: ColorChoice) -> String {
        let renderer = Renderer::new(colored(color));
        let mut text = String::new();
        for d in diagnostics {
            text.push_str(&renderer.diagnostic(d, self));
            text.push('\n');
        }
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        if errors > 1 {
            text.push_str(&format!("{errors} errors\n"));
        }
        text
    }
}

/// The program text in a file, or why there is none.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if meta.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if meta.len() > PROGRAM_BYTES_MAX {
        return Err(format!("it has {} bytes, and a program may have {PROGRAM_BYTES_MAX}", meta.len()));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    decode(bytes)
}

/// Whether messages are coloured.
pub fn colored(choice: ColorChoice) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
            if set("NO_COLOR") {
                return false;
            }
            let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
            set("FORCE_COLOR") || set("CLICOLOR_FORCE") || (std::io::stderr().is_terminal() && !dumb)
        }
    }
}

/// The program on standard input.
pub fn read_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let mut input = std::io::stdin().lock().take(PROGRAM_BYTES_MAX + 1);
    input
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::message(Status::Usage, format!("cannot read standard input: {e}")))?;
    if bytes.len() as u64 > PROGRAM_BYTES_MAX {
        return Err(Failure::message(
            Status::Usage,
            format!("a program may have {PROGRAM_BYTES_MAX} bytes at most"),
        ));
    }
    decode(bytes).map_err(|why| Failure::message(Status::Usage, format!("cannot read standard input: {why}")))
}

fn decode(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes)
        .map_err(|e| format!("it is not UTF-8 text (byte {} is not)", e.utf8_error().valid_up_to() + 1))
}

/// Puts a changed program in the place of `path`, whole or not at all.
pub fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let mut file = AtomicFile::create(path)?;
        file.write(text.as_bytes())?;
        file.commit()
    };
    write().map_err(|e| Failure::message(Status::Data, format!("cannot write `{}`: {e}", path.display())))
}
