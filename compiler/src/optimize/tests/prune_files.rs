//! `prune_files`: where it fires, and where it must not. Also the text form of keys, which these plans pass through.

use super::run;
use flow_ir::{parse_logical, verify_logical};

const READ: &str = r#"%1 = read "d/" as jsonl { v#5: int } folders 3 { 3 k#6: int?, 2 s#7: string } files ["d/1" 0 [] [1, "a"], "d/2" 0 [] [2, "b"], "d/n" 0 [] [null, "a"]] -> v#5: int, k#6: int?, s#7: string"#;
const ROW: &str = "v#5: int, k#6: int?, s#7: string";

/// The files that are left when these filters follow the `read`.
fn left(filters: &[&str], between: &str) -> Vec<String> {
    let mut nodes = vec![READ.to_owned()];
    if !between.is_empty() {
        nodes.push(format!("%2 = {between} -> {ROW}"));
    }
    for filter in filters {
        nodes.push(format!("%{} = filter %{} {filter} -> {ROW}", nodes.len() + 1, nodes.len()));
    }
    let last = nodes.len();
    nodes
        .push(format!("%{} = show %{last} all number 0 {{ v#5: int, k#6: int?, s#7: string }} ->", last + 1));
    let (text, _) = run("prune_files", &nodes.join("\n"), &format!("%{}", last + 1));
    let names = ["d/1", "d/2", "d/n"];
    names.iter().filter(|n| text.contains(&format!("\"{n}\" 0"))).map(|n| (*n).to_owned()).collect()
}

#[test]
fn files_that_no_row_comes_from_go() {
    assert_eq!(left(&["(k#6 == 2)"], ""), ["d/2"]);
    assert_eq!(left(&["(v#5 > 1)", "(s#7 == \"a\")"], ""), ["d/1", "d/n"]);
    assert_eq!(left(&["is_null(k#6)"], ""), ["d/n"]);
    assert_eq!(left(&["(k#6 > 5)"], ""), Vec::<String>::new());
}

#[test]
fn files_stay_where_rows_may_count() {
    let all = ["d/1", "d/2", "d/n"];
    // An error is no answer.
    assert_eq!(left(&["((1 // (k#6 - 2)) == 9)"], ""), ["d/2"]);
    assert_eq!(left(&["((k#6 == 2) or (v#5 == 1))"], ""), all);
    assert_eq!(left(&["true"], ""), all);
    assert_eq!(left(&["(k#6 == 2)"], "take %1 5"), all);
    assert_eq!(left(&["(k#6 == 2)"], "check %1 (v#5 > 1) \"why\""), all);
}

#[test]
fn somebody_else_may_want_the_files() {
    let nodes = format!(
        "{READ}
         %2 = filter %1 (k#6 == 2) -> {ROW}
         %3 = show %2 all number 0 {{ v#5: int }} ->
         %4 = show %1 all number 1 {{ v#5: int }} ->"
    );
    let (text, _) = run("prune_files", &nodes, "%3, %4");
    assert!(text.contains("\"d/1\" 0") && text.contains("\"d/n\" 0"), "{text}");
}

#[test]
fn keys_fit_their_columns() {
    for wrong in ["[]", "[1]", "[1, 2]", "[1, null]"] {
        let text = format!("{READ}\nsinks [] unused [] next #50").replace("%1 =", "%0 =");
        let text = text.replace("[1, \"a\"]", wrong);
        let plan = parse_logical(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert!(verify_logical(&plan).is_err(), "{text}");
    }
}
