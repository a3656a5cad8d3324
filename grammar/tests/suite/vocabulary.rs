//! The words in the grammar, in the editor grammar and in the exported lists are the same.

use flow_grammar::{CONTEXTUAL, ITEMS, RESERVED, STAGES, TEXTMATE, TYPES};
use std::collections::BTreeSet;

type Words<'w> = BTreeSet<&'w str>;

const PEST: &str = include_str!("../../src/flow.pest");

/// The text of a rule in `flow.pest`, up to the next rule.
fn pest_rule(name: &str) -> &'static str {
    let defines = |line: &&str| line.split_whitespace().take(2).eq([name, "="]);
    let line = PEST.lines().find(defines).unwrap_or_else(|| panic!("no rule {name}"));
    let start = line.as_ptr() as usize - PEST.as_ptr() as usize;
    let body = &PEST[start..];
    let end = body.match_indices('\n').map(|(at, _)| at).find(|&at| !body[at + 1..].starts_with(' '));
    &body[..end.unwrap_or(body.len())]
}

/// The quoted words in `text`.
fn quoted(text: &str) -> Words<'_> {
    let word =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    text.split('"').skip(1).step_by(2).filter(word).collect()
}

#[test]
fn the_grammar_has_exactly_the_exported_words() {
    assert_eq!(quoted(pest_rule("reserved")), RESERVED.iter().copied().collect::<Words>());
    assert_eq!(quoted(pest_rule("stage_word")), STAGES.iter().copied().collect::<Words>());
    let keywords: Words = PEST.lines().filter(|line| line.starts_with("kw_")).flat_map(quoted).collect();
    let lists = [RESERVED, ITEMS, STAGES, CONTEXTUAL];
    let exported: Words = lists.iter().flat_map(|list| list.iter().copied()).collect();
    assert_eq!(keywords, exported);
    let item_start = pest_rule("item_start");
    assert!(ITEMS.iter().all(|word| item_start.contains(&format!("kw_{word}"))));
}

#[test]
fn a_word_has_one_role() {
    let total = RESERVED.len() + ITEMS.len() + STAGES.len() + CONTEXTUAL.len();
    let all: Words =
        [RESERVED, ITEMS, STAGES, CONTEXTUAL].iter().flat_map(|list| list.iter().copied()).collect();
    assert_eq!(all.len(), total);
}

/// The alternatives in the pattern of the editor grammar's repository entry `name`.
fn textmate(name: &str) -> Words<'static> {
    let start = TEXTMATE.find(&format!("    \"{name}\": {{\n")).unwrap_or_else(|| panic!("no entry {name}"));
    let entry = &TEXTMATE[start..];
    let pattern =
        entry.split("\"match\": \"").nth(1).and_then(|rest| rest.lines().next()).expect("a pattern");
    let list = pattern.rsplit("\\\\b(").next().and_then(|rest| rest.split(')').next()).expect("alternatives");
    list.split('|').collect()
}

#[test]
fn the_editor_grammar_has_exactly_the_exported_words() {
    for (entry, words) in [
        ("reserved", RESERVED),
        ("item", ITEMS),
        ("stage", STAGES),
        ("contextual", CONTEXTUAL),
        ("type", TYPES),
    ] {
        assert_eq!(textmate(entry), words.iter().copied().collect::<Words>(), "{entry}");
    }
}
