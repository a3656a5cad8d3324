//! Times the blocking operators on made-up columns: `bench_group [part]... [rows=millions] [file=words]`.
//!
//! Parts: stations, words, ints, merge, sort, join, sums; all without arguments. The machine is
//! never quiet, so every figure is the best of several rounds.

use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::column::{BUFFER_PADDING, view};
use flow_ir::expr::Span;
use flow_ir::logical::SortKey;
use flow_ir::physical::{GroupOrder, TypedColumn};
use flow_ir::{Batch, Column, ColumnId, DataType, StrColumn, Type, Values};
use flow_runtime::memory::Budget;
use flow_runtime::operators::join::JoinTable;
use flow_runtime::operators::reduce_by_key::{
    Aggregator, AggregatorSpec, GroupTable, UpdateRows, merge_and_finish,
};
use flow_runtime::operators::sort::sort;
use std::sync::Arc;
use std::time::Instant;

const BATCH: usize = 8_192;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Batches of views into one buffer in which `between` other bytes follow each text.
fn text_batches(texts: impl Iterator<Item = Vec<u8>>, between: usize) -> Vec<Column> {
    let mut out = Vec::new();
    let (mut bytes, mut views): (Vec<u8>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut flush = |bytes: &mut Vec<u8>, views: &mut Vec<u64>| {
        bytes.resize(bytes.len() + BUFFER_PADDING, b'\n');
        let all = StrColumn { buffer: std::mem::take(bytes).into(), views: std::mem::take(views) };
        for v in all.views.chunks(BATCH) {
            out.push(Column::valid(Values::Str(StrColumn { buffer: all.buffer.clone(), views: v.to_vec() })));
        }
    };
    for t in texts {
        views.push(view(bytes.len() as u32, t.len() as u32));
        bytes.extend_from_slice(&t);
        bytes.resize(bytes.len() + between, b' ');
        if views.len() == 16 * BATCH {
            flush(&mut bytes, &mut views);
        }
    }
    flush(&mut bytes, &mut views);
    out
}

fn word(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| b'a' + random.below(26) as u8).collect()
}

fn stations(rows: usize) -> Vec<Column> {
    let mut random = Random(1);
    // Lengths of city names.
    let lengths =
        [(3, 5), (4, 42), (5, 98), (6, 203), (7, 154), (8, 133), (9, 109), (10, 60), (11, 60), (12, 40)];
    let long = [(13, 21), (14, 9), (15, 5), (16, 14), (17, 2), (18, 2), (24, 2), (26, 2)];
    let all: Vec<usize> = lengths.iter().chain(&long).flat_map(|&(l, n)| vec![l; n]).collect();
    let names: Vec<Vec<u8>> = (0..413)
        .map(|_| {
            let length = all[random.below(all.len() as u64) as usize];
            word(&mut random, length)
        })
        .collect();
    let texts: Vec<Vec<u8>> = (0..rows).map(|_| names[random.below(413) as usize].clone()).collect();
    text_batches(texts.into_iter(), 6)
}

/// Words of a text: 800,000 different ones, a few of them very common, common ones short.
fn words(rows: usize) -> Vec<Column> {
    let mut random = Random(2);
    let n = 800_000;
    let words: Vec<Vec<u8>> = (0..n)
        .map(|rank| {
            let length = match rank {
                0..100 => 2 + random.below(3),
                100..1_000 => 3 + random.below(5),
                1_000..20_000 => 4 + random.below(8),
                _ => 6 + random.below(6) + random.below(6),
            };
            word(&mut random, length as usize)
        })
        .collect();
    let mut total = 0.0;
    let cumulative: Vec<f64> = (1..=n)
        .map(|i| {
            total += 1.0 / (i as f64 + 1.7);
            total
        })
        .collect();
    let texts = (0..rows).map(|_| {
        let at = random.unit() * total;
        words[cumulative.partition_point(|&c| c < at).min(n - 1)].clone()
    });
    let texts: Vec<Vec<u8>> = texts.collect();
    text_batches(texts.into_iter(), 1)
}

