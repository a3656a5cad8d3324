//! Compressed outputs, read back by the tools that everybody has.

use crate::process::Workplace;
use std::process::Command;

const PROGRAM: &str = r#"
let numbers = read "in.csv" schema { n: int, s: string }
from numbers | filter n % 3 == 0 | write "out/a.csv"
from numbers | filter n % 3 == 0 | write "out/a.csv.gz"
from numbers | filter n % 3 == 0 | write "out/b.csv.zst" as csv
from numbers | filter n % 3 == 0 | write "out/c.csv.bz2"
from numbers | filter n % 3 == 0 | write "out/d.csv.xz"
"#;

#[test]
fn tools_read_what_was_compressed() {
    let workplace = Workplace::new();
    let rows: String = (0..30_000).map(|n| format!("{n},text {}\n", n * 7 % 1013)).collect();
    std::fs::write(workplace.path().join("in.csv"), format!("n,s\n{rows}")).expect("input written");
    std::fs::write(workplace.path().join("p.flow"), PROGRAM).expect("program written");
    let mut first = None;
    for (threads, kib) in [("1", "1024"), ("2", "7"), ("7", "1")] {
        let outcome = workplace.run(&["run", "p.flow", "--threads", threads, "--chunk-kib", kib]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        assert_eq!(first.get_or_insert_with(|| outcome.files.clone()), &outcome.files);
    }
    let plain = std::fs::read(workplace.path().join("out/a.csv")).expect("the plain file");
    assert!(plain.len() > 100_000);
    for (tool, file) in
        [("gzip", "a.csv.gz"), ("zstd", "b.csv.zst"), ("bzip2", "c.csv.bz2"), ("xz", "d.csv.xz")]
    {
        let path = workplace.path().join("out").join(file);
        let compressed = std::fs::metadata(&path).expect("written").len();
        assert!(compressed * 2 < plain.len() as u64, "{file} has {compressed} bytes");
        // A machine without the tool still compares the files of all configurations above.
        let Ok(output) = Command::new(tool).arg("-dc").arg(&path).output() else { continue };
        assert!(output.status.success(), "{tool} refuses {file}");
        assert!(output.stdout == plain, "{file} holds something else");
    }
}
