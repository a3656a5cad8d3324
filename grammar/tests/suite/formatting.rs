//! The formatter keeps the tree and the comments, and has one form for each program.

use crate::{Random, check_format, programs};

#[test]
fn all_programs_keep_their_tree() {
    for (_, source) in programs() {
        let formatted = check_format(&source);
        for line in formatted.lines().filter(|line| !line.contains('"') && !line.contains('#')) {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn comments_survive_anywhere() {
    let mut random = Random(0x5eed_c033);
    for (name, source) in programs() {
        for round in 0..60 {
            let text = sprinkle(&source, &mut random, round);
            let (_, errors) = flow_grammar::parse(&text);
            assert!(errors.is_empty(), "{name}: {errors:#?}\n{text}");
            check_format(&text);
        }
    }
}

/// Puts comments and line breaks at random blanks outside of strings.
fn sprinkle(source: &str, random: &mut Random, round: usize) -> String {
    let mut out = String::new();
    for line in source.lines() {
        let plain = !line.contains(['"', '#', '`']);
        for (position, word) in line.split(' ').enumerate() {
            if position > 0 {
                out.push(' ');
            }
            if plain && position > 0 && random.below(8) == 0 {
                match random.below(4) {
                    0 => out.push_str(&format!("# trailing {round}\n")),
                    1 => out.push_str(&format!("\n# own line {round}\n")),
                    2 => out.push_str(&format!("# both\n\n\n  # and {round}\n")),
                    _ => out.push('\n'),
                }
            }
            out.push_str(word);
        }
        out.push('\n');
    }
    out
}

#[test]
fn layout_does_not_depend_on_layout() {
    for (name, source) in programs() {
        let (program, _) = flow_grammar::parse(&source);
        let mut bare = source.clone();
        for comment in program.comments.iter().rev() {
            bare.replace_range(comment.span.start as usize..comment.span.end as usize, "");
        }
        let lines: Vec<&str> = bare.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // Blank lines between items are the author's.
        let formatted = |text: &str| check_format(text).replace("\n\n", "\n");
        let expected = formatted(&bare);
        assert_eq!(formatted(&lines.join("\n\n")), expected, "{name}");
        assert_eq!(formatted(&lines.join("\r\n\t  ")), expected, "{name}");
    }
}

#[test]
fn the_form_is_as_described() {
    let source = "\
let x=read 'a'|>filter a>3|>map{a,b:c+1}   # why
## Documented.
fn f ( a , b )->int=a+b
fn g(a) { let b=a*2;let c=b; b+c }
param p:int?=3 const C=[1,2,]
import  std.geo
pipe q(n:int){|take $n|sort a desc}
let big = from a | map { first_long_name: aaaaaaaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbbbbbbbbbbb, second_long_name: cccccccc }
from x|filter aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb and ccccccccccccccccccccccc
";
    let source = source.replace('\'', "\"");
    let expected = "\
let x =
  read \"a\"
  | filter a > 3
  | map { a, b: c + 1 } # why

## Documented.
fn f(a, b) -> int = a + b
fn g(a) { let b = a * 2; let c = b; b + c }
param p: int? = 3
const C = [1, 2]
import std.geo

pipe q(n: int) {
  | take $n
  | sort a desc
}

let big =
  from a
  | map {
      first_long_name: aaaaaaaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbbbbbbbbbbb,
      second_long_name: cccccccc,
    }

from x
| filter aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    and bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
    and ccccccccccccccccccccccc
";
    assert_eq!(check_format(&source), expected);
}

#[test]
fn comments_stay_where_they_are() {
    let source = "\
# header

# about x
let x = from a # the source
  # before the filter
  | filter a > 3 # why three
  | map { # fields
      a, # first
      # second
      b,
      # end
    }
# last
";
    let expected = "\
# header

# about x
let x =
  from a # the source
  # before the filter
  | filter a > 3 # why three
  | map { # fields
      a, # first
      # second
      b,
      # end
    }

# last
";
    assert_eq!(check_format(source), expected);
}

#[test]
fn names_keep_the_quotes_they_need() {
    let source = "from a | map { `b`: `c d`, `in`: `desc`, `9`: `é`, d.`e` }";
    assert_eq!(check_format(source), "from a\n| map { b: `c d`, `in`: `desc`, `9`: `é`, d.e }\n");
}

#[test]
fn a_program_with_errors_is_not_formatted() {
    let errors = flow_grammar::format("from a | where b > 3").expect_err("an unknown stage");
    assert_eq!(errors[0].code, "F1001");
    assert_eq!(flow_grammar::format(""), Ok(String::new()));
    assert_eq!(flow_grammar::format("\n\n# only a comment"), Ok("# only a comment\n".to_string()));
}
