//! Random stages behind rows with known fields.
//!
//! A stage is one line or a few, as a program has it. What its rows look like is not computed here: the
//! compiler is asked (see `program`).

use crate::data::SCALARS;
use crate::expression::{Expressions, Name};
use flow_ir::Type;

/// A dataset that stages may name.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    /// Its name.
    pub(crate) name: String,
    /// Its fields.
    pub(crate) fields: Vec<Name>,
}

/// The kinds of stages with how often each comes. Sinks come at the end of a pipeline.
const KINDS: [(&str, usize); 25] = [
    ("filter", 16),
    ("map", 14),
    ("flat_map", 6),
    ("check", 4),
    ("reduce", 4),
    ("reduce_by_key", 10),
    ("group_by_key", 3),
    ("count", 2),
    ("distinct", 3),
    ("distinct on", 4),
    ("sort", 6),
    ("take", 3),
    ("take sort", 3),
    ("take per", 4),
    ("skip", 3),
    ("sample", 4),
    ("union", 5),
    ("intersect", 3),
    ("except", 3),
    ("join", 14),
    ("cross join", 2),
    ("window", 9),
    ("persist", 4),
    ("repartition", 3),
    ("coalesce", 2),
];

/// The levels of `persist`.
const PERSISTS: &[&str] = &[
    "| persist",
    "| persist(memory)",
    "| persist(memory_ser)",
    "| persist(memory_and_disk_ser)",
    "| persist(disk)",
];

/// Aggregates as templates.
const AGGREGATES: &[&str] = &[
    "count()",
    "count(#T)",
    "count_if(#b)",
    "count_distinct(#T)",
    "count_distinct(#i)",
    "sum(#i)",
    "sum(#f)",
    "sum(#d)",
    "sum(#u)",
    "mean(#i)",
    "mean(#f)",
    "mean(#d)",
    "min(#T)",
    "max(#T)",
    "min(#I)",
    "max({ a: #T, b: #i })",
    "first(#T)",
    "last(#T)",
    "first(#S)",
    "any(#b)",
    "all(#b)",
    "variance(#i)",
    "variance(#f)",
    "stddev(#f)",
    "stddev(#d)",
    "median(#i)",
    "median(#f)",
    "quantile(#f, 0.25)",
    "quantile(#d, 0.9)",
    "min_by(#T, #i)",
    "max_by(#T, #f)",
    "max_by({ a: #T, b: #i }, #s)",
    "collect(#T)",
    "collect(#i)",
    "collect({ a: #T, b: #s })",
    "collect_set(#T)",
    "join_text(#s, \"|\")",
    "sum(#i) / count()",
    "max(#f) - min(#f)",
    "reduce(#i, (a, b) -> wrapping_add(a, b))",
    "reduce(#i, (a, b) -> wrapping_mul(a, b))",
    "reduce(#T, (a, b) -> greatest(a, b))",
    "reduce(#T, (a, b) -> b)",
    "reduce(#s, (a, b) -> a + \",\" + b)",
    "reduce(#b, (a, b) -> a or b)",
    "fold(0, #i, step: (acc, x) -> wrapping_add(wrapping_mul(acc, 31), x))",
    "fold(0, #T, step: (acc, x) -> acc + 1)",
    "fold(\"\", #s, step: (acc, x) -> slice(x + acc, 0, 5))",
    "fold({ n: 0, p: 1 }, #i, step: (acc, x) -> { n: acc.n + 1, p: wrapping_mul(acc.p, x) }, merge: (a, b) -> { n: a.n + b.n, p: wrapping_mul(a.p, b.p) })",
];

/// What a `window` adds, as templates.
const WINDOW_FUNCTIONS: &[&str] = &[
    "lag(#T)",
    "lead(#T, 2)",
    "lag(#T, 1, #T)",
    "lead(#i, 1, 0)",
    "row_number()",
    "rank()",
    "dense_rank()",
    "(#i ?? 0) - (lag(#i) ?? 0)",
    "#f / (1.0 + abs(sum(#f)))",
];

const JOINS: [&str; 8] =
    ["join", "join", "left join", "left join", "right join", "full join", "semi join", "anti join"];

