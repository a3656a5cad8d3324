//! Where the rows of a `persist` would be stored, and whether they are there.
//!
//! Invariant: an entry is found only if its key, the flowc that wrote it, its columns and the identities of all its
//! files are what is looked for. Looking reads footers of entries and, of files, at most what it takes to hash them.

use super::entry::{ENTRY_SUFFIX, Entry, Unusable};
use super::folder::CacheOptions;
use super::identity::Identity;
use crate::needs::leaves_of;
use flow_ir::physical::{Input, InputFrom, Leaf, LeafKind, PhysicalPlan, Stage, TypedColumn};
use flow_ir::source::SourceFile;
use flow_ir::{Persist, Reuse, Span};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

/// Where the rows of a part of a `persist` are stored.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) scope: String,
    /// The files that they are computed from, as they were before they were read.
    pub(super) inputs: Vec<Identity>,
}

/// The types of columns as entries have them.
pub(super) fn type_texts(columns: &[TypedColumn]) -> Vec<String> {
    columns.iter().map(|c| c.ty.to_string()).collect()
}

/// The `persist`s that a stage fills.
pub(super) fn persists_of(stage: &Stage) -> Vec<(&Leaf, &Persist)> {
    let mut leaves = Vec::new();
    leaves_of(&stage.branch, &mut leaves);
    let mut persists = Vec::new();
    for leaf in leaves {
        if let LeafKind::Persist(persist) = &leaf.kind {
            persists.push((leaf, persist));
        }
    }
    persists
}

/// Where the rows of a `persist` would be.
pub(super) struct Search {
    pub(super) key: String,
    pub(super) compiler: String,
    pub(super) parts: Vec<Place>,
}

/// Where the rows of a part would be.
pub(super) struct Place {
    pub(super) path: PathBuf,
    scope: String,
    /// The files that they depend on.
    inputs: Vec<Identity>,
}

/// What is at a place.
pub(super) enum Found {
    Entry(Box<Entry>),
    Nothing(String),
    Damaged(String),
}

impl Search {
    /// Where the rows of a `persist` in `stage` are; why they are nowhere.
    pub(super) fn of(stage: &Stage, persist: &Persist, cache: Option<&CacheOptions>) -> Result<Self, String> {
        let found = match &persist.reuse {
            Reuse::Never(why) => return Err(why.clone()),
            Reuse::Whole { key, files } => {
                let inputs = files.iter().map(|f| Identity::of(f)).collect::<Result<Vec<_>, _>>();
                (key, vec![(String::new(), inputs.map_err(|why| why.to_string())?)])
            }
            Reuse::PerFile { key } => (key, Self::by_file(stage)?),
        };
        let Some(cache) = cache else { return Err("nothing is stored in this run".to_owned()) };
        let (key, parts) = found;
        let parts = parts.into_iter().map(|(scope, inputs)| Place::new(&cache.folder, key, scope, inputs));
        Ok(Search { key: key.clone(), compiler: cache.compiler.clone(), parts: parts.collect() })
    }

    /// The files of the only source of a stage, each with what the plan knows of it.
    fn by_file(stage: &Stage) -> Result<Vec<(String, Vec<Identity>)>, String> {
        let source = match stage.inputs.as_slice() {
            [Input { from: InputFrom::Read(source), .. }] => source,
            _ => return Err("its rows are not made file by file".to_owned()),
        };
        let part = |file: &SourceFile| {
            let scope = format!("{:?} {} {:?} {:?}", file.path, file.fields, file.positions, file.keys);
            Ok((scope, vec![Identity::of(&file.path).map_err(|why| why.to_string())?]))
        };
        source.files.iter().map(part).collect()
    }
}

impl Place {
    fn new(folder: &Path, key: &str, scope: String, inputs: Vec<Identity>) -> Self {
        let mut text = format!("{key}\0{scope}");
        for input in &inputs {
            text.push('\0');
            text.push_str(&input.path);
        }
        let name = format!("{:032x}{ENTRY_SUFFIX}", xxh3_128(text.as_bytes()));
        Place { path: folder.join(name), scope, inputs }
    }

