//! "Did you mean": the known name that is closest to an unknown one.
//!
//! Used by every phase that looks names up. Invariant: cost is bounded, because names longer than
//! [`LENGTH_MAX`] characters are never compared.

const LENGTH_MAX: usize = 64;

/// The candidate most like `name`, if one is like it at all.
pub(crate) fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > LENGTH_MAX {
        return None;
    }
    let limit = (length / 3).max(1);
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .filter(|c| *c != name && c.len() <= 4 * LENGTH_MAX)
        .map(|c| (distance(&lower, &c.to_lowercase()), c))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let width = b.len() + 1;
    let mut table = vec![0usize; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let best = if i == 0 || j == 0 {
                i.max(j)
            } else {
                let different = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (table[(i - 1) * width + j] + 1)
                    .min(table[i * width + j - 1] + 1)
                    .min(table[(i - 1) * width + j - 1] + different);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[(i - 2) * width + j - 2] + 1);
                }
                best
            };
            table[i * width + j] = best;
        }
    }
    table[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn finds_misspellings_and_nothing_else() {
        assert_eq!(closest("totl", ["region", "total", "n"]), Some("total"));
        assert_eq!(closest("naem", ["name", "age"]), Some("name"));
        assert_eq!(closest("Amount", ["amount"]), Some("amount"));
        assert_eq!(closest("weight", ["height_cm", "age"]), None);
        assert_eq!(closest("x", ["abc"]), None);
    }
}