impl Expressions {
    /// A random stage, if its kind can stand behind these fields.
    pub(crate) fn stage(&mut self, fields: &[Name], datasets: &[Dataset]) -> Option<String> {
        let mut at = self.random.below(KINDS.iter().map(|k| k.1).sum());
        let kind = KINDS.iter().find(|k| {
            let hit = at < k.1;
            at = at.saturating_sub(k.1);
            hit
        });
        self.stage_of(kind.map_or("filter", |k| k.0), fields, datasets)
    }

    fn stage_of(&mut self, kind: &str, fields: &[Name], datasets: &[Dataset]) -> Option<String> {
        Some(match kind {
            "filter" => {
                let depth = 1 + self.random.below(3);
                format!("| filter {}", self.of(fields, 'b', depth))
            }
            "map" => self.map(fields),
            "flat_map" => self.flat_map(fields),
            "check" if self.hostile => format!("| check {}, \"must hold\"", self.of(fields, 'b', 2)),
            "check" => format!("| check {} ?? true or true", self.of(fields, 'b', 1)),
            "reduce" => format!("| reduce {{ {} }}", self.aggregates(fields, AGGREGATES, 4)),
            "reduce_by_key" => {
                format!(
                    "| reduce_by_key {} {{ {} }}",
                    self.keys(fields, 3)?,
                    self.aggregates(fields, AGGREGATES, 3)
                )
            }
            "group_by_key" => {
                format!("| group_by_key {} into {}", self.keys(fields, 2)?, self.fresh("group"))
            }
            "count" => "| count".to_owned(),
            "distinct" => "| distinct".to_owned(),
            "distinct on" => {
                let on = self.expressions(fields, 2);
                let sort =
                    if self.random.chance(60) { format!(" {}", self.sort(fields)) } else { String::new() };
                format!("| distinct on {on}{sort}")
            }
            "sort" => format!("| {}", self.sort(fields)),
            "take" => format!("| take {}", self.random.pick(&[0, 1, 3, 10, 1000])),
            "take sort" => format!("| take {} {}", self.random.pick(&[1, 2, 5, 30]), self.sort(fields)),
            "take per" => {
                let sort =
                    if self.random.chance(60) { format!(" {}", self.sort(fields)) } else { String::new() };
                format!("| take {} per {}{sort}", self.random.pick(&[1, 2, 3]), self.expressions(fields, 2))
            }
            "skip" => format!("| skip {}", self.random.pick(&[0, 1, 4, 50])),
            "sample" => {
                let amount = *self.random.pick(&["10%", "0.5", "50%", "5", "20", "1"]);
                let seed = *self.random.pick(&["", " seed 7", " seed 42"]);
                format!("| sample {amount}{seed}{}", self.random.pick(&["", " with replacement"]))
            }
            "union" | "intersect" | "except" => {
                let all = if kind != "union" && self.random.chance(50) { " all" } else { "" };
                format!("| {kind}{all} ({})", self.alike(fields, datasets)?)
            }
            "join" => self.join(fields, datasets)?,
            "cross join" => {
                let d = self.random.pick(datasets).name.clone();
                format!("| cross join (from {d} | take {}) as {}", self.random.below(4), self.fresh("r"))
            }
            "window" => self.window(fields),
            "persist" => (*self.random.pick(PERSISTS)).to_owned(),
            "repartition" => {
                let by = match self.random.below(3) {
                    0 => String::new(),
                    1 => format!(" by hash({})", self.field(fields)?),
                    _ => format!(" by range({})", self.field(fields)?),
                };
                format!("| repartition {}{by}", self.random.pick(&[1, 3, 8]))
            }
            _ => format!("| coalesce {}", self.random.pick(&[1, 2])),
        })
    }

    fn field(&mut self, fields: &[Name]) -> Option<String> {
        let flat: Vec<&Name> = fields.iter().filter(|f| f.letter != '?').collect();
        if flat.is_empty() { None } else { Some(self.random.pick(&flat).text.clone()) }
    }

