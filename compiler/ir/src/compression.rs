//! Compressions of whole text files, told by the suffix of the path.
//!
//! The compiler takes the suffix off before it looks for a format, the catalog reads headers
//! through it, and the runtime reads and writes by it. Invariant: the path alone decides, so a
//! plan needs no field for it.

use crate::location::without_query;

/// How the bytes of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// `.gz`, of one or several members.
    Gzip,
    /// `.zst`, of one or several frames.
    Zstd,
    /// `.bz2`, of one or several streams.
    Bzip2,
    /// `.xz`, of one or several streams.
    Xz,
}

impl Compression {
    /// Every compression with its suffix.
    pub const ALL: [(Compression, &'static str); 4] = [
        (Compression::Gzip, ".gz"),
        (Compression::Zstd, ".zst"),
        (Compression::Bzip2, ".bz2"),
        (Compression::Xz, ".xz"),
    ];

    /// What the suffix of a path says.
    pub fn of(path: &str) -> Option<Self> {
        split(path).1
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
        }
    }
}

/// A path without the suffix of its compression, and the compression.
pub fn split(path: &str) -> (&str, Option<Compression>) {
    let path = without_query(path);
    for (compression, suffix) in Compression::ALL {
        let at = path.len().saturating_sub(suffix.len());
        if path.is_char_boundary(at) && path[at..].eq_ignore_ascii_case(suffix) && at > 0 {
            return (&path[..at], Some(compression));
        }
    }
    (path, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_suffix_counts() {
        assert_eq!(split("a/b.csv.gz"), ("a/b.csv", Some(Compression::Gzip)));
        assert_eq!(split("a/b.csv.ZST"), ("a/b.csv", Some(Compression::Zstd)));
        assert_eq!(split("b.gz.csv"), ("b.gz.csv", None));
        assert_eq!(split("https://h/b.csv.gz?v=1.xz"), ("https://h/b.csv", Some(Compression::Gzip)));
        assert_eq!(split(".gz"), (".gz", None));
        assert_eq!(split("é"), ("é", None));
        assert_eq!(split(""), ("", None));
    }
}
