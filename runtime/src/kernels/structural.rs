//! Finds the tokens of JSON lines: every bracket, colon, comma, string start, literal start and
//! line end, with what stands inside strings masked out.
//!
//! The scanner of JSON lines runs it over sub-blocks of a chunk and then compares the kinds of a
//! row's tokens, which lie side by side, with those of an earlier row. A line end always ends a
//! row, even inside quotes: a wrong row never spoils the next one. The tokens are the same at
//! every [`SimdLevel`], but for bytes that may not stand outside of strings.

#[cfg(target_arch = "x86_64")]
use super::level::Instructions;
use super::level::SimdLevel;
use std::ops::Range;

/// The kind of a token that starts a string, its opening quote. Keys are strings too.
pub const STRING: u8 = b'"';
/// The kind of a token that ends a row.
pub const LINE_END: u8 = b'\n';

/// Bytes whose tokens room is made for at a time.
const STRIP: usize = 4096;
/// Entries past the used ones that may be written or compared as parts of whole vectors.
pub(crate) const SLACK: usize = 128;

/// The tokens of a run of bytes. Reused from run to run.
#[derive(Debug, Default)]
pub struct Tokens {
    /// The bytes they start with: a bracket, `:`, `,`, one of the constants above, or else the
    /// first byte of what should be a literal.
    kinds: Vec<u8>,
    /// Where they start.
    starts: Vec<u32>,
    used: usize,
    /// Positions of control characters inside strings.
    pub control: Vec<u32>,
    /// Positions of the backslashes that start escapes in strings.
    pub escapes: Vec<u32>,
    /// Some byte is not ASCII.
    pub beyond_ascii: bool,
    /// No token starts after this byte.
    end: u32,
    state: State,
    /// What is rare in a strip, worked up after it: a call in the loop would cost every block.
    notes: Vec<Note>,
}

/// What one block of 64 bytes passes to the next.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// All ones inside a string.
    inside: u64,
    /// 1 if the next byte is escaped.
    escaped: u64,
    /// 1 if the last byte was part of a literal.
    literal: u64,
}

/// One bit for each byte of a block.
#[derive(Clone, Copy)]
pub(crate) struct Masks {
    /// Quotes.
    pub(crate) quote: u64,
    /// Brackets, colons, commas and line ends; other bytes that may not stand outside of strings
    /// may be counted in, their kinds tell them apart.
    pub(crate) operator: u64,
    /// Operators, quotes and white space: all that is no part of a literal outside of strings.
    pub(crate) known: u64,
    /// Bytes below 0x20, and backslashes.
    pub(crate) special: u64,
}

/// The bytes of a block that [`Masks::special`] does not tell apart.
#[derive(Clone, Copy)]
pub(crate) struct Specials {
    pub(crate) backslash: u64,
    pub(crate) newline: u64,
}

/// What is rare in a block.
#[derive(Clone, Copy, Debug, Default)]
struct Note {
    at: u32,
    escapes: u64,
    control: u64,
}

/// What the pass needs from a set of instructions.
pub(crate) trait Blocks {
    /// All bytes seen so far, as far as it matters whether they are ASCII.
    type Seen: Copy;
    /// No bytes.
    fn nothing() -> Self::Seen;
    /// The masks of a block, which has then been seen.
    fn masks(block: &[u8; 64], seen: &mut Self::Seen) -> Masks;
    /// More about a block.
    fn specials(block: &[u8; 64]) -> Specials;
    /// Whether some byte was not ASCII.
    fn beyond_ascii(seen: Self::Seen) -> bool;
    /// Bit `i` of the result is the exclusive or of bits `0..=i`.
    fn prefix_xor(bits: u64) -> u64;
    /// Writes the tokens of a block that lies at `base`; entries past the last one may be overwritten.
    fn emit(block: &[u8; 64], tokens: u64, base: u32, kinds: &mut [u8; 64], starts: &mut [u32; 64]);
}

impl Tokens {
    /// Forgets everything, before a new chunk.
    pub fn clear(&mut self) {
        self.used = 0;
        self.control.clear();
        self.escapes.clear();
        self.beyond_ascii = false;
        self.end = 0;
        self.state = State::default();
    }