    fn map(&mut self, fields: &[Name]) -> String {
        let mut entries = Vec::new();
        match self.random.below(4) {
            0 => entries.push("*".to_owned()),
            1 if fields.len() > 1 => {
                let flat: Vec<&Name> = fields.iter().filter(|f| !f.text.contains('.')).collect();
                let dropped = flat.first().map_or(String::new(), |_| self.random.pick(&flat).text.clone());
                entries.push(if dropped.is_empty() {
                    "*".to_owned()
                } else {
                    format!("* except ({dropped})")
                });
            }
            _ => {
                let flat: Vec<String> =
                    fields.iter().filter(|f| !f.text.contains('.')).map(|f| f.text.clone()).collect();
                entries.extend(self.random.some(&flat, 70));
                if let Some(nested) = fields.iter().find(|f| f.text.contains('.')) {
                    entries.push(format!("{}: {}", self.fresh("p"), nested.text));
                }
            }
        }
        for _ in 0..1 + self.random.below(3) {
            let letter =
                if self.random.chance(20) { *self.random.pick(&['I', 'S', 'F']) } else { self.scalar() };
            let (name, e) = (self.fresh("c"), self.of(fields, letter, 3));
            entries.push(if self.random.chance(10) {
                format!("{name}: {{ a: {e}, b: {} }}", self.of(fields, 'i', 1))
            } else {
                format!("{name}: {e}")
            });
        }
        format!("| map {{\n    {},\n  }}", entries.join(",\n    "))
    }

    fn flat_map(&mut self, fields: &[Name]) -> String {
        let letter = *self.random.pick(&['I', 'S', 'F']);
        let records: Vec<String> = fields
            .iter()
            .filter(|f| matches!(f.ty, Type::List(_)) && f.letter == '?')
            .map(|f| f.text.clone())
            .collect();
        let list = if !records.is_empty() && self.random.chance(60) {
            self.random.pick(&records).clone()
        } else {
            self.of(fields, letter, 2)
        };
        let name = self.fresh("e");
        if self.random.chance(60) {
            return format!("| flat_map {{ *, {name}: each {list} }}");
        }
        let kept = self.field(fields).map_or(String::new(), |f| format!("{}: {f}, ", self.fresh("q")));
        format!("| flat_map {{ {kept}{name}: each {list} }}")
    }

    /// Keys of a reduction: fields and named expressions.
    fn keys(&mut self, fields: &[Name], most: usize) -> Option<String> {
        let mut keys = Vec::new();
        for _ in 0..1 + self.random.below(most) {
            let flat: Vec<&Name> =
                fields.iter().filter(|f| f.letter != '?' && !f.text.contains('.')).collect();
            if !flat.is_empty() && self.random.chance(60) {
                let field = self.random.pick(&flat).text.clone();
                if !keys.contains(&field) {
                    keys.push(field);
                }
            } else {
                let letter = if self.random.chance(10) { 'I' } else { self.scalar() };
                keys.push(format!("{}: {}", self.fresh("k"), self.of(fields, letter, 2)));
            }
        }
        Some(keys.join(", "))
    }

    /// Expressions of any type, separated by commas.
    fn expressions(&mut self, fields: &[Name], most: usize) -> String {
        let mut all = Vec::new();
        for _ in 0..1 + self.random.below(most) {
            let (letter, depth) = (self.scalar(), self.random.below(2));
            let field = self.field(fields).filter(|_| depth == 0);
            all.push(field.unwrap_or_else(|| self.of(fields, letter, depth)));
        }
        all.join(", ")
    }

