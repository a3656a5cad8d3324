//! Compares rows of JSON lines with a template: the bytes that rows written by one program have in
//! common, between the values.
//!
//! A row is a run of fixed bytes, a value, a run, a value, and so on; the last run ends with the
//! line end. Nothing needs to be known of a row but where it starts: behind a run stands either
//! a literal, or the inside of a string, which ends at the first quote, backslash or control
//! character, and the next run has to start with a quote. So the rows of a template are right
//! JSON without having been cut into tokens, given that they are UTF-8. What this kernel does not
//! vouch for it leaves to `structural_match`.
//!
//! Where a value ends decides where the next run starts, and such chains take long; eight rows
//! are compared at a time because their chains do not depend on each other.
// Checking every load against the end of the buffer costs a tenth of the time.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::level::Instructions;
use super::level::SimdLevel;
use super::structural::{Blocks, STRING};
use super::structural_match::{Compare, IS_STRING, Rows, Shape};

/// Rows that are compared at a time.
pub const LANES: usize = 8;
/// The most runs of a template.
const STEPS_MAX: usize = 256;
/// Bytes that are compared at a time.
const WIDTH: usize = 64;
/// The longest run in front of a value, so that short strings end in the same 64 bytes.
const RUN_MAX: usize = 40;
/// The longest literal.
const LITERAL_MAX: usize = 32;
/// Bytes that a step passes at most, but for long strings, whose end in the row is looked for.
const PASS_MAX: usize = RUN_MAX + LITERAL_MAX;

/// What rows have in common.
#[derive(Debug)]
pub struct Template {
    steps: Vec<Step>,
    fields: Vec<Field>,
}

/// A run and what stands behind it.
#[derive(Debug)]
struct Step {
    run: Run,
    behind: Behind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// The inside of a string.
    String,
    /// A number, `true`, `false` or `null`.
    Literal,
    /// More of the run, or the next row.
    Nothing,
}

/// Fixed bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) text: [u8; WIDTH],
    /// All ones in the bytes that count.
    pub(crate) mask: [u8; WIDTH],
    /// The bytes behind the run.
    pub(crate) behind: u64,
    length: u32,
}

/// How the slot of a column follows from the starts of two runs:
/// `(starts[first] + first_add | starts[last] + last_add << 32 | about) & keep`.
#[derive(Clone, Copy, Debug)]
struct Field {
    first: u32,
    first_add: u32,
    last: u32,
    last_add: u32,
    about: u64,
    keep: u64,
}

/// Where a run of a row starts. Those of neighbours do not lie side by side, since the compiler
/// would then gather them in vectors, and wait for memory to take them apart again.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(8))]
pub struct Start(u32);

/// What the comparison needs from a set of instructions.
pub(crate) trait Runs: Compare + Blocks {
    /// A run, ready to be compared.
    type Run: Copy;
    /// Differences from several runs, gathered.
    type Differences: Copy;
    /// Makes a run ready.
    fn run(run: &Run) -> Self::Run;
    /// No differences.
    fn alike() -> Self::Differences;
    /// Adds those of a text from a run.
    fn compare(text: &[u8; WIDTH], run: Self::Run, differences: &mut Self::Differences);
    /// The same, and the bytes behind the run that end the inside of a string.
    fn compare_string(text: &[u8; WIDTH], run: Self::Run, differences: &mut Self::Differences) -> u64;
    /// Whether there are some.
    fn differ(differences: Self::Differences) -> bool;
    /// The line ends of a block, which has then been seen.
    fn line_ends(block: &[u8; 64], seen: &mut Self::Seen) -> u64;
}

/// Does something for each lane, without a loop: what is gathered for lanes then stays in registers.
macro_rules! each_lane {
    ($lane:ident, $body:block) => {
        each_lane!(@ $lane, $body, 0 1 2 3 4 5 6 7)
    };
    (@ $lane:ident, $body:block, $($n:literal)*) => {
        $({
            const $lane: usize = $n;
            $body
        })*
    };
}

impl Run {
    fn new(bytes: &[u8]) -> Self {
        let mut run = Run { text: [0; WIDTH], mask: [0; WIDTH], behind: 0, length: bytes.len() as u32 };
        run.text[..bytes.len()].copy_from_slice(bytes);
        run.mask[..bytes.len()].fill(u8::MAX);
        run.behind = u64::MAX.checked_shl(run.length).unwrap_or(0);
        run
    }
}

