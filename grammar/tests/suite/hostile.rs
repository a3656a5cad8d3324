//! Programs that nobody would write: the parser answers quickly and never panics.

use crate::{Random, check_format};
use flow_grammar::{DEPTH_MAX, NESTING_MAX, SOURCE_BYTES_MAX, parse};
use std::time::{Duration, Instant};

fn codes(source: &str) -> Vec<&'static str> {
    parse(source).1.iter().map(|error| error.code).collect()
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{ a: ", " }"), ("f(", ")"), ("f\"{", "}\""), ("match { x => ", " }")]
    {
        let nested =
            |depth: usize| format!("from a | map {{ z: {}1{} }}", open.repeat(depth), close.repeat(depth));
        assert_eq!(codes(&nested(300)), ["F1008"], "{open}");
        let allowed = if open == "match { x => " { 100 } else { 200 };
        assert_eq!(codes(&nested(allowed)), [] as [&str; 0], "{open}");
        check_format(&nested(allowed));
    }
    let place = parse(&format!("from a | filter {}", "(".repeat(300))).1[0].span.start;
    assert_eq!(place as usize, "from a | filter ".len() + NESTING_MAX);
}

#[test]
fn deep_nesting_without_brackets_is_an_error_too() {
    let ifs = |depth: usize| format!("from a | filter {}b", "if a then b else ".repeat(depth));
    assert_eq!(codes(&ifs(200)), [] as [&str; 0]);
    check_format(&ifs(200));
    assert_eq!(codes(&ifs(300)), ["F1008"]);
    assert_eq!(codes(&format!("from a | filter {}", "if ".repeat(300))), ["F1008"]);
    assert_eq!(codes(&format!("from a | filter {}", "match ".repeat(300))), ["F1008"]);
    assert_eq!(codes(&format!("schema S {{ a: {}int{} }}", "list<".repeat(300), ">".repeat(300))), ["F1008"]);
    let pipelines = |depth: usize| format!("from a{}{}", " | union (from b".repeat(depth), ")".repeat(depth));
    assert_eq!(codes(&pipelines(200)), [] as [&str; 0]);
    assert_eq!(codes(&pipelines(300)), ["F1008"]);
}

#[test]
fn long_chains_are_allowed_up_to_a_limit() {
    for link in [" + b", ".b", ".b()", "[0]", " and b", " ** b", " ?? b"] {
        let chain = |length: usize| format!("from a | filter a{}", link.repeat(length));
        let (program, errors) = parse(&chain(DEPTH_MAX / 3));
        assert!(errors.is_empty(), "{link}: {errors:?}");
        assert!(!program.dump().is_empty());
        check_format(&chain(DEPTH_MAX / 3));
        for length in [DEPTH_MAX + 1, 10 * DEPTH_MAX] {
            assert_eq!(codes(&chain(length)), ["F1008"], "{link}");
        }
    }
    for prefix in ["not ", "-"] {
        assert_eq!(codes(&format!("from a | filter {}a", prefix.repeat(2 * DEPTH_MAX))), ["F1008"]);
    }
}

#[test]
fn many_things_side_by_side_are_fine() {
    let entries: String = (0..3000).map(|n| format!("f{n}: if a > {n} then {n} else g({n}), ")).collect();
    assert_eq!(codes(&format!("from a | map {{ {entries} }}")), [] as [&str; 0]);
    let items: String = (0..2000).map(|n| format!("let d{n} = from a | filter x == {n}\n")).collect();
    assert_eq!(parse(&items).0.items.len(), 2000);
    let stages = "| filter if a then b else c ".repeat(1000);
    assert_eq!(codes(&format!("from a {stages}")), [] as [&str; 0]);
}

#[test]
fn errors_are_limited_in_number() {
    let (_, errors) = parse(&"from a | where b c\n".repeat(5000));
    assert_eq!(errors.len(), 100);
}

#[test]
fn ten_megabytes_of_garbage_are_refused_quickly() {
    const BYTES: usize = 10_000_000;
    let mut random = Random(0x0bad_cafe);
    let tokens = [
        "from",
        "a",
        "|",
        "filter",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "\"x\"",
        "+",
        ":",
        ",",
        "=",
        "==",
        "if",
        "then",
        "else",
        "match",
        "=>",
        "->",
        "f\"{a}\"",
        "@2024-01-01",
        "30m",
        "\n",
        "let",
        "read",
        "rows",
        "schema",
        "1",
        ".",
        "$",
        "not",
        "is",
        "null",
        "each",
        "*",
        "..",
        "test",
        "`",
        "'",
        "\\",
        "é",
        "#",
    ];
    let mut soup = String::new();
    while soup.len() < BYTES {
        soup.push_str(random.pick(&tokens));
        soup.push(' ');
    }
    let noise: String = (0..BYTES).map(|_| char::from(32 + (random.below(96)) as u8)).collect();
    let unit = |text: &str| text.repeat(BYTES / text.len());
    for (name, source) in [
        ("soup", soup),
        ("noise", noise),
        ("parentheses", unit("(")),
        ("closers", unit(")")),
        ("quotes", unit("\"\n")),
        ("records", unit("from a | map { a\n")),
        ("interpolations", unit("f\"{")),
        ("chain", format!("from a | filter {}", unit("a + "))),
        ("members", format!("from a | filter a{}", unit(".b"))),
        ("ifs", unit("if a then ")),
        ("bars", unit("| ")),
    ] {
        let start = Instant::now();
        let (_, errors) = parse(&source);
        assert!(!errors.is_empty(), "{name}");
        // Two seconds at most on an idle machine; a quadratic algorithm would take hours.
        assert!(start.elapsed() < Duration::from_secs(60), "{name} took {:?}", start.elapsed());
    }
    assert_eq!(codes(&" ".repeat(SOURCE_BYTES_MAX + 1)), ["F1021"]);
}
