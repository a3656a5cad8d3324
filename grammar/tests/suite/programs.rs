//! The programs of the language description parse, as a whole and cut off anywhere.

use crate::{check_format, programs};
use flow_grammar::{LineIndex, parse};

#[test]
fn all_programs_parse() {
    for (name, source) in programs() {
        let (program, errors) = parse(&source);
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert!(!program.items.is_empty(), "{name}");
    }
}

#[test]
fn every_prefix_is_a_tree_or_an_error() {
    for (name, source) in programs() {
        let ends = source.char_indices().map(|(at, _)| at).filter(|at| source.len() < 1500 || at % 3 == 0);
        for end in ends {
            let prefix = &source[..end];
            let (_, errors) = parse(prefix);
            for error in &errors {
                assert!(error.span.end as usize <= end, "{name}, cut at {end}: {error:?}");
                assert!(flow_grammar::CODES.iter().any(|(code, _)| *code == error.code), "{error:?}");
            }
            if errors.is_empty() {
                check_format(prefix);
            }
        }
    }
}

#[test]
fn line_ends_byte_order_mark_and_shebang_change_nothing() {
    for (name, source) in programs() {
        let (plain, _) = parse(&source);
        let windows = source.replace('\n', "\r\n");
        let dressed = format!("\u{feff}#!/usr/bin/env flowc\r\n\r\n{windows}");
        let (tree, errors) = parse(&dressed);
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert!(plain.same_tree(&tree), "{name}");
        let formatted = check_format(&dressed);
        assert!(formatted.starts_with("#!/usr/bin/env flowc\n"), "{name}");
        assert!(!formatted.contains('\r'), "{name}");
    }
}

#[test]
fn positions_after_a_byte_order_mark_are_what_an_editor_shows() {
    let source = "\u{feff}from a\r\n| where b c";
    let (_, errors) = parse(source);
    let index = LineIndex::new(source);
    let at = index.line_column(source, errors[0].span.start);
    assert_eq!((at.line, at.column), (2, 3));
    assert_eq!(index.line_column(source, 3).column, 1);
}
