//! What a run need not compute, because an earlier one has stored it.
//!
//! Before the first stage runs, the stages are looked at from the last to the first. What nobody needs is dropped
//! from the plan: the leaves whose rows are stored, then what only they needed. If all that a stage does is to
//! fill a `persist` file by file, it reads the files only that have no entry. Invariants: the identities of files
//! are taken before anything is read, and compared again when their rows are complete; a leaf that
//! is dropped would have delivered the rows that are stored.

use super::entry::{Entry, EntryWriter, Facts};
use super::folder::{self, CacheOptions};
use super::search::{Found, Search, Target, persists_of, type_texts};
use super::stored::{Stored, StoredCounts};
use crate::memory::Budget;
use crate::needs::{datasets_read, leaves_of};
use crate::options::{PersistCount, RunWarning};
use crate::quarantine::SpanText;
use bytes::Bytes;
use flow_ir::physical::{Branch, BranchEnd, DatasetId, InputFrom, Leaf, LeafKind, Loop, PhysicalPlan, Stage};
use flow_ir::{Persist, Reuse, Span};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A `persist` that is about to be filled.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) stored: Arc<Stored>,
    persist: Persist,
    compiler: String,
    origin: String,
    /// By part: where it is stored, if it is to be.
    pub(super) targets: Arc<Vec<Option<Target>>>,
    /// The parts that are computed, in order.
    pub(super) missing: Vec<usize>,
}

impl Prepared {
    /// A `persist` of which nothing is stored.
    pub(crate) fn unstored(persist: &Persist, leaf: &Leaf, budget: &Budget) -> Self {
        Prepared {
            stored: Stored::new(leaf.columns.clone(), persist.level, 1, budget),
            persist: persist.clone(),
            compiler: String::new(),
            origin: String::new(),
            targets: Arc::default(),
            missing: vec![0],
        }
    }

    /// The part that rows of a file of the stage belong to.
    pub(super) fn part_of(&self, file: usize) -> usize {
        match self.persist.reuse {
            Reuse::PerFile { .. } if !self.targets.is_empty() => self.missing.get(file).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// Puts complete entries in their places, unless something that they were computed from has changed: the first
    /// error, and why some are not there.
    pub(super) fn seal(&self, complete: Vec<(usize, EntryWriter)>) -> (Option<io::Error>, Vec<String>) {
        let (mut failed, mut notes) = (None, Vec::new());
        for (part, writer) in complete {
            let Some(Some(target)) = self.targets.get(part) else { continue };
            let changed = target.inputs.iter().find_map(|input| match input.is_unchanged() {
                Ok(true) => None,
                Ok(false) => Some(format!("`{}` has changed while it was read", input.path)),
                Err(why) => Some(why.to_string()),
            });
            if let Some(why) = changed {
                notes.push(why);
                continue;
            }
            let facts = Facts {
                compiler: self.compiler.clone(),
                key: self.persist.reuse.key().unwrap_or_default().to_owned(),
                scope: target.scope.clone(),
                origin: self.origin.clone(),
                name: self.persist.name.clone(),
                created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
                inputs: target.inputs.clone(),
                columns: type_texts(&self.stored.columns),
                blocks: Vec::new(),
            };
            if let Err(error) = writer.commit(facts) {
                failed.get_or_insert(error);
            }
        }
        (failed, notes)
    }
}

/// A plan with what has been found out about its `persist`s.
pub(crate) struct Preparation {
    /// The plan without what need not be computed, if there is such a thing.
    pub(crate) plan: Option<PhysicalPlan>,
    /// Those that stages fill.
    pub(crate) unfilled: HashMap<DatasetId, Prepared>,
    /// Those whose rows are all stored.
    pub(crate) filled: HashMap<DatasetId, Arc<Stored>>,
    /// What is reported of each that is needed.
    pub(crate) counts: Vec<(DatasetId, PersistCount, Arc<StoredCounts>)>,
    pub(crate) warnings: Vec<RunWarning>,
}

/// Looks for the stored rows of `plan`.
pub(crate) fn prepare(
    plan: &PhysicalPlan,
    cache: Option<&CacheOptions>,
    budget: &Budget,
    span_text: SpanText<'_>,
) -> Preparation {
    let mut found = Preparation {
        plan: None,
        unfilled: HashMap::new(),
        filled: HashMap::new(),
        counts: Vec::new(),
        warnings: Vec::new(),
    };
    if !has_persist(plan) {
        return found;
    }
    let mut cache = cache;
    let wanted = plan.stages.iter().any(|s| persists_of(s).iter().any(|(_, p)| p.reuse.key().is_some()));
    if let Some(options) = cache.filter(|_| wanted)
        && let Err(error) = folder::open(&options.folder)
    {
        let folder = options.folder.display();
        let message = format!("nothing is stored for later runs: `{folder}` cannot be used: {error}");
        found.warnings.push(RunWarning::NotStored(message));
        cache = None;
    }
    let mut walk = Walk { cache, budget, span_text, found, needed: BTreeSet::new(), changed: false };
    let smaller = walk.plan(plan);
    let (mut found, changed) = (walk.found, walk.changed);
    found.counts.reverse();
    found.plan = changed.then_some(smaller);
    found
}

fn has_persist(plan: &PhysicalPlan) -> bool {
    plan.stages.iter().any(|s| !persists_of(s).is_empty())
}

/// The stages from the last to the first.
struct Walk<'a> {
    cache: Option<&'a CacheOptions>,
    budget: &'a Budget,
    span_text: SpanText<'a>,
    found: Preparation,
    /// What stages further back need.
    needed: BTreeSet<DatasetId>,
    /// Whether the plan has become smaller.
    changed: bool,
}

impl Walk<'_> {
    fn plan(&mut self, plan: &PhysicalPlan) -> PhysicalPlan {
        let mut smaller = plan.clone();
        let mut at = plan.stages.len();
        let mut loops: Vec<Loop> = Vec::new();
        let mut open: Vec<&Loop> = plan.loops.iter().collect();
        while at > 0 || open.last().is_some_and(|l| l.end.0 as usize == at) {
            // A loop without stages ends where it begins.
            if let Some(l) = open.pop_if(|l| l.end.0 as usize == at) {
                let first = l.first.0 as usize;
                let needed = self.needed.contains(&l.result);
                for stage in smaller.stages.get_mut(first..at).unwrap_or_default() {
                    match needed {
                        true => self.whole_stage(stage),
                        false => empty(stage),
                    }
                }
                if needed {
                    self.needed.extend([l.start, l.body]);
                    self.needed.extend(l.until.iter().map(|(dataset, _)| *dataset));
                    loops.push(l.clone());
                } else {
                    self.changed = true;
                }
                at = first;
                continue;
            }
            at -= 1;
            if let Some(stage) = smaller.stages.get_mut(at) {
                self.stage(stage);
            }
        }
        loops.reverse();
        smaller.loops = loops;
        smaller
    }