    /// The entry, if it holds what is looked for, as far as its footer tells.
    fn candidate(&self, key: &str, compiler: &str, columns: &[String]) -> Found {
        let entry = match Entry::open(&self.path) {
            Ok(entry) => entry,
            Err(Unusable::Absent) => return Found::Nothing("nothing is stored yet".to_owned()),
            Err(Unusable::Damaged(why)) => return Found::Damaged(why),
        };
        let facts = &entry.facts;
        let paths = |inputs: &[Identity]| inputs.iter().map(|i| i.path.clone()).collect::<Vec<_>>();
        if facts.key != key || facts.scope != self.scope || paths(&facts.inputs) != paths(&self.inputs) {
            return Found::Damaged("it holds the rows of something else".to_owned());
        }
        if facts.compiler != compiler {
            return Found::Nothing("what is stored is of another flowc".to_owned());
        }
        if facts.columns != columns {
            return Found::Damaged("it has other columns".to_owned());
        }
        Found::Entry(Box::new(entry))
    }

    /// The entry, if it holds what is looked for.
    pub(super) fn find(&self, key: &str, compiler: &str, columns: &[String]) -> Found {
        let entry = match self.candidate(key, compiler, columns) {
            Found::Entry(entry) => entry,
            other => return other,
        };
        for (then, now) in entry.facts.inputs.iter().zip(&self.inputs) {
            match then.is_still(now) {
                Ok(true) => {}
                Ok(false) => return Found::Nothing(format!("`{}` has changed", now.path)),
                Err(why) => return Found::Nothing(why.to_string()),
            }
        }
        Found::Entry(entry)
    }

    /// Where the rows are to be stored that are computed now.
    pub(super) fn before_reading(self) -> Result<Target, String> {
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let now = Identity::before_reading(&input.path).map_err(|why| why.to_string())?;
            inputs.push(now);
        }
        Ok(Target { path: self.path, scope: self.scope, inputs })
    }
}

/// What is known of a `persist` before the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistState {
    /// Its place in the program.
    pub span: Span,
    /// The `let` that it is part of; empty if there is none.
    pub name: String,
    /// The word of the language for its level.
    pub level: &'static str,
    /// The key, if later runs can use the rows.
    pub key: Option<String>,
    /// What a run would find, in words.
    pub text: String,
}

/// What a run of `plan` would find stored. Reads no data.
pub fn persist_states(plan: &PhysicalPlan, cache: Option<&CacheOptions>) -> Vec<PersistState> {
    let mut states = Vec::new();
    for stage in &plan.stages {
        for (leaf, persist) in persists_of(stage) {
            let text = match Search::of(stage, persist, cache) {
                Err(why) => format!("for this run only: {why}"),
                Ok(search) => search.state(&type_texts(&leaf.columns)),
            };
            let (name, key) = (persist.name.clone(), persist.reuse.key().map(str::to_owned));
            states.push(PersistState { span: leaf.span, name, level: persist.level.name(), key, text });
        }
    }
    states.sort_by_key(|s| (s.span.file, s.span.start));
    states
}

impl Search {
    fn state(&self, columns: &[String]) -> String {
        let (mut rows, mut hits, mut looks) = (0, 0, 0);
        let mut why = None;
        for place in &self.parts {
            let entry = match place.candidate(&self.key, &self.compiler, columns) {
                Found::Entry(entry) => entry,
                Found::Nothing(reason) | Found::Damaged(reason) => {
                    why.get_or_insert(reason);
                    continue;
                }
            };
            let pairs = || entry.facts.inputs.iter().zip(&place.inputs);
            if let Some((_, now)) = pairs().find(|(then, now)| then.seems_still(now) == Some(false)) {
                why.get_or_insert(format!("`{}` has changed", now.path));
                continue;
            }
            looks += usize::from(pairs().any(|(then, now)| then.seems_still(now).is_none()));
            hits += 1;
            rows += entry.facts.rows();
        }
        let parts = self.parts.len();
        let mut text = match (hits, why) {
            (0, why) => format!("miss: {}", why.unwrap_or_else(|| "nothing is read".to_owned())),
            (hits, None) if hits == parts => format!("hit: {rows} rows are stored"),
            (hits, why) => {
                format!(
                    "hit for {hits} of {parts} files: {rows} rows are stored; {}",
                    why.unwrap_or_default()
                )
            }
        };
        if looks > 0 {
            text.push_str(", if files that had just been written then still have the same contents");
        }
        text
    }
}