    /// Forgets the first `tokens` tokens and what is known of bytes before `position`.
    pub fn forget(&mut self, tokens: usize, position: u32) {
        if tokens > 0 {
            self.kinds.copy_within(tokens..self.used, 0);
            self.starts.copy_within(tokens..self.used, 0);
            self.used -= tokens;
        }
        self.control.retain(|p| *p >= position);
        self.escapes.retain(|p| *p >= position);
    }

    /// The kinds of the tokens.
    pub fn kinds(&self) -> &[u8] {
        &self.kinds[..self.used]
    }

    /// The starts of the tokens.
    pub fn starts(&self) -> &[u32] {
        &self.starts[..self.used]
    }

    /// The kinds, and at least [`SLACK`] entries more.
    pub(crate) fn kinds_with_slack(&self) -> &[u8] {
        &self.kinds
    }

    /// Adds the end of a last row that has no line end, at `position`.
    pub fn push_line_end(&mut self, position: usize) {
        self.room();
        self.kinds[self.used] = LINE_END;
        self.starts[self.used] = position as u32;
        self.end = self.end.max(position as u32);
        self.used += 1;
    }

    /// A byte that is not before the start of any token.
    pub(crate) fn end(&self) -> usize {
        self.end as usize
    }

    /// Adds the tokens of `buffer[range]`, which goes on where the last call ended, is a multiple
    /// of 64 bytes long unless it is the last of its chunk, and lies below 4 GiB.
    pub fn extend(&mut self, level: SimdLevel, buffer: &[u8], range: Range<usize>) {
        let bytes = buffer.get(range.clone()).unwrap_or_default();
        self.extend_by(bytes, range.start, |tokens, strip, base| match level.instructions() {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => super::structural_x86::strip_avx512(level, tokens, strip, base),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => super::structural_x86::strip_avx2(level, tokens, strip, base),
            #[cfg(target_arch = "x86_64")]
            Instructions::Baseline => tokens.strip::<super::structural_sse2::Sse2>(strip, base),
            #[cfg(not(target_arch = "x86_64"))]
            _ => tokens.strip::<super::structural_portable::Portable>(strip, base),
        });
    }

    /// Adds the tokens of bytes that lie at `start`, strip by strip.
    pub(crate) fn extend_by(&mut self, bytes: &[u8], start: usize, add: impl Fn(&mut Self, &[u8], u32)) {
        for (i, strip) in bytes.chunks(STRIP).enumerate() {
            let base = (start + i * STRIP) as u32;
            self.room();
            self.end = self.end.max(base.saturating_add(strip.len() as u32));
            add(self, strip, base);
        }
    }

    fn room(&mut self) {
        let want = self.used + STRIP + SLACK;
        if self.kinds.len() < want {
            self.kinds.resize(want.max(self.kinds.len() * 2), 0);
            self.starts.resize(self.kinds.len(), 0);
        }
        self.notes.resize(STRIP / 64, Note::default());
    }

    /// Adds the tokens of at most [`STRIP`] bytes.
    #[inline(always)]
    pub(crate) fn strip<B: Blocks>(&mut self, strip: &[u8], base: u32) {
        let mut work = Strip::<B> {
            kinds: &mut self.kinds[self.used..],
            starts: &mut self.starts[self.used..],
            used: 0,
            state: self.state,
            seen: B::nothing(),
            notes: &mut self.notes,
            noted: 0,
        };
        let (blocks, rest) = strip.as_chunks::<64>();
        let mut at = base;
        for block in blocks {
            work.block(block, at);
            at = at.wrapping_add(64);
        }
        if !rest.is_empty() {
            let mut last = [b' '; 64];
            last[..rest.len()].copy_from_slice(rest);
            work.block(&last, at);
        }
        let Strip { used, state, seen, noted, .. } = work;
        self.used += used;
        self.state = state;
        self.beyond_ascii |= B::beyond_ascii(seen);
        for note in &self.notes[..noted] {
            push_bits(note.escapes, note.at, &mut self.escapes);
            push_bits(note.control, note.at, &mut self.control);
        }
    }
}