impl Template {
    /// The template of a row without escapes that starts at `start` and has this shape, from its
    /// tokens; the line end, which must be in the buffer, is the last one.
    pub fn new(shape: &Shape, kinds: &[u8], starts: &[u32], buffer: &[u8], start: u32) -> Option<Self> {
        let mut template = Template { steps: Vec::new(), fields: Vec::new() };
        // Where each run starts in this row.
        let mut places = Vec::new();
        let mut at = start as usize;
        for token in shape.value_tokens() {
            let first = *starts.get(token)? as usize;
            let next = *starts.get(token + 1)? as usize;
            let is_string = *kinds.get(token)? == STRING;
            let from = first + usize::from(is_string);
            template.push_run(buffer.get(at..from)?, at, RUN_MAX, &mut places);
            let text = buffer.get(from..next)?;
            let behind = if is_string { Behind::String } else { Behind::Literal };
            at = from
                + if is_string {
                    memchr::memrchr(STRING, text)?
                } else {
                    text.iter().position(|b| b" \t\r".contains(b)).unwrap_or(text.len())
                };
            template.steps.last_mut()?.behind = behind;
        }
        let end = *starts.last()? as usize + 1;
        template.push_run(buffer.get(at..end)?, at, WIDTH, &mut places);
        let right = buffer.get(end - 1) == Some(&b'\n') && template.steps.len() <= STEPS_MAX;
        for (first, last, inside, keep) in shape.places() {
            let (first, last) = (*starts.get(first)? as usize, *starts.get(last)? as usize);
            template.fields.push(template.field(buffer, &places, (first, last), inside, keep)?);
        }
        right.then_some(template)
    }

    /// Adds the bytes of a run at `at`, of which at most `last_max` are in its last step.
    fn push_run(&mut self, mut bytes: &[u8], mut at: usize, last_max: usize, places: &mut Vec<usize>) {
        while bytes.len() > last_max {
            let (head, rest) = bytes.split_at(bytes.len().min(WIDTH) - 1);
            self.steps.push(Step { run: Run::new(head), behind: Behind::Nothing });
            places.push(at);
            at += head.len();
            bytes = rest;
        }
        self.steps.push(Step { run: Run::new(bytes), behind: Behind::Nothing });
        places.push(at);
    }

    /// The field whose value reaches from `first` up to, but for white space, `last`.
    fn field(
        &self,
        buffer: &[u8],
        places: &[usize],
        (first, last): (usize, usize),
        inside: u64,
        keep: u64,
    ) -> Option<Field> {
        let is_string = buffer.get(first) == Some(&STRING) && keep == u64::MAX;
        let last = if is_string {
            first + 1 + memchr::memrchr(STRING, buffer.get(first + 1..last)?)? + 1
        } else {
            last
        };
        // The run that a position lies in or, if that is where a value starts, right behind.
        let run_of = |position: usize| {
            let run = places.partition_point(|p| *p <= position).checked_sub(1)?;
            Some((run as u32, (position - places[run]) as u32))
        };
        let ((first, first_add), (last, last_add)) = (run_of(first)?, run_of(last)?);
        let about = if is_string { IS_STRING } else { 0 };
        Some(Field { first, first_add: first_add + inside as u32, last, last_add, about, keep })
    }

    /// Whether rows of a buffer that end at `end` can be compared: that reads beyond their end.
    pub fn fits(&self, buffer: &[u8], end: u32) -> bool {
        end as usize + self.reach() <= buffer.len()
    }

    /// Bytes that may be read behind the end of a row, at most: every step may pass so many that
    /// are not of the row when the row is of another template.
    fn reach(&self) -> usize {
        self.steps.len() * PASS_MAX + 2 * WIDTH
    }
}

/// Rows that may be of a template.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// UTF-8 with the rows in it.
    pub buffer: &'a [u8],
    /// Where the first row starts.
    pub start: u32,
    /// Where each of them ends: at its line end.
    pub ends: &'a [u32],
}

/// Takes rows for as long as they are of the template. Returns how many. `starts` is room.
pub fn take_alike(
    level: SimdLevel,
    template: &Template,
    candidates: Candidates<'_>,
    starts: &mut Vec<[Start; LANES]>,
    rows: &mut Rows,
) -> usize {
    match level.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => super::template_x86::take_avx512(level, template, candidates, starts, rows),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => super::template_x86::take_avx2(level, template, candidates, starts, rows),
        #[cfg(target_arch = "x86_64")]
        Instructions::Baseline => take::<super::structural_sse2::Sse2>(template, candidates, starts, rows),
        #[cfg(not(target_arch = "x86_64"))]
        _ => take::<super::structural_portable::Portable>(template, candidates, starts, rows),
    }
}

