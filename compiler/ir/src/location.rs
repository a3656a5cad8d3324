//! What the target of a `read` or `write` names: a file, a standard stream, a command, a URL.
//!
//! Decided by the text alone, on both sides of the compiler, so plans need nothing but the text.
//! A file whose name looks like something else is written with a folder: `./-`, `./cmd:x`.

use std::borrow::Cow;

/// A target, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location<'a> {
    /// A path or a pattern of paths.
    File(&'a str),
    /// `-`: standard input or output.
    Standard,
    /// `cmd:...`: what a command prints or takes; the text is for `sh -c`.
    Command(&'a str),
    /// `https://...`, `s3://...`, and whatever else has a scheme.
    Url(&'a str),
}

impl<'a> Location<'a> {
    /// What `target` names.
    pub fn of(target: &'a str) -> Self {
        if target == "-" {
            return Location::Standard;
        }
        if let Some((scheme, rest)) = target.split_once(':') {
            if scheme.eq_ignore_ascii_case("cmd") {
                return Location::Command(rest.trim_start());
            }
            let named = |b: u8| b.is_ascii_alphanumeric() || b == b'+';
            if rest.starts_with("//") && !scheme.is_empty() && scheme.bytes().all(named) {
                return Location::Url(target);
            }
        }
        Location::File(target)
    }

    /// Whether its bytes come once, from front to back, and are gone then.
    pub fn is_live(self) -> bool {
        matches!(self, Location::Standard | Location::Command(_))
    }
}

/// What messages call the input that `target` names.
pub fn input_name(target: &str) -> Cow<'_, str> {
    match Location::of(target) {
        Location::Standard => Cow::Borrowed("<stdin>"),
        _ => without_secrets(target),
    }
}

/// A target as it may be shown: of a URL, neither who asks nor what follows its path.
pub fn without_secrets(target: &str) -> Cow<'_, str> {
    match Location::of(target) {
        Location::Url(url) => {
            let url = without_query(url);
            let Some((scheme, rest)) = url.split_once("://") else { return Cow::Borrowed(url) };
            let host = rest.split('/').next().unwrap_or(rest);
            match host.rsplit_once('@') {
                Some((user, _)) => Cow::Owned(format!("{scheme}://{}", &rest[user.len() + 1..])),
                None => Cow::Borrowed(url),
            }
        }
        _ => Cow::Borrowed(target),
    }
}

/// A URL up to the end of its path, whose suffix says the format.
pub fn without_query(url: &str) -> &str {
    match Location::of(url) {
        // A key of an object may hold anything.
        Location::Url(url) if !url.starts_with("s3:") => url.split(['?', '#']).next().unwrap_or(url),
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_by_their_text() {
        assert_eq!(Location::of("-"), Location::Standard);
        assert_eq!(Location::of("./-"), Location::File("./-"));
        assert_eq!(Location::of("cmd: ls -l | head"), Location::Command("ls -l | head"));
        assert_eq!(Location::of("./cmd:ls"), Location::File("./cmd:ls"));
        assert_eq!(Location::of("s3://bucket/a.csv"), Location::Url("s3://bucket/a.csv"));
        assert_eq!(Location::of("a:b.csv"), Location::File("a:b.csv"));
        assert_eq!(Location::of("data/*.csv"), Location::File("data/*.csv"));
        assert!(Location::of("-").is_live() && !Location::of("x").is_live());
        assert_eq!((&*input_name("-"), &*input_name("cmd:ls")), ("<stdin>", "cmd:ls"));
        assert_eq!(input_name("https://me:pw@host:80/a@b.csv?sig=1#x"), "https://host:80/a@b.csv");
        assert_eq!(input_name("s3://bucket/a?b.csv"), "s3://bucket/a?b.csv");
    }
}
