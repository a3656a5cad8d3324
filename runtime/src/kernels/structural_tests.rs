//! Every set of instructions finds the same tokens and takes the same rows.

use super::level::SimdLevel;
use super::structural::{Blocks, Tokens};
use super::structural_match::{Compare, Cursor, Rows, Shape, Stop, take, take_rows};
use super::structural_portable::Portable;

/// Numbers without visible order.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn bytes(&mut self, of: &[u8], n: usize) -> Vec<u8> {
        (0..n).map(|_| of[self.below(of.len())]).collect()
    }
}

fn portable_tokens(bytes: &[u8]) -> Tokens {
    let mut tokens = Tokens::default();
    tokens.extend_by(bytes, 0, |tokens, strip, base| tokens.strip::<Portable>(strip, base));
    tokens
}

fn tokens_at(level: SimdLevel, bytes: &[u8], step: usize) -> Tokens {
    let mut tokens = Tokens::default();
    for start in (0..bytes.len()).step_by(step) {
        tokens.extend(level, bytes, start..bytes.len().min(start + step));
    }
    tokens
}

#[test]
fn tokens_are_the_same_at_every_level_and_in_any_steps() {
    // Of bytes that may stand outside of strings: others make tokens of their own kinds.
    const BYTES: &[u8] = b"\"\"\"\"\\\\{}[]:,,\n \t\r019-truefalsn\xc3\xa9\xff";
    for seed in 0..300 {
        let mut random = Random(seed);
        let length = random.below(10_000);
        let bytes = random.bytes(BYTES, length);
        let expected = portable_tokens(&bytes);
        for level in SimdLevel::available() {
            for step in [64, 4096, 1 << 20] {
                let got = tokens_at(level, &bytes, step);
                assert_eq!(got.kinds(), expected.kinds(), "{level:?} {step} {seed}");
                assert_eq!(got.starts(), expected.starts(), "{level:?} {step} {seed}");
                assert_eq!(got.control, expected.control, "{level:?} {step} {seed}");
                assert_eq!(got.escapes, expected.escapes, "{level:?} {step} {seed}");
                assert_eq!(got.beyond_ascii, expected.beyond_ascii, "{level:?} {step} {seed}");
            }
        }
    }
}

#[test]
fn tokens_are_those_of_a_reading_byte_by_byte() {
    let text = br#"{"a\"{" : [1,-2.5e3 ,true],"\\":{"b":"x\\\\\"y"}}
{"open
{"c":null}"#;
    let kinds: Vec<u8> = portable_tokens(text).kinds().to_vec();
    assert_eq!(kinds, b"{\":[1,-,t],\":{\":\"}}\n{\"\n{\":n}");
    let starts = portable_tokens(text).starts().to_vec();
    let first: Vec<u8> = starts.iter().map(|s| text[*s as usize]).collect();
    assert_eq!(first, kinds);
}

#[test]
fn blocks_agree_bit_by_bit() {
    let bits = [0, 1, u64::MAX, 0x8000_0000_0000_0001, 0x0123_4567_89ab_cdef];
    for x in bits {
        let slow = (0..64).fold(0u64, |m, i| m | u64::from((x << (63 - i)).count_ones() & 1) << i);
        assert_eq!(<Portable as Blocks>::prefix_xor(x), slow);
    }
    for b in 0..=255u8 {
        let block = [b; 64];
        let masks = <Portable as Blocks>::masks(&block, &mut 0);
        let all = |on: bool| if on { u64::MAX } else { 0 };
        assert_eq!(masks.quote, all(b == b'"'));
        assert_eq!(masks.special, all(b < 0x20 || b == b'\\'));
        let known =
            matches!(b, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b' ' | b'\t' | b'\r' | b'\n');
        assert_eq!(masks.known, all(known), "{b}");
        let digits = <Portable as Compare>::digits(&[b; 32]);
        assert_eq!(digits, if b.is_ascii_digit() { u32::MAX } else { 0 });
    }
}

/// Rows of one shape, of which some are damaged.
fn rows(random: &mut Random) -> Vec<u8> {
    const DAMAGE: &[u8] = b"\"\\{}[]:,\n 0e.-x\x01\xc3";
    const NUMBERS: &[&str] =
        &["0", "12", "-7.25", "1e9", "-0.5E+3", "true", "null", "\"s\"", "123456789012345678"];
    let mut text = Vec::new();
    for i in 0..40 {
        let number = NUMBERS[random.below(NUMBERS.len())];
        let row = format!("{{\"k\":{number},\"another key\":\"v{i}\", \"l\":[{i}]}}\n");
        text.extend_from_slice(row.as_bytes());
    }
    for _ in 0..random.below(6) {
        let at = random.below(text.len());
        text[at] = DAMAGE[random.below(DAMAGE.len())];
    }
    text
}

fn shape(text: &[u8], tokens: &Tokens) -> Shape {
    let n = 1 + tokens.kinds().iter().position(|k| *k == b'\n').unwrap_or(0);
    let mut shape = Shape::new(&tokens.kinds()[..n], 2);
    for (token, kind) in tokens.kinds()[..n].iter().enumerate() {
        let start = tokens.starts()[token] as usize;
        let is_key = *kind == b'"' && tokens.kinds().get(token + 1) == Some(&b':');
        if is_key {
            let end = start + 2 + text[start + 1..].iter().position(|b| *b == b'"').unwrap_or(0);
            shape.key(token, &text[start..end]);
        } else if !b"{}[]:,\n".contains(kind) {
            shape.value(token);
        }
    }
    shape.column(0, 3, 4);
    shape.column(1, 7, 8);
    shape
}

#[test]
fn rows_are_the_same_at_every_level() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let mut text = rows(&mut random);
        let first = b"{\"k\":1,\"another key\":\"v\", \"l\":[0]}\n";
        text.splice(0..0, *first);
        let length = text.len();
        text.resize(length + 64, b'"');
        let tokens = portable_tokens(&text[..length]);
        let shape = shape(&text, &tokens);
        let whole = tokens.kinds().iter().rposition(|k| *k == b'\n').map_or(0, |n| n + 1);
        let start = Cursor {
            token: 0,
            tokens: whole,
            start: 0,
            rows: if seed % 3 == 0 { 5 } else { usize::MAX },
            end_max: if seed % 5 == 0 { 300 } else { u32::MAX },
            clean: tokens.control.first().copied().unwrap_or(u32::MAX),
            control: 0,
            escape: 0,
        };
        let run = |take: &dyn Fn(&mut Cursor, &mut Rows) -> Stop| {
            let (mut cursor, mut rows) = (start, Rows::default());
            let stop = take(&mut cursor, &mut rows);
            (stop, cursor.token, cursor.start, cursor.rows, rows.spans, rows.slots)
        };
        let expected = run(&|cursor, rows| take::<Portable>(&shape, &tokens, &text, cursor, rows));
        assert!(!expected.4.is_empty() || seed % 5 == 0 || start.clean < 60, "{seed}");
        assert_eq!(expected.5.len(), 2 * expected.4.len());
        for level in SimdLevel::available() {
            let got = run(&|cursor, rows| take_rows(level, &shape, &tokens, &text, cursor, rows));
            assert_eq!(got, expected, "{level:?} {seed}");
        }
    }
}