/// A strip in work.
struct Strip<'a, B: Blocks> {
    kinds: &'a mut [u8],
    starts: &'a mut [u32],
    used: usize,
    state: State,
    seen: B::Seen,
    notes: &'a mut [Note],
    noted: usize,
}

impl<B: Blocks> Strip<'_, B> {
    #[inline(always)]
    fn block(&mut self, block: &[u8; 64], at: u32) {
        let (tokens, note) = step::<B>(block, &mut self.state, &mut self.seen);
        if let Some(note) = note
            && let Some(slot) = self.notes.get_mut(self.noted)
        {
            *slot = Note { at, ..note };
            self.noted += 1;
        }
        let used = self.used;
        let kinds = self.kinds.get_mut(used..used + 64).and_then(|k| k.try_into().ok());
        let starts = self.starts.get_mut(used..used + 64).and_then(|s| s.try_into().ok());
        if let (Some(kinds), Some(starts)) = (kinds, starts) {
            B::emit(block, tokens, at, kinds, starts);
        }
        self.used += tokens.count_ones() as usize;
    }
}

/// The tokens of a block, and what is rare in it.
#[inline(always)]
fn step<B: Blocks>(block: &[u8; 64], state: &mut State, seen: &mut B::Seen) -> (u64, Option<Note>) {
    let m = B::masks(block, seen);
    let mut quote = m.quote;
    let mut inside = B::prefix_xor(quote) ^ state.inside;
    let mut note = None;
    // A first backslash in a string stands where `inside` is still right. Backslashes outside of
    // strings are parts of wrong literals, and need no attention.
    if (m.special & inside) | state.escaped != 0 {
        let s = B::specials(block);
        let escaped = escaped(s.backslash, &mut state.escaped);
        quote &= !escaped;
        inside = B::prefix_xor(quote) ^ state.inside;
        while inside & s.newline != 0 {
            // A string that the row does not close. The next row starts outside of strings.
            inside ^= u64::MAX << (inside & s.newline).trailing_zeros();
        }
        note = Some(Note {
            at: 0,
            escapes: s.backslash & !escaped & inside,
            control: m.special & !s.backslash & inside,
        });
    }
    let literal = !(inside | m.known);
    let literals = literal & !(literal << 1 | state.literal);
    state.inside = ((inside as i64) >> 63) as u64;
    state.literal = literal >> 63;
    ((m.operator & !inside) | (quote & inside) | literals, note)
}

fn push_bits(mut bits: u64, at: u32, positions: &mut Vec<u32>) {
    while bits != 0 {
        positions.push(at + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

/// The bytes that a backslash before them escapes; `carry` is 1 when the block's first byte is one.
#[inline(always)]
fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    // Of each run of backslashes every other one escapes the byte after it, the first one first.
    // Subtracting the run's start from its doubled bits finds, by the borrow, where each run ends
    // and whether that is at an odd distance.
    let starts = backslash & !*carry;
    let ends = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
    let escaped = ends ^ (backslash | *carry);
    *carry = (ends & backslash) >> 63;
    escaped
}

/// The exclusive or of all bits up to each bit.
#[inline(always)]
pub(crate) fn prefix_xor(bits: u64) -> u64 {
    (0..6).fold(bits, |x, i| x ^ x << (1 << i))
}

/// Writes tokens eight by eight, because a loop over the exact number ends at an unpredictable place.
#[inline(always)]
pub(crate) fn emit_each(
    block: &[u8; 64],
    mut tokens: u64,
    base: u32,
    kinds: &mut [u8; 64],
    starts: &mut [u32; 64],
) {
    let groups = kinds.as_chunks_mut::<8>().0.iter_mut().zip(starts.as_chunks_mut::<8>().0);
    for (kinds, starts) in groups {
        if tokens == 0 {
            break;
        }
        for (kind, start) in kinds.iter_mut().zip(starts) {
            let i = tokens.trailing_zeros();
            *start = base.wrapping_add(i);
            *kind = block[i as usize & 63];
            tokens &= tokens.wrapping_sub(1);
        }
    }
}
