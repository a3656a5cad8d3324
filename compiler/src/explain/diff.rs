//! A line diff, to show what a pass changed.

/// A line of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// In both texts.
    Same(&'a str),
    /// Only in the first.
    Removed(&'a str),
    /// Only in the second.
    Added(&'a str),
}

/// How many lines are compared with each other; beyond that everything counts as changed.
const LINES_MAX: usize = 1000;

/// The lines of both texts in order, by a longest common subsequence.
pub fn diff_lines<'a>(before: &'a str, after: &'a str) -> Vec<Change<'a>> {
    let a: Vec<&str> = before.lines().collect();
    let b: Vec<&str> = after.lines().collect();
    if a.len() > LINES_MAX || b.len() > LINES_MAX {
        let removed = a.iter().map(|l| Change::Removed(l));
        return removed.chain(b.iter().map(|l| Change::Added(l))).collect();
    }
    // common[i][j]: how many lines a[i..] and b[j..] have in common.
    let mut common = vec![vec![0u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] =
                if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut changes = Vec::new();
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            changes.push(Change::Same(a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
            changes.push(Change::Removed(a[i]));
            i += 1;
        } else {
            changes.push(Change::Added(b[j]));
            j += 1;
        }
    }
    changes
}
