//! File patterns: does a path match a glob as `read` and the catalogs understand it?
//!
//! `*` and `?` stay within a name, `**` spans folders, `[...]` is a set of characters. Used for
//! the check that no program reads what it writes, and by the catalog in memory. Invariant: time
//! is bounded by the product of the lengths, whatever the pattern.

/// Whether `path` is among the files `pattern` names.
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern = tokens(&normal(pattern));
    let path: Vec<char> = normal(path).chars().collect();
    // One row of the usual dynamic program: `reach[i]` says that the tokens so far match `path[..i]`.
    let mut reach = vec![false; path.len() + 1];
    reach[0] = true;
    for token in &pattern {
        let mut next = vec![false; path.len() + 1];
        match token {
            Token::Star | Token::Folders => {
                let mut open = false;
                for i in 0..=path.len() {
                    open |= reach[i];
                    next[i] = open;
                    if i < path.len() && path[i] == '/' && matches!(token, Token::Star) {
                        open = false;
                    }
                }
            }
            Token::Any | Token::One(_) | Token::Set { .. } => {
                for i in 0..path.len() {
                    next[i + 1] = reach[i] && token.accepts(path[i]);
                }
            }
        }
        reach = next;
    }
    reach[path.len()]
}

/// The path without `./` in front and without doubled slashes.
pub fn normal(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (i, part) in path.split('/').enumerate() {
        if part == "." || (part.is_empty() && i > 0) {
            continue;
        }
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(part);
        if i == 0 && part.is_empty() {
            out.push('/');
        }
    }
    out
}

enum Token {
    Star,
    Folders,
    Any,
    One(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Token::Star | Token::Folders => false,
            Token::Any => c != '/',
            Token::One(x) => *x == c,
            Token::Set { negated, ranges } => {
                c != '/' && ranges.iter().any(|(lo, hi)| (*lo..=*hi).contains(&c)) != *negated
            }
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest: &[char] = &pattern.chars().collect::<Vec<_>>();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            '*' if rest.first() == Some(&'*') => {
                rest = &rest[1..];
                // `**/` also stands for no folder at all.
                if rest.first() == Some(&'/') {
                    rest = &rest[1..];
                }
                out.push(Token::Folders);
            }
            '*' => out.push(Token::Star),
            '?' => out.push(Token::Any),
            '[' => match set(rest) {
                Some((token, after)) => {
                    out.push(token);
                    rest = after;
                }
                None => out.push(Token::One('[')),
            },
            c => out.push(Token::One(c)),
        }
    }
    out
}

fn set(rest: &[char]) -> Option<(Token, &[char])> {
    let negated = rest.first() == Some(&'!');
    let body = if negated { &rest[1..] } else { rest };
    let end = (1..body.len()).find(|&i| body[i] == ']')?;
    let mut ranges = Vec::new();
    let mut i = 0;
    while i < end {
        if i + 2 < end && body[i + 1] == '-' {
            ranges.push((body[i], body[i + 2]));
            i += 3;
        } else {
            ranges.push((body[i], body[i]));
            i += 1;
        }
    }
    Some((Token::Set { negated, ranges }, &body[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::{matches, normal};

    #[test]
    fn stars_stay_within_a_name() {
        assert!(matches("data/*.csv", "data/a.csv"));
        assert!(matches("./data/*.csv", "data/a.csv"));
        assert!(!matches("data/*.csv", "data/x/a.csv"));
        assert!(matches("data/**/*.csv", "data/x/y/a.csv"));
        assert!(matches("data/**/*.csv", "data/a.csv"));
        assert!(matches("a?[0-9].txt", "ab7.txt"));
        assert!(!matches("a?[!0-9].txt", "ab7.txt"));
        assert!(matches("a[", "a["));
    }

    #[test]
    fn paths_have_one_form() {
        assert_eq!(normal("./a//b/./c"), "a/b/c");
        assert_eq!(normal("/a/b"), "/a/b");
        assert_eq!(normal("../a"), "../a");
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(40);
        assert!(!matches(&pattern, &"a".repeat(200).replace("aaaaaaaaaa", "aaaab")));
    }
}
