//! Finds every separator and line end of a run of bytes in one branch-free pass.
//!
//! Scanners of delimited text and lines call this for sub-blocks of a chunk that start where a
//! row starts. The pass also gathers facts about the bytes (quotes, bytes beyond ASCII, carriage
//! returns) that let the scanner skip whole classes of checks. Facts may say too much, never too
//! little; positions are exact and the same at every [`SimdLevel`].

#[cfg(target_arch = "x86_64")]
use crate::kernels::level::Instructions;
use crate::kernels::level::SimdLevel;
use std::ops::Range;

/// Positions room is made for at a time: one per byte of a strip, and one more vector.
pub(crate) const STRIP: usize = 4096;

/// What quotes mean in the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// Nothing.
    Off,
    /// Nothing yet: only tell whether there are any.
    Watch(u8),
    /// Separators and line ends between them are text.
    On(u8),
}

/// What the pass saw besides positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Some byte is a quote (when quotes were asked for).
    pub quotes: bool,
    /// A doubled quote may stand inside a quoted field.
    pub escapes: bool,
    /// A quote may stand where none may.
    pub stray: bool,
    /// The bytes end inside quotes.
    pub inside: bool,
    /// Some byte is not ASCII.
    pub beyond_ascii: bool,
    /// Some byte is a carriage return.
    pub returns: bool,
    /// Every second separator or line end, and no other, is known to be a line end. Only some
    /// levels look, and only when asked.
    pub paired: bool,
}

/// Where the fields of a run of bytes start. Reused from run to run.
#[derive(Debug, Default)]
pub struct Tokens {
    /// Filled up to `used`; longer, so that whole vectors can be stored.
    pub(crate) starts: Vec<u32>,
    pub(crate) used: usize,
    /// Whether to look for pairs of fields.
    pub expect_pairs: bool,
    /// Line ends found.
    pub newlines: usize,
    /// What else was seen.
    pub facts: Facts,
}

impl Tokens {
    /// The first byte of every field, then one past the last separator or line end: field `i`
    /// is `starts[i] .. starts[i + 1] - 1`.
    pub fn starts(&self) -> &[u32] {
        &self.starts[..self.used]
    }

    /// Adds the end of a field that no separator follows, at `end`.
    pub fn push_end(&mut self, end: usize) {
        self.starts.truncate(self.used);
        self.starts.push(end as u32 + 1);
        self.used += 1;
        self.newlines += 1;
    }

    /// Forgets the fields after the first `fields`.
    pub fn keep(&mut self, fields: usize) {
        self.used = self.used.min(fields + 1);
    }

    /// Makes room for the positions of one strip and returns it.
    pub(crate) fn room(&mut self) -> &mut [u32] {
        let want = self.used + STRIP + 64;
        if self.starts.len() < want {
            self.starts.resize(want.max(self.starts.len() * 2), 0);
        }
        &mut self.starts[self.used..]
    }
}

