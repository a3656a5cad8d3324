//! Bad rows cannot get lost: a corrupted input is accounted for row by row.

use crate::process::Workplace;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of the input.
const ROWS: u64 = 6_000;
/// Bytes that are changed.
const FLIPS: usize = 1_000;

/// xorshift64*: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn people(random: &mut Random) -> Vec<u8> {
    let jobs = ["Baker", "Chemist", "Dörrobstjäger", "Engine driver", "Fishmonger"];
    let mut text = String::new();
    for i in 0..ROWS {
        let (age, job) = (16 + random.below(80), jobs[random.below(5) as usize]);
        text.push_str(&format!(
            "{{\"age\": {age}, \"name\": [\"N{i}\", \"M{}\"], \"occupation\": \"{job}\", \"address\": {{\"address\": \"{i} Road\", \"city\": \"C{}\"}}}}\n",
            random.below(50),
            random.below(20),
        ));
    }
    text.into_bytes()
}

const PROGRAM: &str = r#"
let people = read "people.jsonl" schema { age: int, occupation: string } on_error quarantine("out/bad.jsonl")
from people | reduce { n: count(), mean_age: mean(age) }
from people | reduce_by_key occupation { n: count(), total: sum(age) }
"#;

#[test]
fn every_row_of_a_corrupted_file_is_accounted_for() {
    let mut random = Random(0x5eed);
    let mut bytes = people(&mut random);
    for _ in 0..FLIPS {
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] = random.next() as u8;
    }
    let workplace = Workplace::new();
    std::fs::write(workplace.path().join("people.jsonl"), &bytes).expect("input written");
    std::fs::write(workplace.path().join("p.flow"), PROGRAM).expect("program written");
    let mut first = None;
    for threads in ["1", "2", "7"] {
        for sizes in [&[][..], &["--chunk-kib", "3", "--morsel-rows", "17", "--map-kib", "0"][..]] {
            for engine in [&[][..], &["--interpret"][..], &["--optimize", "0"][..]] {
                let mut arguments = vec!["run", "p.flow", "--threads", threads];
                arguments.extend(sizes);
                arguments.extend(engine);
                let outcome = workplace.run(&arguments);
                assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
                match &first {
                    None => first = Some(outcome),
                    Some(f) => assert_eq!(f, &outcome, "{arguments:?} differs"),
                }
            }
        }
    }
    let outcome = first.expect("a run");
    let bad = quarantined_lines(&outcome.files["bad.jsonl"]);
    assert!(bad.len() > 300, "only {} rows were hurt", bad.len());
    check_kept(&bytes, &bad, &outcome.stdout);
    let rows = rows_of(&bytes).len();
    let kept = rows - bad.len();
    let summary = format!(
        "people.jsonl: {} read = {} kept + 0 filtered + {} quarantined",
        spaced(rows),
        spaced(kept),
        spaced(bad.len())
    );
    assert!(outcome.stderr.contains(&summary), "{}\nis not in\n{}", summary, outcome.stderr);
}

/// The lines of the file that are rows: (number from 1, bytes).
fn rows_of(bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let lines = bytes.split(|b| *b == b'\n').enumerate();
    lines.filter(|(_, l)| !l.trim_ascii().is_empty()).map(|(i, l)| (i as u64 + 1, l)).collect()
}

fn quarantined_lines(text: &str) -> BTreeSet<u64> {
    let mut lines = BTreeSet::new();
    for entry in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(entry).expect("an entry of the quarantine");
        assert!(entry["reason"].as_str().is_some_and(|r| !r.is_empty()), "{entry}");
        assert!(lines.insert(entry["line"].as_u64().expect("a line number")), "a line twice: {entry}");
    }
    lines
}

/// Every row that was kept is a good one, every quarantined one is not, and the answers follow from the kept ones.
fn check_kept(bytes: &[u8], bad: &BTreeSet<u64>, stdout: &str) {
    let mut groups: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    let (mut rows, mut total) = (0u64, 0i64);
    for (line, text) in rows_of(bytes) {
        let parsed =
            std::str::from_utf8(text).ok().and_then(|t| serde_json::from_str::<serde_json::Value>(t).ok());
        let fields = parsed
            .as_ref()
            .filter(|v| v.is_object())
            .and_then(|v| Some((v.get("age")?.as_i64()?, v.get("occupation")?.as_str()?.to_owned())));
        match (fields, bad.contains(&line)) {
            (Some((age, job)), false) => {
                rows += 1;
                total += age;
                let group = groups.entry(job).or_default();
                group.0 += 1;
                group.1 += age;
            }
            (None, true) => {}
            (Some(_), true) => {
                panic!("line {line} is good, but was quarantined: {}", String::from_utf8_lossy(text))
            }
            (None, false) => panic!("line {line} is bad, but was kept: {}", String::from_utf8_lossy(text)),
        }
    }
    let mut expected = format!("n,mean_age\n{rows},{}\n\noccupation,n,total\n", total as f64 / rows as f64);
    for (job, (n, total)) in groups {
        let quoted = if job.is_empty() || job.contains([',', '"', '\r']) {
            format!("\"{}\"", job.replace('"', "\"\""))
        } else {
            job
        };
        expected.push_str(&format!("{quoted},{n},{total}\n"));
    }
    assert_eq!(stdout, expected);
}

fn spaced(n: usize) -> String {
    let digits = n.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { tail.to_owned() } else { format!("{head} {tail}") }
}