    /// A stage of a loop that is needed: all of it is.
    fn whole_stage(&mut self, stage: &Stage) {
        for (leaf, persist) in persists_of(stage) {
            let Some(id) = leaf.output else { continue };
            self.count(id, leaf.span, persist, None, Arc::default());
        }
        self.needed.extend(datasets_read(stage));
    }

    fn stage(&mut self, stage: &mut Stage) {
        let mut alive: BTreeSet<DatasetId> = BTreeSet::new();
        let mut lookups: Vec<(DatasetId, Lookup)> = Vec::new();
        let mut sinks = false;
        let mut leaves = Vec::new();
        leaves_of(&stage.branch, &mut leaves);
        for leaf in leaves {
            let needed = leaf.output.filter(|id| self.needed.contains(id));
            match (&leaf.kind, needed) {
                (LeafKind::Write(_), _) => sinks = true,
                (LeafKind::Persist(persist), Some(id)) => {
                    if let Some(lookup) = self.look(stage, leaf, persist, id) {
                        alive.insert(id);
                        lookups.push((id, lookup));
                    }
                }
                (_, needed) => alive.extend(needed),
            }
        }
        let alone = alive.len() == 1 && !sinks;
        for (id, lookup) in lookups {
            match lookup.reused {
                0 => self.fill(id, lookup),
                _ if alone => {
                    self.restrict(stage, &lookup.prepared.missing);
                    self.fill(id, lookup);
                }
                _ => self.fill(id, lookup.without_entries(self.budget)),
            }
        }
        // Keys are counted wherever the rows with them are needed, or something next to them is.
        let expects = !alive.is_empty() || sinks || self.reads_needed(stage);
        if !self.trim(&mut stage.branch, &alive, expects) {
            empty(stage);
        }
        self.needed.extend(datasets_read(stage));
    }

    /// Whether the stage reads a dataset that others read, too.
    fn reads_needed(&self, stage: &Stage) -> bool {
        let mut inputs = stage.inputs.iter().filter_map(|i| match &i.from {
            InputFrom::Dataset { id, .. } => Some(id),
            _ => None,
        });
        inputs.any(|id| self.needed.contains(id))
    }

    /// Reads only the files of the stage that have no entry.
    fn restrict(&mut self, stage: &mut Stage, missing: &[usize]) {
        if let [input] = stage.inputs.as_mut_slice()
            && let InputFrom::Read(source) = &mut input.from
        {
            let mut at = 0;
            source.files.retain(|_| {
                at += 1;
                missing.contains(&(at - 1))
            });
            self.changed = true;
        }
    }

    /// Leaves of a tree only what is alive; whether anything is.
    fn trim(&mut self, branch: &mut Branch, alive: &BTreeSet<DatasetId>, expects: bool) -> bool {
        match &mut branch.end {
            BranchEnd::Leaf(leaf) => {
                let stays = match (&leaf.kind, leaf.output) {
                    (LeafKind::Write(_), _) => true,
                    (LeafKind::Expect { .. }, _) => expects,
                    (_, output) => output.is_some_and(|id| alive.contains(&id)),
                };
                self.changed |= !stays;
                stays
            }
            BranchEnd::Split(branches) => {
                branches.retain_mut(|b| self.trim(b, alive, expects));
                if let [_] = branches.as_slice()
                    && let Some(only) = branches.pop()
                {
                    branch.operations.extend(only.operations);
                    branch.end = only.end;
                    return true;
                }
                !branches.is_empty()
            }
        }
    }

