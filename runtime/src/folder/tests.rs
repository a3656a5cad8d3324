//! Directories that are replaced and appended to: what stays, what is refused, what others do meanwhile.

use super::list::NAME;
use super::*;
use flow_ir::logical::ColumnId;
use flow_ir::source::{Format, SinkColumn};
use flow_ir::{DataType, Type};

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("flowc-folder-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("temporary directory");
    dir
}

fn layout(fields: &[(&str, Type)]) -> Layout {
    let columns: Vec<SinkColumn> = fields
        .iter()
        .map(|(name, kind)| SinkColumn {
            id: ColumnId(0),
            path: vec![(*name).to_owned()],
            ty: DataType::nullable(kind.clone()),
        })
        .collect();
    Layout::new(&Format::JsonLines, &[], &columns.iter().collect::<Vec<_>>())
}

fn start(target: &Path, folders: &[&str], mode: WriteMode, text: &str) -> io::Result<AtomicFolder> {
    let mut folder = AtomicFolder::create(target, mode, layout(&[("a", Type::Int)]))?;
    let mut parts = BTreeMap::new();
    for name in folders {
        fs::write(folder.place(name)?, text)?;
        parts.insert((*name).to_owned(), (1, text.len() as u64));
    }
    folder.finish(parts)?;
    folder.sync()?;
    Ok(folder)
}

fn write(target: &Path, folders: &[&str], mode: WriteMode, text: &str) -> io::Result<()> {
    start(target, folders, mode, text)?.commit()
}

/// The files of a directory with their texts; they are exactly those on its list.
fn content(target: &Path) -> Vec<String> {
    let mut files = Vec::new();
    files_below(target, target, &mut files).expect("a directory");
    files.retain(|f| f != NAME);
    files.sort();
    let list = fs::read_to_string(target.join(NAME)).expect("a list");
    assert_eq!(list.matches("\"path\"").count(), files.len(), "{list}");
    let read = List::of(target).expect("a list");
    assert!(files.iter().all(|f| read.has(f)), "{list}");
    files.iter().map(|f| format!("{f}={}", fs::read_to_string(target.join(f)).expect("a file"))).collect()
}

#[test]
fn only_what_flowc_wrote_is_replaced() {
    let dir = scratch("replaced");
    let target = dir.join("out");
    write(&target, &["k=\"1\""], WriteMode::Replace, "x").expect("new");
    write(&target, &["k=2"], WriteMode::Replace, "x").expect("its own");
    assert_eq!(content(&target), ["k=2/part-0000.jsonl=x"]);
    assert!(write(&target, &[""], WriteMode::Error, "x").is_err());
    fs::write(target.join("k=2/mine"), "mine").expect("another file");
    for mode in [WriteMode::Replace, WriteMode::Append] {
        let refused = write(&target, &["c"], mode, "x").expect_err("not its own");
        assert!(refused.to_string().contains("k=2/mine"), "{refused}");
    }
    fs::remove_file(target.join("k=2/mine")).expect("gone");
    fs::remove_file(target.join(NAME)).expect("gone");
    assert!(write(&target, &["c"], WriteMode::Replace, "x").is_err());
    assert!(write(&target, &["c"], WriteMode::Append, "x").is_err());
    assert!(target.join("k=2/part-0000.jsonl").exists());
    assert_eq!(fs::read_dir(&dir).expect("list").count(), 1, "nothing is left over");
    fs::remove_dir_all(dir).expect("clean");
}

#[test]
fn what_comes_meanwhile_stays() {
    let dir = scratch("meanwhile");
    let target = dir.join("out");
    for mode in [WriteMode::Replace, WriteMode::Append, WriteMode::Error] {
        let folder = start(&target, &[""], mode, "x").expect("new");
        fs::create_dir(&target).expect("meanwhile");
        fs::write(target.join("mine"), "mine").expect("meanwhile");
        assert!(folder.commit().is_err());
        assert!(target.join("mine").exists());
        assert_eq!(fs::read_dir(&dir).expect("list").count(), 1);
        fs::remove_dir_all(&target).expect("gone");
    }
    // An empty directory is nobody's.
    fs::create_dir(&target).expect("empty");
    write(&target, &[""], WriteMode::Replace, "x").expect("empty");
    fs::remove_dir_all(dir).expect("clean");
}

