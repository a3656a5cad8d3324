//! Every `.flow` file in `cases/`: its plan, or the diagnostics it gets, as a snapshot beside it.
//!
//! The files that programs read are made up in `catalog`. Diagnostics are rendered as plain text;
//! the renderer for terminals is elsewhere.

mod render;

use flow_compiler::{MemoryCatalog, compile, compile_loaded, load};
use flow_ir::Type;
use flow_ir::verify::verify_logical;

/// The files that exist for the cases.
fn catalog() -> MemoryCatalog {
    let money = Type::Decimal { precision: 12, scale: 2 };
    let sale = [("id", Type::Int), ("day", Type::Date), ("region", Type::String), ("amount", money.clone())];
    let odd = [("id", Type::Int), ("day", Type::Date), ("region", Type::String), ("Amount", money.clone())];
    MemoryCatalog::new()
        .with("a.csv", &[("name", Type::String), ("age", Type::Int), ("id", Type::Int)])
        .with("sales.csv", &sale)
        .with("raw/sales_2024_06.csv", &sale)
        .with("raw/sales_2024_07.csv", &odd)
        .with("orders.csv", &[("order_id", Type::Int), ("customer_id", Type::Int), ("name", Type::String)])
        .with(
            "customers.csv",
            &[("customer_id", Type::Int), ("name", Type::String), ("region", Type::String)],
        )
        .with("text_keys.csv", &[("customer_id", Type::String), ("city", Type::String)])
        .with("people/01.jsonl", &[("age", Type::Int)])
        .with("people/02.jsonl", &[("age", Type::Int)])
        .with(
            "m.csv",
            &[
                ("f", Type::Float),
                ("d", money),
                ("i", Type::Int),
                ("n", Type::Int),
                ("day", Type::Date),
                ("name", Type::String),
                ("list", Type::String),
            ],
        )
        .with("words.txt", &[])
        .with("indiv.txt", &[])
        .with_program(
            "crm.flow",
            "schema Person { name: string, age: int, id: int }\nfn grown(age) = age >= 18\nconst LEAST = 3\nlet people = read \"a.csv\" schema Person\npipe older(than: int) { | filter age > $than | filter lenght > 2 }\n",
        )
        .with_program("prints.flow", "rows [{ n: 1 }]\n")
        .with_program("circle.flow", "import \"other.flow\" as other\n")
        .with_program("other.flow", "import \"./circle.flow\" as circle\n")
}

#[test]
fn cases() {
    insta::glob!("cases/*/*.flow", |path| {
        let source = std::fs::read_to_string(path).expect("a case is readable");
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("p.flow");
        let params: Vec<(String, String)> = source
            .lines()
            .filter_map(|line| line.strip_prefix("# --param "))
            .filter_map(|text| text.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let loaded = load(&source, name, &catalog());
        let text = match compile_loaded(&loaded, &params, &catalog()) {
            Ok(compiled) => {
                assert_eq!(verify_logical(&compiled.plan), Ok(()), "{source}");
                render::compiled(&compiled, loaded.sources())
            }
            Err(diagnostics) => render::diagnostics(&diagnostics, loaded.sources()),
        };
        insta::assert_snapshot!(text);
    });
}

/// A program with one mistake has one message, and no message names anything from inside the compiler.
#[test]
fn one_mistake_one_message() {
    for (source, code) in [
        ("read \"a.csv\" | map { x: nope + 1 } | filter x > 3 | sort x", "F2001"),
        ("read \"a.csv\" | reduce_by_key nope { n: count() } | sort nope | filter n > 1", "F2001"),
        ("let a = read \"nowhere.csv\"\nfrom a | filter x > 1 | map { y: z }", "F2005"),
        ("from nowhere | map { a, b } | sort a", "F2007"),
        ("fn f(x) = g(x)\nfn g(x) = f(x)\nread \"a.csv\" | map { y: f(age) }", "F4004"),
        ("let a = from b\nlet b = from a\nfrom a | count", "F2015"),
        ("read \"a.csv\" | join (read \"nowhere.csv\") on id | map { z }", "F2005"),
    ] {
        let found = compile(source, "p.flow", &[], &catalog()).expect_err(source);
        let codes: Vec<_> = found.iter().map(|d| d.code).collect();
        assert_eq!(codes, [code], "{source}");
    }
}
