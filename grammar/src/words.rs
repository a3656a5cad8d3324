//! The words of the language, for editors, for completion and for telling a mistake from a name.
//!
//! Invariant: a test compares these lists with the words in `flow.pest` and in the editor grammars.

/// The words that cannot name a field without back-quotes.
pub const RESERVED: &[&str] =
    &["and", "or", "not", "in", "is", "null", "true", "false", "if", "then", "else", "match", "each"];

/// The words that begin an item.
pub const ITEMS: &[&str] =
    &["import", "schema", "param", "const", "fn", "pipe", "let", "test", "read", "from", "rows"];

/// The words that begin a stage; the first seven words of a join's kind included.
pub const STAGES: &[&str] = &[
    "filter",
    "map",
    "flat_map",
    "check",
    "reduce_by_key",
    "reduce",
    "group_by_key",
    "count",
    "distinct",
    "sort",
    "take",
    "skip",
    "sample",
    "union",
    "intersect",
    "except",
    "join",
    "left",
    "right",
    "full",
    "semi",
    "anti",
    "cross",
    "window",
    "persist",
    "repartition",
    "coalesce",
    "through",
    "write",
    "show",
];

/// The words that have a meaning in one place only and are names everywhere else.
pub const CONTEXTUAL: &[&str] = &[
    "all",
    "as",
    "asc",
    "by",
    "decimal",
    "desc",
    "expect",
    "first",
    "for",
    "frame",
    "given",
    "into",
    "iterate",
    "last",
    "list",
    "mode",
    "nulls",
    "on",
    "on_error",
    "partition",
    "per",
    "replacement",
    "rounds",
    "seed",
    "slots",
    "unordered",
    "until",
    "using",
    "with",
];

/// The words that name a type.
pub const TYPES: &[&str] =
    &["bool", "int", "float", "decimal", "string", "bytes", "date", "timestamp", "duration", "list"];

/// Words of other languages with the stage that does the same, and how that stage is used.
const FOREIGN_STAGES: &[(&str, &str, &str)] = &[
    ("where", "filter", "to keep rows that satisfy a condition, write `filter`"),
    ("having", "filter", "to keep groups that satisfy a condition, write `filter` after the reduction"),
    ("select", "map", "to choose or compute fields, write `map { a, b: x + 1 }`"),
    ("derive", "map", "to add fields, write `map { *, b: x + 1 }`"),
    ("with_columns", "map", "to add fields, write `map { *, b: x + 1 }`"),
    ("with_column", "map", "to add fields, write `map { *, b: x + 1 }`"),
    ("withColumn", "map", "to add fields, write `map { *, b: x + 1 }`"),
    ("mutate", "map", "to add fields, write `map { *, b: x + 1 }`"),
    ("extend", "map", "to add fields, write `map { *, b: x + 1 }`"),
    ("project", "map", "to choose fields, write `map { a, b }`"),
    ("rename", "map", "to rename a field, write `map { new: old, * except (old) }`"),
    ("drop", "map", "to drop fields, write `map { * except (a) }`"),
    ("group_by", "reduce_by_key", "to aggregate per key, write `reduce_by_key k { n: count() }`"),
    ("groupby", "reduce_by_key", "to aggregate per key, write `reduce_by_key k { n: count() }`"),
    ("group", "reduce_by_key", "to aggregate per key, write `reduce_by_key k { n: count() }`"),
    ("groupBy", "reduce_by_key", "to aggregate per key, write `reduce_by_key k { n: count() }`"),
    ("reduceByKey", "reduce_by_key", "the stage is called `reduce_by_key`"),
    ("groupByKey", "group_by_key", "the stage is called `group_by_key`"),
    ("flatMap", "flat_map", "the stage is called `flat_map`"),
    ("limit", "take", "to keep the first rows, write `take`"),
    ("head", "take", "to keep the first rows, write `take`"),
    ("top", "take", "to keep the greatest rows, write `take 10 sort x desc`"),
    ("first", "take", "to keep the first rows, write `take`"),
    ("offset", "skip", "to drop the first rows, write `skip`"),
    ("order_by", "sort", "to sort, write `sort a desc, b`"),
    ("orderby", "sort", "to sort, write `sort a desc, b`"),
    ("orderBy", "sort", "to sort, write `sort a desc, b`"),
    ("order", "sort", "to sort, write `sort a desc, b`"),
    ("sort_by", "sort", "to sort, write `sort a desc, b`"),
    ("aggregate", "reduce", "to aggregate all rows, write `reduce { n: count() }`"),
    ("agg", "reduce", "to aggregate all rows, write `reduce { n: count() }`"),
    ("summarize", "reduce", "to aggregate all rows, write `reduce { n: count() }`"),
    ("summarise", "reduce", "to aggregate all rows, write `reduce { n: count() }`"),
    ("explode", "flat_map", "for one row per element of a list, write `flat_map { *, x: each list }`"),
    ("unnest", "flat_map", "for one row per element of a list, write `flat_map { *, x: each list }`"),
    ("unique", "distinct", "to drop repeated rows, write `distinct`"),
    ("dedup", "distinct", "to drop repeated rows, write `distinct`"),
    ("drop_duplicates", "distinct", "to drop repeated rows, write `distinct`"),
    ("append", "union", "to add the rows of another dataset, write `union`"),
    ("concat", "union", "to add the rows of another dataset, write `union`"),
    ("union_all", "union", "to add the rows of another dataset, write `union`: it keeps duplicates"),
    ("intersection", "intersect", "the stage is called `intersect`"),
    ("subtract", "except", "the stage is called `except`"),
    ("minus", "except", "the stage is called `except`"),
    ("inner", "join", "an inner join is written `join`"),
    ("inner_join", "join", "an inner join is written `join`"),
    ("left_join", "left", "write `left join`, in two words"),
    ("cache", "persist", "to keep a dataset, write `persist`"),
    ("assert", "check", "to make a row error unless a condition holds, write `check`"),
    ("save", "write", "to write a file, write `write \"file.csv\"`"),
    ("output", "write", "to write a file, write `write \"file.csv\"`"),
    ("print", "show", "to print rows, write `show 20`; a pipeline without `write` prints anyway"),
    ("foreach", "map", "stages work on rows by themselves; to compute fields, write `map { ... }`"),
];

