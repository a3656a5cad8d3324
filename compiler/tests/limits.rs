//! Programs that are too much: they get a message, in bounded time and stack.

use flow_compiler::{Diagnostic, MemoryCatalog, compile};
use flow_ir::Type;
use flow_ir::verify::verify_logical;

fn catalog() -> MemoryCatalog {
    MemoryCatalog::new().with("a.csv", &[("a", Type::Int), ("b", Type::Bool), ("s", Type::String)])
}

fn codes(source: &str) -> Vec<&'static str> {
    match compile(source, "p.flow", &[], &catalog()) {
        Ok(compiled) => {
            assert_eq!(verify_logical(&compiled.plan), Ok(()));
            Vec::new()
        }
        Err(found) => found.iter().map(|d: &Diagnostic| d.code).collect(),
    }
}

fn mapping(e: &str) -> String {
    format!("read \"a.csv\" | map {{ x: {e} }}")
}

#[test]
fn long_chains_of_conditions_are_no_deep_trees() {
    let chain = vec!["a > 1"; 100].join(" and ");
    assert_eq!(codes(&mapping(&chain)), Vec::<&str>::new());
    let chain = vec!["a > 1"; 100].join(" or ");
    assert_eq!(codes(&mapping(&chain)), Vec::<&str>::new());
}

#[test]
fn deep_expressions_compile_or_are_refused() {
    for depth in [10, 100, 200] {
        assert_eq!(codes(&mapping(&vec!["a"; depth].join(" + "))), Vec::<&str>::new(), "{depth}");
    }
    for depth in [300, 500] {
        assert!(matches!(codes(&mapping(&vec!["a"; depth].join(" + ")))[..], ["F4011" | "F1008"]), "{depth}");
    }
    for depth in [50, 200, 250] {
        let nested = format!("{}a{}", "abs(".repeat(depth), ")".repeat(depth));
        let found = codes(&mapping(&nested));
        assert!(matches!(found[..], [] | ["F4011" | "F1008"]), "{depth}: {found:?}");
        let nested = format!("{}a{}", "[".repeat(depth), "]".repeat(depth));
        let found = codes(&mapping(&nested));
        assert!(matches!(found[..], [] | ["F4011" | "F1008"]), "{depth}: {found:?}");
        let nested = format!("{}{}", "if b then a else ".repeat(depth), "a");
        let found = codes(&mapping(&nested));
        assert!(matches!(found[..], [] | ["F4011" | "F1008"]), "{depth}: {found:?}");
    }
}

#[test]
fn long_matches_are_refused() {
    let arms: String = (0..150).map(|i| format!("{i} => {i}, ")).collect();
    assert_eq!(codes(&mapping(&format!("match a {{ {arms} _ => 0 }}"))), Vec::<&str>::new());
    assert_eq!(codes(&mapping(&format!("match a {{ {arms} _ => match a {{ {arms} _ => 0 }} }}"))), ["F4011"]);
    let arms: String = (0..500).map(|i| format!("{i} => {i}, ")).collect();
    assert_eq!(codes(&mapping(&format!("match a {{ {arms} _ => 0 }}"))), ["F4011"]);
}

#[test]
fn functions_that_double_are_refused() {
    let mut source = String::from("fn f0(x) = x + x\n");
    for i in 1..40 {
        source.push_str(&format!("fn f{i}(x) = f{}(x) + f{}(x)\n", i - 1, i - 1));
    }
    source.push_str(&mapping("f39(a)"));
    let found = codes(&source);
    assert!(!found.is_empty() && found.iter().all(|c| *c == "F4011"), "{found:?}");
}

#[test]
fn pipes_that_double_are_refused() {
    let mut source = String::from("pipe p0 { | filter b }\n");
    for i in 1..40 {
        source.push_str(&format!("pipe p{i} {{ | p{} | p{} }}\n", i - 1, i - 1));
    }
    source.push_str("read \"a.csv\" | p39");
    let found = codes(&source);
    assert!(!found.is_empty() && found.iter().all(|c| *c == "F4011"), "{found:?}");
}

#[test]
fn datasets_inside_datasets_end() {
    let mut source = String::from("from d0 | count\n");
    for i in 0..400 {
        source.push_str(&format!("let d{i} = from d{}\n", i + 1));
    }
    source.push_str("let d400 = read \"a.csv\"\n");
    let found = codes(&source);
    assert!(!found.is_empty() && found.iter().all(|c| *c == "F4011"), "{found:?}");
    let nested = format!("{}read \"a.csv\"{}", "read \"a.csv\" | union (".repeat(100), ")".repeat(100));
    assert_eq!(codes(&nested), Vec::<&str>::new());
}

/// Whatever part of a program an editor holds, checking it ends with messages, not with a panic.
#[test]
fn every_prefix_of_a_program_is_checked() {
    let source = "param n: int = 3\nschema S { a: int, b: bool, s: string }\nfn f(x) = match x { 1 => \"a\", _ => f\"{x}!\" }\n\
        let t = read \"a.csv\" schema S | filter b and a in 1..$n | map { *, y: f(a), z: s.split(\",\")[0] }\n\
        from t | join t as u on a == a | reduce_by_key u.a, k: a % 2 { n: count() + 1, m: mean(a) }\n\
        | sort n desc | take 3 | write \"o.csv\"\n";
    assert_eq!(codes(source), Vec::<&str>::new());
    for end in 0..source.len() {
        let prefix = &source[..end];
        let _ = compile(prefix, "p.flow", &[], &catalog());
        let without: String = format!("{}{}", prefix, &source[(end + 7).min(source.len())..]);
        let _ = compile(&without, "p.flow", &[], &catalog());
    }
}