#[test]
fn appended_files_come_beside_the_others() {
    let dir = scratch("beside");
    let target = dir.join("out");
    write(&target, &["k=1", "k=2"], WriteMode::Append, "a").expect("new");
    write(&target, &["k=2", "k=3"], WriteMode::Append, "b").expect("more");
    let two =
        ["k=1/part-0000.jsonl=a", "k=2/part-0000.jsonl=a", "k=2/part-0001.jsonl=b", "k=3/part-0001.jsonl=b"];
    assert_eq!(content(&target), two);
    // What is given up changes nothing.
    drop(start(&target, &["k=1"], WriteMode::Append, "c").expect("given up"));
    assert_eq!(content(&target), two);
    // A file that somebody removed is on no list any more.
    fs::remove_file(target.join("k=1/part-0000.jsonl")).expect("removed");
    write(&target, &["k=9"], WriteMode::Append, "d").expect("more");
    assert_eq!(content(&target)[3..], ["k=9/part-0002.jsonl=d"]);
    // Other rows do not come beside them.
    let other = AtomicFolder::create(&target, WriteMode::Append, layout(&[("a", Type::Float)]));
    let why = other.expect_err("other rows").to_string();
    assert!(why.contains("[\"a: int\"]") && why.contains("[\"a: float\"]"), "{why}");
    assert_eq!(fs::read_dir(&dir).expect("list").count(), 1, "nothing is left over");
    fs::remove_dir_all(dir).expect("clean");
}

#[test]
fn runs_that_append_at_the_same_time_lose_nothing() {
    let dir = scratch("together");
    let target = dir.join("out");
    // All have seen the directory as it was when they began: not there, or with files of the same names.
    let folders: Vec<AtomicFolder> =
        ["a", "b", "c"].map(|t| start(&target, &["k=1"], WriteMode::Append, t).expect("started")).into();
    for folder in folders {
        folder.commit().expect("committed");
    }
    let all = ["k=1/part-0000.jsonl=a", "k=1/part-0001.jsonl=b", "k=1/part-0002.jsonl=c"];
    assert_eq!(content(&target), all);
    // Replaced by fewer files of the same names, after the others had got their second names.
    let appended = start(&target, &["k=1"], WriteMode::Append, "new").expect("started");
    write(&target, &["k=1"], WriteMode::Replace, "other").expect("replaced");
    appended.commit().expect("committed");
    assert_eq!(content(&target), ["k=1/part-0000.jsonl=other", "k=1/part-0001.jsonl=new"]);
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let target = target.clone();
            std::thread::spawn(move || {
                for _ in 0..5 {
                    write(&target, &[&format!("k={i}")], WriteMode::Append, "t").expect("appended");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().expect("no panic"));
    assert_eq!(content(&target).len(), 2 + 8 * 5);
    assert_eq!(fs::read_dir(&dir).expect("list").count(), 1, "nothing is left over");
    fs::remove_dir_all(dir).expect("clean");
}

#[test]
fn names_are_in_the_order_of_their_numbers() {
    let names = [0, 9, 10, 9_999, 10_000, 10_001, 99_999, 1_000_000, u64::MAX].map(part_name);
    assert!(names.is_sorted(), "{names:?}");
    let next = |names: &[&str]| next_number(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).ok();
    assert_eq!(next(&[]), Some(0));
    assert_eq!(next(&["k=part-7/part-0003.csv", "part-0001.csv", "other.csv"]), Some(4));
    assert_eq!(next(&["part-9999.csv"]), Some(10_000));
    assert_eq!(next(&[&format!("{}.csv", part_name(10_000)), "part-0001.csv"]), Some(10_001));
    assert_eq!(next(&[&format!("{}.csv", part_name(u64::MAX))]), None);
}