#[inline(always)]
pub(crate) fn take<C: Runs>(
    template: &Template,
    Candidates { buffer, mut start, ends }: Candidates<'_>,
    starts: &mut Vec<[Start; LANES]>,
    rows: &mut Rows,
) -> usize {
    starts.resize(template.steps.len(), [Start(0); LANES]);
    let mut taken = 0;
    for ends in ends.chunks(LANES) {
        let mut lanes = [(start, ends[0]); LANES];
        for (lane, (end, before)) in lanes[1..].iter_mut().zip(ends[1..].iter().zip(ends)) {
            *lane = (before + 1, *end);
        }
        let fits = ends.partition_point(|end| template.fits(buffer, *end));
        if fits < ends.len() {
            // Rows at the end of the buffer are compared as copies of the first one.
            let first = lanes[0];
            lanes[fits..].fill(first);
        }
        if fits == 0 {
            break;
        }
        // SAFETY: the ends of all lanes are so far before the end of the buffer.
        let wrong = unsafe { compare_rows::<C>(template, buffer, &lanes, starts) };
        let right = (wrong.trailing_zeros() as usize).min(fits);
        push_rows(template, &lanes[..right], starts, rows);
        taken += right;
        if right < LANES {
            break;
        }
        start = ends[LANES - 1] + 1;
    }
    taken
}

/// The `N` bytes from a position on.
///
/// # Safety
///
/// `start + N` must not be beyond the end of the buffer.
#[inline(always)]
unsafe fn text_at<const N: usize>(buffer: &[u8], start: u32) -> &[u8; N] {
    debug_assert!(start as usize + N <= buffer.len());
    // SAFETY: the caller says that the bytes are there, and an array of bytes has no alignment.
    unsafe { &*buffer.as_ptr().add(start as usize).cast() }
}

/// Compares rows from their starts up to their ends. Returns a bit for each one that is not of the
/// template, and notes where its runs start.
///
/// # Safety
///
/// The rows must start before they end, and end [`Template::reach`] bytes before the end of the buffer.
#[inline(always)]
unsafe fn compare_rows<C: Runs>(
    template: &Template,
    buffer: &[u8],
    lanes: &[(u32, u32); LANES],
    starts: &mut [[Start; LANES]],
) -> u32 {
    let mut differences = [C::alike(); LANES];
    let mut wrong = 0;
    let mut here = lanes.map(|(start, _)| start);
    for (step, noted) in template.steps.iter().zip(starts) {
        let run = C::run(&step.run);
        let length = step.run.length;
        each_lane!(LANE, {
            noted[LANE].0 = here[LANE];
            // SAFETY: a step passes 64 bytes at most, or a run and a literal, or ends in the row.
            let text = unsafe { text_at(buffer, here[LANE]) };
            if step.behind == Behind::String {
                let ends = C::compare_string(text, run, &mut differences[LANE]);
                here[LANE] += ends.trailing_zeros();
                if ends == 0 {
                    match long_string(buffer, here[LANE], lanes[LANE].1) {
                        Some(end) => here[LANE] = end,
                        None => wrong |= 1 << LANE,
                    }
                }
            } else {
                C::compare(text, run, &mut differences[LANE]);
                here[LANE] += length;
                if step.behind == Behind::Literal {
                    // SAFETY: as above; a run and the 32 bytes behind it are less than 128 bytes.
                    let length = literal::<C>(unsafe { text_at(buffer, here[LANE]) });
                    wrong |= u32::from(length == 0) << LANE;
                    here[LANE] += length;
                }
            }
        });
    }
    each_lane!(LANE, {
        wrong |= u32::from(C::differ(differences[LANE])) << LANE;
    });
    wrong
}

/// The end of the inside of a string that goes on at `at`, in a row that ends at `end`.
#[cold]
#[inline(never)]
fn long_string(buffer: &[u8], at: u32, end: u32) -> Option<u32> {
    let rest = buffer.get(at as usize..end as usize)?;
    let ends = |b: &u8| *b < 0x20 || *b == STRING || *b == b'\\';
    // Eight by eight, without branches, for the sake of long ones.
    let mut skipped = 0;
    for part in rest.as_chunks::<64>().0 {
        if part.iter().fold(false, |any, b| any | ends(b)) {
            break;
        }
        skipped += 64;
    }
    Some(at + (skipped + rest[skipped..].iter().position(ends)?) as u32)
}

