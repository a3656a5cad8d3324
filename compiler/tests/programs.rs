//! The programs of the repository: all of them compile, or are refused only for what is not supported yet.
//!
//! Their files need not be here: the catalog has every file, with every word of the program as a column.

use flow_compiler::catalog::FileFields;
use flow_compiler::{Catalog, CatalogError, FileInfo, InferredField, compile};
use flow_ir::source::{Dialect, Format};
use flow_ir::verify::verify_logical;
use flow_ir::{DataType, Field, Type};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

struct Everything {
    words: BTreeSet<String>,
}

impl Catalog for Everything {
    fn files(&self, pattern: &str) -> Result<Vec<FileInfo>, CatalogError> {
        // A directory has files of a format that brings its own schema.
        let file = if pattern.ends_with('/') { "part-1.parquet" } else { "" };
        Ok(vec![FileInfo { path: pattern.replace('*', "1") + file, bytes: 1 }])
    }

    fn header(&self, _: &FileInfo, _: &Dialect) -> Result<Vec<String>, CatalogError> {
        Ok(self.words.iter().cloned().collect())
    }

    fn fields(
        &self,
        file: &FileInfo,
        format: &Format,
        only: Option<&[&str]>,
    ) -> Result<FileFields, CatalogError> {
        let ty = |name: &str| match name {
            "day" => DataType::nullable(Type::Date),
            "region" => DataType::nullable(Type::String),
            _ => DataType::nullable(Type::Int),
        };
        let names = self.infer(file, format)?.into_iter().map(|f| f.field.name);
        let found = names.map(|name| Field { ty: ty(&name), name });
        let fields: Vec<Field> =
            found.filter(|f| only.is_none_or(|o| o.contains(&f.name.as_str()))).collect();
        Ok(FileFields { all: self.words.len(), fields })
    }

    fn infer(&self, _: &FileInfo, _: &Format) -> Result<Vec<InferredField>, CatalogError> {
        let ty = DataType::nullable(Type::Int);
        let field = |name: &String| InferredField {
            field: Field { name: name.clone(), ty: ty.clone() },
            because: None,
        };
        Ok(self.words.iter().map(field).collect())
    }

    fn program(&self, path: &str) -> Result<String, CatalogError> {
        match path {
            "schemas/fec.flow" => {
                Ok("schema Contribution { NAME: string?, TRANSACTION_AMT: decimal(14, 2)? }\n".to_owned())
            }
            _ => Err(CatalogError::NotFound),
        }
    }
}

fn programs(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir);
    let Ok(entries) = std::fs::read_dir(&dir) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "flow")).collect();
    found.sort();
    found
}

/// The codes of the errors of a program.
fn errors(path: &Path) -> Vec<String> {
    let source = std::fs::read_to_string(path).expect("a readable program");
    let words = source
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .map(str::to_owned)
        .collect();
    match compile(&source, "p.flow", &[], &Everything { words }) {
        Ok(compiled) => {
            assert_eq!(verify_logical(&compiled.plan), Ok(()), "{}", path.display());
            Vec::new()
        }
        Err(found) => found.iter().map(|d| format!("{}: {}", d.code, d.message)).collect(),
    }
}

#[test]
fn examples_and_benchmarks_compile() {
    for path in programs("examples").into_iter().chain(programs("benches")) {
        assert_eq!(errors(&path), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn programs_of_the_language_are_refused_only_for_what_is_not_supported() {
    // The ones from 23 on are fragments that use names they do not define.
    let number = |p: &PathBuf| p.file_name().and_then(|n| n.to_str()?.get(..2)?.parse::<u32>().ok());
    for path in programs("grammar/tests/programs").iter().filter(|p| number(p).is_some_and(|n| n < 23)) {
        let wrong: Vec<String> = errors(path).into_iter().filter(|e| !e.starts_with("F49")).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{}", path.display());
    }
}

/// A flowc that was built without the libraries for files of columns.
struct Plain(Everything);

impl Catalog for Plain {
    fn files(&self, pattern: &str) -> Result<Vec<FileInfo>, CatalogError> {
        self.0.files(pattern)
    }

    fn header(&self, file: &FileInfo, dialect: &Dialect) -> Result<Vec<String>, CatalogError> {
        self.0.header(file, dialect)
    }

    fn fields(&self, _: &FileInfo, _: &Format, _: Option<&[&str]>) -> Result<FileFields, CatalogError> {
        panic!("no such file can be opened")
    }

    fn infer(&self, file: &FileInfo, format: &Format) -> Result<Vec<InferredField>, CatalogError> {
        self.0.infer(file, format)
    }

    fn has_columnar(&self) -> bool {
        false
    }
}

#[test]
fn formats_that_are_not_built_in_are_refused_by_name() {
    let catalog = Plain(Everything { words: BTreeSet::from(["a".to_owned()]) });
    for program in [
        "read \"a.parquet\"",
        "read \"a.bin\" as arrow schema { a: int }",
        "read \"a.csv\" | write \"b.arrow\"",
        "read \"a.csv\" | write \"b.bin\" as parquet(compression: \"none\")",
    ] {
        let found = compile(program, "p.flow", &[], &catalog).expect_err("refused");
        let codes: Vec<&str> = found.iter().map(|d| d.code).collect();
        assert_eq!(codes, ["F4923"], "{program}");
        assert!(found[0].message.contains("the feature `parquet`"), "{}", found[0].message);
    }
    assert!(compile("read \"a.csv\" | write \"b.csv\"", "p.flow", &[], &catalog).is_ok());
}