    fn sort(&mut self, fields: &[Name]) -> String {
        let mut keys = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let key = self.expressions(fields, 1);
            keys.push(format!(
                "{key}{}",
                self.random.pick(&["", "", " desc", " nulls first", " desc nulls first"])
            ));
        }
        format!("sort {}", keys.join(", "))
    }

    fn aggregates(&mut self, fields: &[Name], templates: &[&str], most: usize) -> String {
        let mut entries = Vec::new();
        for _ in 0..1 + self.random.below(most) {
            let template = *self.random.pick(templates);
            let (general, depth) = (self.scalar(), self.random.below(3));
            let name = self.fresh("g");
            entries.push(format!("{name}: {}", self.filled(template, general, fields, depth)));
        }
        entries.join(", ")
    }

    fn window(&mut self, fields: &[Name]) -> String {
        let mut clauses = String::new();
        if self.random.chance(65) {
            clauses.push_str(&format!(" per {}", self.expressions(fields, 2)));
        }
        if self.random.chance(70) {
            clauses.push_str(&format!(" {}", self.sort(fields)));
        }
        if self.random.chance(40) {
            let from = self.random.below(7) as i64 - 4;
            clauses.push_str(&format!(" frame {from}..{}", from + self.random.below(5) as i64));
        }
        let mut entries = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let all =
                if self.random.chance(50) { WINDOW_FUNCTIONS } else { &AGGREGATES[..AGGREGATES.len() - 10] };
            entries.push(self.aggregates(fields, all, 1));
        }
        format!("| window{clauses} {{ {} }}", entries.join(", "))
    }

    /// A pipeline whose rows have the names and types of these.
    fn alike(&mut self, fields: &[Name], datasets: &[Dataset]) -> Option<String> {
        let d = self.random.pick(datasets).clone();
        let mut entries = Vec::new();
        for f in fields {
            let letter = f.letter;
            if f.text.contains('.') || !(SCALARS.contains(&letter) || matches!(letter, 'I' | 'S' | 'F')) {
                return None;
            }
            let e = match d.fields.iter().find(|o| o.text == f.text && o.ty == f.ty) {
                Some(_) if self.random.chance(90) => f.text.clone(),
                _ => self.of(&d.fields, letter, 1),
            };
            entries.push(match f.ty {
                Type::Decimal { precision, scale } if e != f.text => {
                    format!("{}: decimal({e}, {precision}, {scale})", f.text)
                }
                _ => format!("{}: {e}", f.text),
            });
        }
        let filter = if self.random.chance(40) {
            format!(" | filter {}", self.of(&d.fields, 'b', 1))
        } else {
            String::new()
        };
        Some(format!("from {}{filter} | map {{ {} }}", d.name, entries.join(", ")))
    }

    fn join(&mut self, fields: &[Name], datasets: &[Dataset]) -> Option<String> {
        let d = self.random.pick(datasets).clone();
        let kind = *self.random.pick(&JOINS);
        let mut keys = Vec::new();
        let common: Vec<String> = fields
            .iter()
            .filter(|f| f.letter != '?' && d.fields.iter().any(|o| o.text == f.text && o.ty == f.ty))
            .map(|f| f.text.clone())
            .collect();
        let by_name = !common.is_empty() && self.random.chance(55);
        if by_name {
            keys.push(self.random.pick(&common).clone());
        }
        while keys.is_empty() || self.random.chance(25) {
            let letter = if self.random.chance(8) { *self.random.pick(&['I', 'S']) } else { self.scalar() };
            let depth = self.random.below(2);
            let (left, right) = (self.of(fields, letter, depth), self.of(&d.fields, letter, depth));
            keys.push(if self.random.chance(8) {
                format!("{{ a: {left}, b: 1 }} == {{ a: {right}, b: 1 }}")
            } else {
                format!("{left} == {right}")
            });
        }
        let named = if self.random.chance(if by_name { 60 } else { 95 }) {
            format!(" as {}", self.fresh("r"))
        } else {
            String::new()
        };
        let named = if kind.starts_with("semi") || kind.starts_with("anti") { String::new() } else { named };
        let mut text = match self.random.below(4) {
            0 => format!(
                "| {kind} (from {} | filter {}){named} on {}",
                d.name,
                self.of(&d.fields, 'b', 1),
                keys.join(", ")
            ),
            _ => format!("| {kind} {}{named} on {}", d.name, keys.join(", ")),
        };
        if self.random.chance(4) {
            let more = *self.random.pick(&[" expect 1:1", " expect m:1", " expect 1:m", " expect m:m"]);
            text.push_str(more);
        }
        if self.random.chance(12) {
            let more = *self.random.pick(&[" using broadcast", " using shuffle", " using merge"]);
            text.push_str(more);
        }
        Some(text)
    }
}