/// The length of the literal that starts here, or 0. What follows it is not looked at.
#[inline(always)]
fn literal<C: Runs>(text: &[u8; LITERAL_MAX]) -> u32 {
    let negative = usize::from(text[0] == b'-');
    let digits = u64::from(C::digits(text)) >> negative;
    let whole = (!digits).trailing_zeros() as usize;
    if whole == 0 {
        return word(text);
    }
    let mut at = negative + whole;
    let Some(mut next) = text.get(at) else { return 0 };
    let mut right = !((whole > 1) & (text[negative] == b'0'));
    if *next == b'.' {
        let part = (!(digits >> (whole + 1))).trailing_zeros() as usize;
        at += 1 + part;
        right &= part > 0;
        let Some(after) = text.get(at) else { return 0 };
        next = after;
    }
    if *next | 0x20 == b'e' {
        let exponent = exponent(&text[at + 1..]);
        right &= exponent > 0;
        at += 1 + exponent;
    }
    if right { at as u32 } else { 0 }
}

/// The length of an exponent behind its `e`, or 0 if it is none or does not end here.
fn exponent(text: &[u8]) -> usize {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let digits = text.iter().skip(sign).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || sign + digits == text.len() { 0 } else { sign + digits }
}

/// The length of `true`, `false` or `null`, or 0; without branches, as nobody can predict them.
#[inline(always)]
fn word(text: &[u8; LITERAL_MAX]) -> u32 {
    let word = u64::from_le_bytes(*text.first_chunk().unwrap_or(&[0; 8]));
    let is_false = word & 0xff_ffff_ffff == u64::from_le_bytes(*b"false\0\0\0");
    let four = word as u32;
    let is_other = (four == u32::from_le_bytes(*b"true")) | (four == u32::from_le_bytes(*b"null"));
    u32::from(is_false) * 5 + u32::from(is_other) * 4
}

/// Adds rows, given where their runs start.
#[inline(always)]
fn push_rows(template: &Template, lanes: &[(u32, u32)], starts: &[[Start; LANES]], rows: &mut Rows) {
    rows.spans.extend_from_slice(lanes);
    let (before, columns) = (rows.slots.len(), template.fields.len());
    rows.slots.resize(before + lanes.len() * columns, 0);
    let Some(slots) = rows.slots.get_mut(before..) else { return };
    for (column, field) in template.fields.iter().enumerate() {
        let (Some(first), Some(last)) = (starts.get(field.first as usize), starts.get(field.last as usize))
        else {
            continue;
        };
        let mut of_lanes = [0; LANES];
        for ((slot, first), last) in of_lanes.iter_mut().zip(first).zip(last) {
            let (first, last) = (first.0.wrapping_add(field.first_add), last.0.wrapping_add(field.last_add));
            *slot = (u64::from(first) | u64::from(last) << 32 | field.about) & field.keep;
        }
        let mut at = column;
        for slot in &of_lanes[..lanes.len()] {
            if let Some(place) = slots.get_mut(at) {
                *place = *slot;
            }
            at += columns;
        }
    }
}

/// Writes the line ends of `buffer[from..to]` to `ends`, which has room for one more than there are
/// bytes. Returns how many there are, and whether some byte is not ASCII.
pub fn line_ends(level: SimdLevel, buffer: &[u8], from: usize, to: usize, ends: &mut [u32]) -> (usize, bool) {
    let bytes = buffer.get(from..to).unwrap_or_default();
    match level.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => super::template_x86::lines_avx512(level, bytes, from as u32, ends),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => super::template_x86::lines_avx2(level, bytes, from as u32, ends),
        #[cfg(target_arch = "x86_64")]
        Instructions::Baseline => lines::<super::structural_sse2::Sse2>(bytes, from as u32, ends),
        #[cfg(not(target_arch = "x86_64"))]
        _ => lines::<super::structural_portable::Portable>(bytes, from as u32, ends),
    }
}

#[inline(always)]
pub(crate) fn lines<C: Runs>(bytes: &[u8], from: u32, ends: &mut [u32]) -> (usize, bool) {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut last = [b' '; 64];
    last[..rest.len()].copy_from_slice(rest);
    let mut seen = C::nothing();
    let mut used = 0;
    let mut at = from;
    for block in blocks.iter().chain((!rest.is_empty()).then_some(&last)) {
        let mut found = C::line_ends(block, &mut seen);
        // Every block writes one line end, whether it has one or not.
        loop {
            if let Some(slot) = ends.get_mut(used) {
                *slot = at.wrapping_add(found.trailing_zeros());
            }
            used += usize::from(found != 0);
            found &= found.wrapping_sub(1);
            if found == 0 {
                break;
            }
        }
        at = at.wrapping_add(64);
    }
    (used.min(ends.len()), C::beyond_ascii(seen))
}

const _: () = assert!(PASS_MAX >= WIDTH && RUN_MAX + 1 < WIDTH);
