//! Rows that are taken by the bytes they share, against the same rows read one by one, which are
//! always cut into tokens, and against the complete check.

use super::*;
use flow_ir::Type;

/// Columns of every kind of place in the rows below.
fn wanted() -> Source {
    source(&[
        ("id", DataType::required(Type::Int)),
        ("name", DataType::nullable(Type::String)),
        ("at.city", DataType::nullable(Type::String)),
        ("at.geo", DataType::nullable(Type::List(Box::new(DataType::nullable(Type::Float))))),
        ("id.below", DataType::nullable(Type::Int)),
        ("never", DataType::nullable(Type::Int)),
        ("last", DataType::nullable(Type::Float)),
    ])
}

/// A row with a bit of everything.
fn row(i: usize) -> String {
    format!(
        "{{\"id\": {i},\t\"name\": \"N{}\" , \"none\":{{}},\"at\":{{\"city\":\"\",\"geo\":[{}.5, -0.{i}]}}, \
         \"é\":[], \"ok\":{}, \"last\":{} }}",
        "x".repeat(i % 90),
        i * 7,
        ["true", "false", "null"][i % 3],
        ["12", "-3.75", "0", "null", "1e3", "2.5E-7"][i % 6],
    )
}

/// The rows as they are read one by one, after making sure that reading them together gives the
/// same, and how many of them were taken by templates at the best level.
fn alone_and_together(source: &Source, text: &[u8]) -> (Vec<Row>, u64) {
    let levels = SimdLevel::available();
    let alone = scan(source, text, Cut { level: levels[0], limits: LARGE, chunk: 1 });
    let few = MorselLimits { rows_max: 11, bytes_max: 1 << 20 };
    let narrow = MorselLimits { rows_max: 100, bytes_max: 1500 };
    let mut alike = 0;
    for level in levels {
        for limits in [LARGE, few, narrow] {
            for chunk in [usize::MAX / 2, 40_000] {
                let cut = Cut { level, limits, chunk };
                let together = scan(source, text, cut);
                for (got, expected) in together.iter().zip(&alone) {
                    assert_eq!(got, expected, "{cut:?} {:?}", text[expected.span.clone()].escape_ascii());
                }
                assert_eq!(together.len(), alone.len(), "{cut:?}");
            }
        }
        alike = taken(source, level, text);
    }
    for row in &alone {
        let right = syntax::check_object(&text[row.span.clone()]).is_ok();
        assert_eq!(row.broken.is_none(), right, "{:?}", text[row.span.clone()].escape_ascii());
    }
    (alone, alike)
}

/// How many rows of a text are taken by templates.
fn taken(source: &Source, level: SimdLevel, text: &[u8]) -> u64 {
    let mut scanner = JsonScanner::with_level(source, LARGE, level);
    let mut buffer = text.to_vec();
    buffer.resize(buffer.len() + CHUNK_PADDING, 0);
    scanner.begin(&Chunk {
        buffer: buffer.into(),
        start: 0,
        end: text.len(),
        file: 0,
        offset: 0,
        first_line: 1,
    });
    while scanner.next_morsel() {}
    scanner.rows_alike()
}

#[test]
fn rows_that_differ_in_their_values_are_alike() {
    for end in ["\n", "\r\n"] {
        let text: String = (0..2000).map(|i| row(i) + end).collect();
        let (rows, alike) = alone_and_together(&wanted(), text.as_bytes());
        assert_eq!(rows.len(), 2000);
        assert!(rows.iter().all(|r| r.broken.is_none()));
        assert!(alike > 1700, "{alike} with {end:?}");
        let without_end = text.trim_end_matches(['\r', '\n']);
        assert_eq!(alone_and_together(&wanted(), without_end.as_bytes()).0.len(), 2000);
    }
}