/// Finds the fields of `buffer[range]`, which starts with a row and is below 4 GiB.
pub fn tokenize(
    level: SimdLevel,
    buffer: &[u8],
    range: Range<usize>,
    separator: u8,
    quoting: Quoting,
    tokens: &mut Tokens,
) {
    tokens.used = 0;
    tokens.newlines = 0;
    tokens.facts = Facts::default();
    tokens.room()[0] = range.start as u32;
    tokens.used = 1;
    let bytes = buffer.get(range.clone()).unwrap_or_default();
    match level.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => {
            super::tokenize_avx512::run(level, bytes, range.start as u32, separator, quoting, tokens);
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => {
            super::tokenize_x86::run_avx2(level, bytes, range.start as u32, separator, quoting, tokens);
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Baseline => {
            super::tokenize_x86::run_sse2(bytes, range.start as u32, separator, quoting, tokens);
        }
        #[cfg(not(target_arch = "x86_64"))]
        _ => run::<Words>(bytes, range.start as u32, separator, quoting, tokens),
    }
}

/// Compares 64 bytes at once.
pub(crate) trait Compare64 {
    /// One bit for each byte that equals `byte`.
    fn equal(block: &[u8; 64], byte: u8) -> u64;
    /// Whether some byte is not ASCII.
    fn beyond_ascii(block: &[u8; 64]) -> bool;
    /// For each bit, the parity of the number of set bits at and below it.
    #[inline(always)]
    fn prefix_parity(mask: u64) -> u64 {
        let mut mask = mask ^ mask << 1;
        mask ^= mask << 2;
        mask ^= mask << 4;
        mask ^= mask << 8;
        mask ^= mask << 16;
        mask ^ mask << 32
    }
}

/// Compares eight bytes at a time in ordinary registers.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(crate) struct Words;

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Compare64 for Words {
    #[inline(always)]
    fn equal(block: &[u8; 64], byte: u8) -> u64 {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let wanted = u64::from(byte) * 0x0101_0101_0101_0101;
        let mut mask = 0;
        for (i, word) in block.as_chunks::<8>().0.iter().enumerate() {
            let x = u64::from_le_bytes(*word) ^ wanted;
            let zero = !(((x & LOW) + LOW) | x | LOW) >> 7;
            mask |= (zero.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
        }
        mask
    }

    #[inline(always)]
    fn beyond_ascii(block: &[u8; 64]) -> bool {
        block.iter().fold(0, |all, b| all | b) >= 0x80
    }
}

/// The state between blocks of 64 bytes of a quoted run.
#[derive(Clone, Copy)]
pub(crate) struct QuoteState {
    /// All ones when inside quotes.
    pub(crate) inside: u64,
    /// Whether the last byte was a separator, line end or quote, or there was none.
    pub(crate) open_allowed: u64,
    /// Whether the last byte was a closing quote.
    pub(crate) closed: u64,
    /// Whether the last byte was a carriage return after a closing quote.
    pub(crate) returned: u64,
    /// Quotes seen where none may stand.
    pub(crate) stray: u64,
    /// Doubled quotes seen.
    pub(crate) escapes: u64,
    /// Quotes seen.
    pub(crate) quotes: u64,
}

impl QuoteState {
    pub(crate) const START: QuoteState =
        QuoteState { inside: 0, open_allowed: 1, closed: 0, returned: 0, stray: 0, escapes: 0, quotes: 0 };

    /// Takes in the masks of one block, of which the bits of `valid` count, and the prefix parity
    /// of its quotes. Returns a mask of the bytes outside quotes.
    #[inline(always)]
    pub(crate) fn step(&mut self, parity: u64, quotes: u64, ends: u64, returns: u64, valid: u64) -> u64 {
        let inside = parity ^ self.inside;
        let opening = quotes & inside;
        let closing = quotes & !inside;
        let outer = ends & !inside;
        let allowed = outer | quotes;
        let after_close = closing << 1 | self.closed;
        let after_return = (after_close & returns) << 1 | self.returned;
        self.stray |= opening & !(allowed << 1 | self.open_allowed);
        self.stray |= after_close & !(allowed | returns) & valid;
        self.stray |= after_return & !outer & valid;
        self.escapes |= after_close & quotes;
        self.quotes |= quotes;
        self.open_allowed = allowed >> 63;
        self.closed = closing >> 63;
        self.returned = (after_close & returns) >> 63;
        self.inside = ((inside as i64) >> 63) as u64;
        !inside
    }
}

/// The pass, for the baseline of any architecture and with 64-bit masks in ordinary registers.
#[inline(always)]
pub(crate) fn run<C: Compare64>(
    bytes: &[u8],
    base: u32,
    separator: u8,
    quoting: Quoting,
    tokens: &mut Tokens,
) {
    match quoting {
        Quoting::Off => run_as::<C, false, false>(bytes, base, separator, 0, tokens),
        Quoting::Watch(quote) => run_as::<C, true, false>(bytes, base, separator, quote, tokens),
        Quoting::On(quote) => run_as::<C, true, true>(bytes, base, separator, quote, tokens),
    }
}

#[inline(always)]
fn run_as<C: Compare64, const WATCH: bool, const QUOTED: bool>(
    bytes: &[u8],
    base: u32,
    separator: u8,
    quote: u8,
    tokens: &mut Tokens,
) {
    let mut state = QuoteState::START;
    let (mut beyond_ascii, mut returned, mut newlines) = (false, 0, 0);
    for (s, strip) in bytes.chunks(STRIP).enumerate() {
        let room = tokens.room();
        let mut used = 0;
        for (b, part) in strip.chunks(64).enumerate() {
            let mut padded = [0u8; 64];
            let (block, valid) = match part.as_array::<64>() {
                Some(block) => (block, !0),
                None => {
                    padded[..part.len()].copy_from_slice(part);
                    (&padded, (1u64 << part.len()) - 1)
                }
            };
            let mut lines = C::equal(block, b'\n') & valid;
            let mut ends = (C::equal(block, separator) & valid) | lines;
            let returns = C::equal(block, b'\r') & valid;
            if WATCH {
                let quotes = C::equal(block, quote) & valid;
                if QUOTED {
                    let outside = state.step(C::prefix_parity(quotes), quotes, ends, returns, valid);
                    ends &= outside;
                    lines &= outside;
                } else {
                    state.quotes |= quotes;
                }
            }
            beyond_ascii |= C::beyond_ascii(block);
            returned |= returns;
            newlines += lines.count_ones() as usize;
            let at = base + (s * STRIP + b * 64) as u32 + 1;
            used = emit(room, used, ends, at);
        }
        tokens.used += used;
    }
    tokens.newlines += newlines;
    tokens.facts = Facts {
        quotes: state.quotes != 0,
        escapes: state.escapes != 0,
        stray: state.stray != 0,
        // The zeros past the end of the last block keep the parity of the last byte.
        inside: state.inside != 0,
        beyond_ascii,
        returns: returned != 0,
        paired: false,
    };
}

/// Writes `at` plus the index of each set bit; eight at a time, because a loop over the exact
/// number would end at an unpredictable place.
#[inline(always)]
fn emit(room: &mut [u32], used: usize, mut mask: u64, at: u32) -> usize {
    let count = mask.count_ones() as usize;
    let mut from = used;
    while mask != 0 {
        let Some(slots) = room.get_mut(from..from + 8) else { break };
        for slot in slots {
            *slot = at.wrapping_add(mask.trailing_zeros());
            mask &= mask.wrapping_sub(1);
        }
        from += 8;
    }
    used + count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pass, byte by byte; facts are only checked not to say too little.
    fn plainly(bytes: &[u8], base: u32, separator: u8, quote: Option<u8>) -> (Vec<u32>, usize, bool) {
        let (mut starts, mut newlines, mut inside) = (vec![base], 0, false);
        for (i, &b) in bytes.iter().enumerate() {
            inside ^= Some(b) == quote;
            if !inside && (b == separator || b == b'\n') {
                starts.push(base + i as u32 + 1);
                newlines += usize::from(b == b'\n');
            }
        }
        (starts, newlines, inside)
    }

    #[test]
    fn every_level_finds_the_same() {
        let mut seed = 88_172_645_463_325_252u64;
        for round in 0..3000 {
            let alphabet: &[u8] =
                [b"a,\n\"\r".as_slice(), b"abcdefgh,\n", b"aaaaaaaaaaaa\xc3,\n\"", b","][round % 4];
            let bytes: Vec<u8> = (0..round % 700)
                .map(|_| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    alphabet[(seed >> 33) as usize % alphabet.len()]
                })
                .collect();
            for quoting in [Quoting::Off, Quoting::Watch(b'"'), Quoting::On(b'"')] {
                let quote = matches!(quoting, Quoting::On(_)).then_some(b'"');
                let (starts, newlines, inside) = plainly(&bytes, 0, b',', quote);
                let mut portable = Tokens::default();
                portable.room()[0] = 0;
                portable.used = 1;
                run::<Words>(&bytes, 0, b',', quoting, &mut portable);
                assert_eq!((portable.starts(), portable.newlines), (starts.as_slice(), newlines));
                assert_eq!(portable.facts.inside, inside);
                assert_eq!(portable.facts.beyond_ascii, !bytes.is_ascii());
                assert_eq!(portable.facts.returns, bytes.contains(&b'\r'));
                let watches = quoting != Quoting::Off;
                assert_eq!(portable.facts.quotes, watches && bytes.contains(&b'"'));
                for level in SimdLevel::available() {
                    let mut tokens = Tokens::default();
                    tokenize(level, &bytes, 0..bytes.len(), b',', quoting, &mut tokens);
                    assert_eq!(
                        (tokens.starts(), tokens.newlines),
                        (starts.as_slice(), newlines),
                        "{level:?}"
                    );
                    assert_eq!(tokens.facts, portable.facts, "{level:?}");
                    tokens.expect_pairs = true;
                    tokenize(level, &bytes, 0..bytes.len(), b',', quoting, &mut tokens);
                    assert_eq!(tokens.starts(), starts.as_slice(), "{level:?}");
                    let ends = starts[1..].iter().map(|&s| bytes[s as usize - 1] == b'\n');
                    let pairs = ends.enumerate().all(|(i, newline)| newline == (i % 2 == 1));
                    assert!(pairs || !tokens.facts.paired, "{level:?}");
                }
            }
        }
    }
}
