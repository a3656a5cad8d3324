//! Every set of instructions finds the same line ends and takes the same rows by templates.

use super::level::SimdLevel;
use super::structural::Tokens;
use super::structural_match::{Rows, Shape};
use super::structural_portable::Portable;
use super::template::{Candidates, Template, line_ends, lines, take, take_alike};

/// Numbers without visible order.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

#[test]
fn line_ends_are_the_same_at_every_level() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let of: &[u8] = [&b"\n"[..], b"abcdefgh\n", b"\n\x80 ", b"\x0b\x8a\n"][random.below(4)];
        let text: Vec<u8> = (0..random.below(500)).map(|_| of[random.below(of.len())]).collect();
        let from = random.below(text.len() + 1);
        let found: Vec<u32> = (from..text.len()).filter(|i| text[*i] == b'\n').map(|i| i as u32).collect();
        let beyond_ascii = !text[from..].is_ascii();
        let mut ends = vec![0; text.len() + 1];
        assert_eq!(lines::<Portable>(&text[from..], from as u32, &mut ends), (found.len(), beyond_ascii));
        assert_eq!(ends[..found.len()], found);
        for level in SimdLevel::available() {
            let mut ends = vec![0; text.len() + 1];
            let got = line_ends(level, &text, from, text.len(), &mut ends);
            assert_eq!((got, &ends[..found.len()]), ((found.len(), beyond_ascii), &found[..]), "{level:?}");
        }
    }
}

/// Rows of one template, of which some are damaged.
fn rows(random: &mut Random) -> Vec<u8> {
    const DAMAGE: &[u8] = b"\"\\{}[]:,\n 0e.-x\x01\x7f!#$";
    const NUMBERS: &[&str] =
        &["0", "12", "-7.25", "1e9", "-0.5E+3", "true", "null", "false", "-", "007", "1."];
    let mut text = Vec::new();
    for i in 0..60 {
        let few = if random.below(20) == 0 { NUMBERS.len() } else { 8 };
        let number = NUMBERS[random.below(few)];
        let long = "y".repeat(if random.below(8) == 0 { random.below(300) } else { random.below(30) });
        let row = format!(
            "{{\"k\":{number},\"a key that is longer than what is compared at a time, so that it is cut\": \
             \"v{long}\", \"l\":[{i}, \"\"]}}\n"
        );
        text.extend_from_slice(row.as_bytes());
    }
    for _ in 0..random.below(4) {
        let at = random.below(text.len());
        text[at] = DAMAGE[random.below(DAMAGE.len())];
    }
    text
}

/// The template of the first row, with two columns.
fn template(text: &[u8]) -> Template {
    let mut tokens = Tokens::default();
    let end = text.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
    tokens.extend_by(text, 0, |tokens, strip, base| tokens.strip::<Portable>(strip, base));
    let n = tokens.starts().iter().filter(|s| (**s as usize) < end).count();
    let (kinds, starts) = (&tokens.kinds()[..n], &tokens.starts()[..n]);
    let mut shape = Shape::new(kinds, 2);
    for (token, kind) in kinds.iter().enumerate() {
        if kinds.get(token + 1) != Some(&b':') && !b"{}[]:,\n".contains(kind) {
            shape.value(token);
        }
    }
    shape.column(0, 7, 8);
    shape.column(1, 11, 16);
    Template::new(&shape, kinds, starts, text, 0).expect("a template")
}

#[test]
fn rows_are_the_same_at_every_level() {
    let mut all = 0;
    for seed in 0..400 {
        let mut random = Random(seed);
        let first = "{\"k\":1,\"a key that is longer than what is compared at a time, so that it is cut\": \
                     \"v\", \"l\":[0, \"\"]}\n";
        let mut text = first.as_bytes().to_vec();
        text.extend_from_slice(&rows(&mut random));
        let template = template(&text);
        let ends: Vec<u32> = (0..text.len()).filter(|i| text[*i] == b'\n').map(|i| i as u32).collect();
        text.resize(text.len() + if seed % 2 == 0 { 64 } else { 4096 }, b'"');
        let (mut expected, mut starts) = (Rows::default(), Vec::new());
        let candidates = Candidates { buffer: &text, start: 0, ends: &ends };
        let taken = take::<Portable>(&template, candidates, &mut starts, &mut expected);
        assert_eq!((taken, taken * 2), (expected.spans.len(), expected.slots.len()));
        for (row, slots) in expected.spans.iter().zip(expected.slots.chunks(2)) {
            let line = &text[row.0 as usize..row.1 as usize];
            let string = &text[slots[0] as u32 as usize..(slots[0] << 1 >> 33) as usize];
            assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok(), "{}", line.escape_ascii());
            assert!(string.starts_with(b"\"") && string.ends_with(b"\""), "{}", string.escape_ascii());
            assert!(text[slots[1] as u32 as usize..(slots[1] >> 32) as usize].starts_with(b"["));
        }
        all += taken;
        for level in SimdLevel::available() {
            let mut got = Rows::default();
            let also = take_alike(level, &template, candidates, &mut starts, &mut got);
            assert_eq!((also, got.spans, got.slots), (taken, expected.spans.clone(), expected.slots.clone()));
        }
    }
    assert!(all > 400 * 10, "{all}");
}