/// The stage a user of another language means by `word`, and how it is used.
pub fn foreign_stage(word: &str) -> Option<(&'static str, &'static str)> {
    let exact = FOREIGN_STAGES.iter().find(|(foreign, _, _)| *foreign == word);
    let found =
        exact.or_else(|| FOREIGN_STAGES.iter().find(|(foreign, _, _)| foreign.eq_ignore_ascii_case(word)));
    found.map(|&(_, stage, hint)| (stage, hint))
}

/// What to write for `word` so that the rest of the stage can stay; `None` if the rest has to change too.
/// `record`: whether a `{` follows the word at once, `later`: whether one follows somewhere in the stage.
/// Where the result ends in `{`, it takes the place of that brace too.
pub(crate) fn foreign_edit(word: &str, record: bool, later: bool) -> Option<&'static str> {
    let (stage, _) = foreign_stage(word)?;
    let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    match stage {
        _ if is(&["reduceByKey", "groupByKey", "flatMap"]) => Some(stage),
        "map" if is(&["select", "project"]) && record => Some("map"),
        "map"
            if is(&["derive", "with_columns", "with_column", "withColumn", "mutate", "extend"]) && record =>
        {
            Some("map { *,")
        }
        "reduce" if record => Some("reduce"),
        "reduce_by_key" if later && !record => Some("reduce_by_key"),
        "left" => Some("left join"),
        "map" | "flat_map" | "reduce" | "reduce_by_key" | "group_by_key" => None,
        _ if is(&["top"]) => None,
        _ => Some(stage),
    }
}

/// The candidate that `word` is most likely a misspelling of.
pub fn similar<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let limit = match word.chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        5..=7 => 2,
        _ => 3,
    };
    let scored = candidates.iter().map(|candidate| (edit_distance(word, candidate), *candidate));
    scored
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, found)| found)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`, ignoring case.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().take(64).flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let replaced = previous[j] + usize::from(left != right);
            let mut best = replaced.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *right && *left == b[j - 1] {
                best = best.min(before[j - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_words_are_found_and_strangers_are_not() {
        assert_eq!(similar("fliter", STAGES), Some("filter"));
        assert_eq!(similar("Filter", STAGES), Some("filter"));
        assert_eq!(similar("reduce_by_keys", STAGES), Some("reduce_by_key"));
        assert_eq!(similar("elephant", STAGES), None);
    }

    #[test]
    fn foreign_words_name_real_stages() {
        assert!(FOREIGN_STAGES.iter().all(|(_, stage, _)| STAGES.contains(stage)));
        assert!(FOREIGN_STAGES.iter().all(|(foreign, _, _)| !STAGES.contains(foreign)));
        assert_eq!(foreign_stage("WHERE").map(|found| found.0), Some("filter"));
        assert_eq!(foreign_edit("where", false, false), Some("filter"));
        assert_eq!(foreign_edit("select", false, false), None);
        assert_eq!(foreign_edit("Mutate", true, true), Some("map { *,"));
        assert_eq!(foreign_edit("rename", true, true), None);
        assert_eq!(foreign_edit("group_by", false, true), Some("reduce_by_key"));
    }
}
