//! Random expressions over the fields of a row, from the templates.

use crate::data::SCALARS;
use crate::random::Random;
use crate::templates::TEMPLATES;
use flow_ir::Type;

/// Something an expression may read: a field, a parameter of a lambda, a `$` value.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    /// As a program writes it.
    pub(crate) text: String,
    /// The letter of its type; `?` for one without.
    pub(crate) letter: char,
    /// Its type.
    pub(crate) ty: Type,
}

/// Makes expressions.
pub(crate) struct Expressions {
    /// The numbers everything is made from.
    pub(crate) random: Random,
    /// Whether expressions may fail.
    pub(crate) hostile: bool,
    /// What every expression may read: parameters, constants, one-row datasets.
    pub(crate) values: Vec<Name>,
    /// Templates of the program's own functions and of imported modules.
    pub(crate) own: Vec<String>,
    locals: Vec<Name>,
    fresh: usize,
}

/// The letter of a type.
pub(crate) fn letter(ty: &Type) -> char {
    match ty {
        Type::Bool => 'b',
        Type::Int => 'i',
        Type::Float => 'f',
        Type::Decimal { .. } => 'd',
        Type::String => 's',
        Type::Date => 'a',
        Type::Timestamp => 't',
        Type::Duration => 'u',
        Type::List(element) => match element.kind {
            Type::Int => 'I',
            Type::String => 'S',
            Type::Float => 'F',
            _ => '?',
        },
        _ => '?',
    }
}

impl Expressions {
    /// A maker of expressions from a seed.
    pub(crate) fn new(random: Random, hostile: bool) -> Self {
        Expressions { random, hostile, values: Vec::new(), own: Vec::new(), locals: Vec::new(), fresh: 0 }
    }

    /// A name that nothing else has.
    pub(crate) fn fresh(&mut self, stem: &str) -> String {
        self.fresh += 1;
        format!("{stem}{}", self.fresh)
    }

    /// A type that a field of a delimited file can have.
    pub(crate) fn scalar(&mut self) -> char {
        *self.random.pick(&SCALARS)
    }

    /// An expression of a type, at most `depth` calls high.
    pub(crate) fn of(&mut self, fields: &[Name], want: char, depth: usize) -> String {
        if depth == 0 || self.random.chance(25) {
            return self.leaf(fields, want);
        }
        let mut fitting: Vec<String> = Vec::new();
        for t in TEMPLATES.iter().map(|t| (*t).to_owned()).chain(self.own.iter().cloned()) {
            let (risky, rest) = t.strip_prefix('!').map_or((false, t.as_str()), |rest| (true, rest));
            let general = rest.starts_with('T') && SCALARS.contains(&want);
            if (!risky || self.hostile) && (general || rest.starts_with(want)) {
                fitting.push(rest[2..].to_owned());
            }
        }
        if fitting.is_empty() {
            return self.leaf(fields, want);
        }
        let template = self.random.pick(&fitting).clone();
        // In `T f(#T)` the type is the wanted one; in `b (#T == #T)` it is any.
        let general = match TEMPLATES.iter().any(|t| t.starts_with("T ") && t[2..] == template) {
            true => want,
            false => self.scalar(),
        };
        self.filled(&template, general, fields, depth - 1)
    }

    /// A template with its holes filled.
    pub(crate) fn filled(&mut self, template: &str, general: char, fields: &[Name], depth: usize) -> String {
        let name = if template.contains('@') { self.fresh("v") } else { String::new() };
        let mut out = String::new();
        let mut chars = template.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '@' => out.push_str(&name),
                '#' => {
                    let mut want = chars.next().unwrap_or('i');
                    if want == 'T' {
                        want = general;
                    }
                    let local = chars.peek() == Some(&'@');
                    if local {
                        chars.next();
                        let letter = chars.next().unwrap_or('i');
                        self.locals.push(Name { text: name.clone(), letter, ty: Type::Null });
                    }
                    let inner = self.of(fields, want, depth);
                    out.push_str(&inner);
                    if local {
                        self.locals.pop();
                    }
                }
                c => out.push(c),
            }
        }
        out
    }

    /// A field, a local, a value or a literal.
    fn leaf(&mut self, fields: &[Name], want: char) -> String {
        let named = |names: &[Name]| -> Vec<String> {
            names.iter().filter(|n| n.letter == want).map(|n| n.text.clone()).collect()
        };
        let (locals, near, values) = (named(&self.locals), named(fields), named(&self.values));
        if !locals.is_empty() && self.random.chance(60) {
            return self.random.pick(&locals).clone();
        }
        if !near.is_empty() && self.random.chance(80) {
            return self.random.pick(&near).clone();
        }
        if !values.is_empty() && self.random.chance(40) {
            return self.random.pick(&values).clone();
        }
        // A type without a field is reached from another field by a conversion.
        if near.is_empty() && self.random.chance(50) {
            for (to, from, text) in [
                ('f', 'i', "float"),
                ('s', 'i', "string"),
                ('s', 'f', "string"),
                ('t', 'a', "timestamp"),
                ('a', 't', "date"),
            ] {
                if to == want
                    && let Some(n) = fields.iter().find(|n| n.letter == from)
                {
                    return format!("{text}({})", n.text);
                }
            }
        }
        self.literal(want)
    }

    /// A literal.
    pub(crate) fn literal(&mut self, want: char) -> String {
        let r = &mut self.random;
        let pick = |r: &mut Random, all: &[&str]| (*r.pick(all)).to_owned();
        match want {
            'b' => pick(r, &["true", "false"]),
            'i' if self.hostile && r.chance(10) => {
                pick(r, &["9223372036854775807", "-9223372036854775807", "4611686018427387904", "1000000"])
            }
            'i' => pick(r, &["0", "1", "2", "3", "-1", "7", "10"]),
            'f' => pick(r, &["0.0", "1.0", "-2.5", "0.1", "1e6", "3.0", "0.5"]),
            'd' => pick(
                r,
                &[
                    "decimal(\"1.25\", 12, 2)",
                    "decimal(\"-3\", 12, 2)",
                    "decimal(2)",
                    "decimal(\"0.00\", 12, 2)",
                ],
            ),
            's' => pick(
                r,
                &["\"\"", "\"a\"", "\"b\"", "\"north\"", "\"7\"", "\"größe\"", "\"2024-02-29\"", "\"x,y\""],
            ),
            'a' => pick(r, &["@2024-05-01", "@2024-02-29", "@1969-12-31", "@2000-01-01"]),
            't' => {
                pick(r, &["@2024-03-10T07:30:00Z", "@2024-03-31T02:30:00+02:00", "@1969-12-31T23:59:59.5Z"])
            }
            'u' => pick(r, &["1h", "30min", "2d", "1w", "250ms", "0s"]),
            'I' => pick(r, &["[1, 2, 3]", "[0]", "[5, null, -1]", "range(0, 4)"]),
            'S' => pick(r, &["[\"a\", \"b\"]", "[\"x\", null]", "split(\"a-b-c\", \"-\")"]),
            _ => pick(r, &["[0.5, -1.0]", "[1.0, null, 2.5]", "[0.0]"]),
        }
    }
}