fn words_of(path: &str, rows: usize) -> Vec<Column> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    let read = file
        .and_then(|f| std::io::Read::read_to_end(&mut std::io::Read::take(f, rows as u64 * 8), &mut bytes));
    if let Err(e) = read {
        eprintln!("{path}: {e}");
        return Vec::new();
    }
    let texts =
        bytes.split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty()).map(<[u8]>::to_vec).take(rows);
    text_batches(texts, 1)
}

/// Nanoseconds this thread has run so far, where the system tells: waiting for a core is left out.
fn cpu_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// The best time of several rounds, in nanoseconds of this thread.
fn best(rounds: usize, mut f: impl FnMut()) -> f64 {
    (0..rounds)
        .map(|_| {
            let (start, cpu) = (Instant::now(), cpu_time());
            f();
            match (cpu, cpu_time()) {
                (Some(before), Some(after)) if after > before => after - before,
                _ => start.elapsed().as_nanos() as f64,
            }
        })
        .fold(f64::INFINITY, f64::min)
}

/// Nanoseconds that all threads of this process have run so far.
fn process_time() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let times = tasks.flatten().filter_map(|t| {
        let text = std::fs::read_to_string(t.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum()
}

/// The best time of several rounds on the wall and of all threads together, in milliseconds.
fn best_parallel(rounds: usize, mut f: impl FnMut()) -> String {
    let (mut wall, mut cpu) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        let (start, before) = (Instant::now(), process_time());
        f();
        wall = wall.min(start.elapsed().as_secs_f64() * 1e3);
        cpu = cpu.min((process_time() - before) / 1e6);
    }
    format!("{wall:.1} ms (all threads {cpu:.1} ms)")
}

fn time_groups(name: &str, ty: &Type, columns: &[&Column]) {
    let rows: usize = columns.iter().map(|c| c.len()).sum();
    let mut groups = Vec::new();
    let mut count = 0;
    let build = best(3, || {
        let mut table = GroupTable::new(vec![ty.clone()], &Budget::unlimited());
        for c in columns {
            table.assign(&[c], c.len(), &mut groups).expect("no limit");
        }
        count = table.len();
    });
    let mut table = GroupTable::new(vec![ty.clone()], &Budget::unlimited());
    let mut warm = || {
        for c in columns {
            table.assign(&[c], c.len(), &mut groups).expect("no limit");
        }
    };
    warm();
    let warm = best(3, warm);
    let n = rows as f64;
    let near = (0..3)
        .map(|_| hot(columns, |c| table.assign(&[c], c.len(), &mut groups).expect("no limit")))
        .fold(f64::INFINITY, f64::min);
    println!("{name}: {near:.2} ns/row warm, text in a near cache");
    println!(
        "{name}: {rows} rows, {count} groups: {:.2} ns/row from empty, {:.2} ns/row warm",
        build / n,
        warm / n
    );
    let counted = best(3, || {
        let mut a = Aggregator::new(count_spec(ty), Some(Arc::new(CountRows)), &Budget::unlimited());
        for c in columns {
            a.update(&[c], &[None], c.len(), 0).expect("no limit");
        }
    });
    println!("{name}: {:.2} ns/row with count()", counted / n);
    let both = (0..3).map(|_| both_cores(ty, columns)).fold(f64::INFINITY, f64::min);
    println!("{name}: {:.2} ns/row a core with count(), two threads", both / n);
}

/// Nanoseconds of two threads that count half of the rows each, added up.
fn both_cores(ty: &Type, columns: &[&Column]) -> f64 {
    std::thread::scope(|s| {
        let halves: Vec<_> = columns
            .chunks(columns.len().div_ceil(2))
            .map(|half| {
                s.spawn(move || {
                    best(1, || {
                        let mut a =
                            Aggregator::new(count_spec(ty), Some(Arc::new(CountRows)), &Budget::unlimited());
                        for c in half {
                            a.update(&[c], &[None], c.len(), 0).expect("no limit");
                        }
                    })
                })
            })
            .collect();
        halves.into_iter().map(|h| h.join().unwrap_or(f64::INFINITY)).sum()
    })
}

/// Nanoseconds a row of `f` over batches whose text was just read, as after a scanner. Batches
/// during which the thread lost its core are left out.
fn hot(columns: &[&Column], mut f: impl FnMut(&Column)) -> f64 {
    let mut times: Vec<f64> = Vec::with_capacity(columns.len());
    for c in columns {
        if let Values::Str(s) = &c.values {
            let touched: u64 = s.views.iter().map(|&v| u64::from(s.buffer[(v & 0xffff_ffff) as usize])).sum();
            std::hint::black_box(touched);
        }
        let start = Instant::now();
        f(c);
        times.push(start.elapsed().as_nanos() as f64 / c.len() as f64);
    }
    times.sort_unstable_by(f64::total_cmp);
    let kept = &times[..times.len() - times.len() / 20];
    kept.iter().sum::<f64>() / kept.len() as f64
}

struct CountRows;

impl UpdateRows for CountRows {
    fn run(
        &self,
        states: &mut [u64],
        groups: &[u32],
        _: &[Option<&Column>],
        from: usize,
        rows: usize,
    ) -> usize {
        for &g in &groups[from..rows] {
            states[g as usize] += 1;
        }
        rows
    }
}

fn count_spec(ty: &Type) -> Arc<AggregatorSpec> {
    let count = Aggregate::new(
        ColumnId(1),
        AggregateKind::Count,
        None,
        DataType::required(Type::Int),
        Span::default(),
    );
    let key = TypedColumn { id: ColumnId(0), ty: DataType::required(ty.clone()) };
    Arc::new(AggregatorSpec::new(vec![key], vec![count], vec![None]))
}

/// Two threads' tables of the same words, merged.
fn time_merge(columns: &[Column]) {
    let spec = count_spec(&Type::String);
    let mut sorted = false;
    for order in [GroupOrder::Unseen, GroupOrder::Key] {
        let mut rounds: Vec<Vec<Aggregator>> = (0..4)
            .map(|_| {
                let halves = columns.chunks(columns.len().div_ceil(2)).map(|half| {
                    let mut a =
                        Aggregator::new(spec.clone(), Some(Arc::new(CountRows)), &Budget::unlimited());
                    for c in half {
                        a.update(&[c], &[None], c.len(), 0).expect("no limit");
                    }
                    a
                });
                halves.collect()
            })
            .collect();
        let groups: Vec<usize> = rounds[0].iter().map(Aggregator::groups).collect();
        let mut out = Vec::new();
        let time = best_parallel(4, || {
            let parts = rounds.pop().unwrap_or_default();
            out = merge_and_finish(&spec, parts, order, &Budget::unlimited()).expect("no limit");
        });
        let rows: usize = out.iter().map(|b| b.rows).sum();
        println!("merge of {groups:?} groups to {rows}, order {order:?}: {time}");
        if !std::mem::replace(&mut sorted, true) {
            time_sort(&out);
        }
    }
}

fn time_sort(batches: &[Batch]) {
    let rows: usize = batches.iter().map(|b| b.rows).sum();
    let key = |column, descending| SortKey { column: ColumnId(column), descending, nulls_first: false };
    for (name, keys) in [("n desc, word", vec![key(1, true), key(0, false)]), ("word", vec![key(0, false)])] {
        for limit in [Some(20), None] {
            let time = best_parallel(4, || {
                sort(batches.to_vec(), &keys, limit, &Budget::unlimited()).expect("no limit");
            });
            println!("sort of {rows} rows by {name}, limit {limit:?}: {time}");
        }
    }
}

fn time_join(name: &str, build: Column, probe: &[Column]) {
    let rows = build.len();
    let batches: Vec<Batch> = (0..rows as u32)
        .collect::<Vec<_>>()
        .chunks(65_536)
        .map(|r| Batch { rows: r.len(), columns: vec![(ColumnId(0), Arc::new(build.gather(r)))] })
        .collect();
    let mut table = None;
    let built = best_parallel(3, || {
        table = JoinTable::build(&batches, &[ColumnId(0)], None, &Budget::unlimited()).ok();
    });
    let Some(table) = table else { return };
    let total: usize = probe.iter().map(Column::len).sum();
    let mut matches = 0;
    let probed = best(3, || {
        matches = 0;
        for c in probe {
            let Some((left, right)) = table.probe(&[c], c.len(), usize::MAX) else { continue };
            matches += left.len().min(right.len());
        }
    });
    println!(
        "join {name}: build of {rows} rows {built}, probe of {total} rows {:.2} ns/row, {matches} matches",
        probed / total as f64
    );
}

fn ints(rows: usize, range: u64, seed: u64) -> Vec<Column> {
    let mut random = Random(seed);
    (0..rows.div_ceil(BATCH))
        .map(|_| Column::valid(Values::I64((0..BATCH).map(|_| random.below(range) as i64 * 7 - 3).collect())))
        .collect()
}

/// `sum` and `mean` in plain Rust, of floats that two floats can add and of floats that they cannot.
fn time_sums() {
    let mut random = Random(9);
    let spec = |kind| {
        let aggregate = Aggregate::new(
            ColumnId(1),
            kind,
            Some(ColumnId(2)),
            DataType::required(Type::Float),
            Span::default(),
        );
        Arc::new(AggregatorSpec::new(Vec::new(), vec![aggregate], vec![Some(Type::Float)]))
    };
    let near: Vec<f64> = (0..1 << 20).map(|_| random.below(2_000) as f64 / 10.0 - 100.0).collect();
    let far: Vec<f64> = (0..1 << 20).map(|_| 10f64.powi(random.below(200) as i32 - 100)).collect();
    for (name, values) in [("near", near), ("far apart", far)] {
        let column = Column::valid(Values::F64(values));
        let ns = best(5, || {
            let mut a = Aggregator::new(spec(AggregateKind::Sum), None, &Budget::unlimited());
            a.update(&[], &[Some(&column)], column.len(), 0).expect("no limit");
        });
        println!("sum of floats {name}: {:.2} ns/row", ns / column.len() as f64);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().find_map(|a| a.strip_prefix(name)).map(str::to_owned);
    let millions: usize = option("rows=").and_then(|s| s.parse().ok()).unwrap_or(16);
    let parts: Vec<&str> = args.iter().map(String::as_str).filter(|a| !a.contains('=')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let rows = millions << 20;
    if wanted("stations") {
        // A scanner has just read the text, so it is in a near cache: time the same few batches.
        let few = stations(4 * BATCH);
        let columns: Vec<&Column> = (0..256).flat_map(|_| &few).collect();
        time_groups("stations", &Type::String, &columns);
    }
    if wanted("words") || wanted("merge") {
        let words = option("file=").map_or_else(|| words(rows), |path| words_of(&path, rows));
        if wanted("words") {
            time_groups("words", &Type::String, &words.iter().collect::<Vec<_>>());
        }
        if wanted("merge") {
            time_merge(&words);
        }
    }
    if wanted("ints") {
        time_groups("100 ints", &Type::Int, &ints(8 << 20, 100, 3).iter().collect::<Vec<_>>());
        time_groups("100,000 ints", &Type::Int, &ints(8 << 20, 100_000, 3).iter().collect::<Vec<_>>());
        time_groups("1M ints", &Type::Int, &ints(8 << 20, 1 << 20, 3).iter().collect::<Vec<_>>());
    }
    if wanted("join") {
        let build = Column::valid(Values::I64((0..1 << 20).map(|i| i * 7 - 3).collect()));
        time_join("on int", build, &ints(8 << 20, 1 << 20, 4));
        let mut random = Random(5);
        let names: Vec<Vec<u8>> = (0..1 << 20).map(|i| format!("id{:011}", i * 13).into_bytes()).collect();
        let probe: Vec<Vec<u8>> =
            (0..8 << 20).map(|_| names[random.below(1 << 20) as usize].clone()).collect();
        let probe = text_batches(probe.into_iter(), 3);
        let mut build = flow_ir::column::StrBuilder::default();
        names.iter().for_each(|n| {
            build.push(n);
        });
        time_join("on 13-byte string", Column::valid(Values::Str(build.finish())), &probe);
    }
    if wanted("sums") {
        time_sums();
    }
}