#[test]
fn rows_that_are_damaged_in_any_one_byte_are_read_like_others() {
    const BYTES: &[u8] = b"\"\\{],\n 0e.-\x01\x7f";
    let good = row(1).into_bytes();
    let mut text = Vec::new();
    let mut damaged = 0;
    for at in 0..good.len() {
        for change in 0..5 {
            for i in 0..18 {
                text.extend_from_slice(row(1 + (at + i) % 20).as_bytes());
                text.push(b'\n');
            }
            let byte = BYTES[(at * 5 + change * 3 + at / BYTES.len()) % BYTES.len()];
            let mut bad = good.clone();
            match change {
                0 => drop(bad.remove(at)),
                1 | 2 => bad[at] = byte,
                _ => bad.insert(at, byte),
            }
            text.extend_from_slice(&bad);
            text.push(b'\n');
            damaged += 1;
        }
    }
    let (rows, alike) = alone_and_together(&wanted(), &text);
    let broken = rows.iter().filter(|r| r.broken.is_some()).count();
    assert!(broken > damaged / 2, "{broken} of {damaged}");
    assert!(alike as usize > rows.len() / 2, "{alike} of {}", rows.len());
}

#[test]
fn letters_beyond_ascii_and_long_strings_are_alike_and_wrong_ones_are_not() {
    let source = wanted();
    let line = |i: usize, name: &[u8]| {
        let mut line = format!("{{\"id\":{i},\"name\":\"").into_bytes();
        line.extend_from_slice(name);
        line.extend_from_slice(b"\",\"last\":1}\n");
        line
    };
    let long = "é€𝄞 ".repeat(300);
    let names: [&[u8]; 8] =
        [b"", "é".as_bytes(), b"plain", b"\xc3", "€uro 𝄞".as_bytes(), b"\xa9", long.as_bytes(), b"a\\u00e9b"];
    for (several, least) in [(3, 900), (8, 200)] {
        let mut random = Random(several as u64);
        let mut text = Vec::new();
        for i in 0..1000 {
            let name = if i % 40 == 39 { names[random.below(several)] } else { names[random.below(3)] };
            text.extend_from_slice(&line(i, name));
        }
        let (rows, alike) = alone_and_together(&source, &text);
        assert_eq!(rows.len(), 1000);
        assert!(alike > least, "{alike} of the first {several}");
    }
}

#[test]
fn other_rows_in_between_change_nothing() {
    let source = wanted();
    let others = [
        "{}",
        "",
        " \r",
        "{\"id\":1,\"id\":2}",
        "{\"at\":{\"city\":\"a\",\"geo\":[]},\"at\":3,\"id\":7}",
        "{\"id\":7,\"name\":null,\"at\":null,\"last\":\"inf\"}",
        "{\"id\": 5, \"name\": \"\\\"\"}",
        "[1]",
        "{\"id\":9,\"name\":\"b\",\"last\":01}",
    ];
    for seed in 0..6 {
        let mut random = Random(seed);
        let mut text = String::new();
        let mut all = 0;
        while text.len() < 60_000 {
            // Long and short runs of the same rows, of several templates.
            let template = random.below(3);
            let most = [1, 5, 40, 200][random.below(4)];
            for _ in 0..random.below(most) {
                let i = random.below(50);
                match template {
                    0 => text += &row(i),
                    1 => text += &format!("{{\"id\":{i},\"name\":\"n{i}\",\"last\":{i}}}"),
                    _ => text += &format!("{{\"last\":{i}.5,\"at\":{{\"city\":\"c{i}\"}},\"id\":\"{i}\"}}"),
                }
                text.push('\n');
                all += 1;
            }
            text += random.pick(&others);
            text.push('\n');
        }
        let (rows, alike) = alone_and_together(&source, text.as_bytes());
        assert!(rows.len() >= all);
        assert!(alike > 50, "{alike}");
    }
}

#[test]
fn rows_without_templates_are_rarely_tried() {
    let mut text = String::new();
    for i in 0..3000 {
        text += &format!("{{\"k{}\":1,\"id\":{i}}}\n", i * 7919 % 3001);
    }
    let (rows, alike) = alone_and_together(&wanted(), text.as_bytes());
    assert_eq!((rows.len(), alike), (3000, 0));
}