    /// What is stored of a `persist`; `None` if it is everything.
    fn look(&mut self, stage: &Stage, leaf: &Leaf, persist: &Persist, id: DatasetId) -> Option<Lookup> {
        let search = match Search::of(stage, persist, self.cache) {
            Ok(search) => search,
            Err(why) => {
                let prepared = Prepared::unstored(persist, leaf, self.budget);
                return Some(Lookup { prepared, reused: 0, span: leaf.span, note: Some(why) });
            }
        };
        let stored = Stored::new(leaf.columns.clone(), persist.level, search.parts.len(), self.budget);
        let (mut targets, mut missing, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let total = search.parts.len();
        for (part, place) in search.parts.into_iter().enumerate() {
            let loaded = match place.find(&search.key, &search.compiler, &type_texts(&leaf.columns)) {
                Found::Entry(entry) => load(&stored, part, &entry).map_err(|e| (true, e.to_string())),
                Found::Nothing(why) => Err((false, why)),
                Found::Damaged(why) => Err((true, why)),
            };
            let Err((damaged, why)) = loaded else {
                targets.push(None);
                continue;
            };
            if damaged {
                let path = place.path.display();
                let message = format!("`{path}` is damaged, its rows are computed again: {why}");
                self.found.warnings.push(RunWarning::Damaged(message));
            }
            missing.push(part);
            notes.push(why);
            targets.push(place.before_reading().map_err(|why| notes.push(why)).ok());
        }
        let (first, reused) = (notes.into_iter().next(), total - missing.len());
        if missing.is_empty() {
            self.count(id, leaf.span, persist, None, stored.counts());
            if let Some((_, count, _)) = self.found.counts.last_mut() {
                (count.rows, count.bytes) = (stored.rows(), stored.bytes());
                (count.cached, count.parts, count.reused) = (count.rows, total, total);
            }
            self.found.filled.insert(id, stored);
            return None;
        }
        let origin = (self.span_text)(leaf.span);
        let (compiler, persist) = (search.compiler, persist.clone());
        let targets = Arc::new(targets);
        let prepared = Prepared { stored, persist, compiler, origin, targets, missing };
        Some(Lookup { prepared, reused, span: leaf.span, note: first })
    }

    /// Has a stage fill a `persist`.
    fn fill(&mut self, id: DatasetId, lookup: Lookup) {
        let Lookup { prepared, reused, span, note } = lookup;
        self.count(id, span, &prepared.persist, note, prepared.stored.counts());
        if let Some((_, count, _)) = self.found.counts.last_mut() {
            count.cached = prepared.stored.rows();
            (count.parts, count.reused) = (prepared.missing.len() + reused, reused);
        }
        self.found.unfilled.insert(id, prepared);
    }

    fn count(
        &mut self,
        id: DatasetId,
        span: Span,
        persist: &Persist,
        note: Option<String>,
        counts: Arc<StoredCounts>,
    ) {
        let (name, level) = (persist.name.clone(), persist.level.name());
        let count = PersistCount { span, name, level, note, ..PersistCount::default() };
        self.found.counts.push((id, count, counts));
    }
}

/// A stage that does nothing.
fn empty(stage: &mut Stage) {
    stage.inputs.clear();
    stage.branch = Branch { operations: Vec::new(), end: BranchEnd::Split(Vec::new()) };
}

/// Whether a stage does nothing.
pub(crate) fn is_empty(stage: &Stage) -> bool {
    stage.inputs.is_empty() && matches!(&stage.branch.end, BranchEnd::Split(branches) if branches.is_empty())
}

/// What is stored of a `persist` that has to be filled.
struct Lookup {
    prepared: Prepared,
    /// The parts that need not be computed.
    reused: usize,
    span: Span,
    /// Why the first part that is missing is.
    note: Option<String>,
}

impl Lookup {
    /// The same as if nothing were stored; entries that are there stay as they are.
    fn without_entries(self, budget: &Budget) -> Self {
        let Prepared { stored, targets, .. } = &self.prepared;
        let parts = targets.len();
        let prepared = Prepared {
            stored: Stored::new(stored.columns.clone(), self.prepared.persist.level, parts, budget),
            missing: (0..parts).collect(),
            ..self.prepared
        };
        let note = Some("its files are read for something else anyway".to_owned());
        Lookup { prepared, reused: 0, note, ..self }
    }
}

/// Reads all blocks of an entry and compares their checksums.
fn load(stored: &Stored, part: usize, entry: &Entry) -> io::Result<()> {
    let mut kept = Vec::with_capacity(entry.facts.blocks.len());
    let mut held = 0;
    for block in &entry.facts.blocks {
        let bytes = entry.block(block)?;
        held += block.length;
        kept.push(stored.keeps(held).then(|| Bytes::from(bytes)));
    }
    stored.take_over(part, entry, kept)
}
