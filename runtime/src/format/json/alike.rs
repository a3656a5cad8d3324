//! Takes rows that share all bytes but their values with an earlier row, before they are cut into
//! tokens, and decides when that is worth a try.
//!
//! Only the line ends are looked for in bytes that a template is tried on. Where rows of a
//! template end, their successor is cut into tokens; where that happens often, ever longer parts
//! of the chunk are, so that rows without common bytes cost next to nothing more.

use super::JsonScanner;
use super::learn::learn;
use crate::kernels::level::SimdLevel;
use crate::kernels::template::{Candidates, LANES, Start, Template, line_ends, take_alike};
use crate::kernels::utf8::is_utf8;
use std::ops::Range;

/// Bytes in which line ends are looked for at a time; a multiple of 64, which stay in the cache
/// until their rows are compared.
const PIECE: usize = 16 << 10;
/// The most templates that are kept.
const TEMPLATES_MAX: usize = 4;
/// So many rows of a template make up for one that is not.
const ROWS_WORTH: usize = 12;
/// Rows beyond those that count at most.
const CREDIT_MAX: usize = 128;
/// The fewest and the most bytes that are cut into tokens when too few rows were of a template.
const PAUSES: Range<usize> = 1 << 10..256 << 10;

/// The line ends ahead.
#[derive(Debug, Default)]
struct Lines {
    /// Room for the line ends of a piece and some before it.
    ends: Vec<u32>,
    /// Those that are ahead.
    ahead: Range<usize>,
    /// Where the search goes on.
    searched: usize,
    /// Up to where bytes are known to be UTF-8.
    valid: usize,
    /// Some byte of the piece that was searched last is not ASCII.
    beyond_ascii: bool,
}

impl Lines {
    /// Goes on at `start`, which is the start of a row.
    fn skip_to(&mut self, start: usize) {
        if start >= self.searched {
            *self = Lines {
                ends: std::mem::take(&mut self.ends),
                searched: start,
                valid: start,
                ..Lines::default()
            };
            return;
        }
        while self.ahead().first().is_some_and(|end| (*end as usize) < start) {
            self.ahead.start += 1;
        }
        self.valid = self.valid.max(start);
    }

    fn ahead(&self) -> &[u32] {
        &self.ends[self.ahead.clone()]
    }

    /// Looks for more line ends before `end`, in one piece. False if there are no more bytes, or
    /// those that follow are not UTF-8.
    fn search(&mut self, level: SimdLevel, buffer: &[u8], end: usize) -> bool {
        let to = end.min(self.searched + PIECE);
        if to == self.searched {
            return false;
        }
        self.ends.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        let room = self.ahead.end + PIECE + 1;
        if self.ends.len() < room {
            self.ends.resize(room, 0);
        }
        let (found, beyond_ascii) =
            line_ends(level, buffer, self.searched, to, &mut self.ends[self.ahead.end..]);
        // The row that reaches into this piece ends here.
        let check = beyond_ascii || self.beyond_ascii;
        let rows_end = match found {
            0 => self.valid,
            n => self.ends[self.ahead.end + n - 1] as usize + 1,
        };
        if check && !is_utf8(level, buffer.get(self.valid..rows_end).unwrap_or_default()) {
            return false;
        }
        self.valid = rows_end;
        self.searched = to;
        self.ahead.end += found;
        self.beyond_ascii = if found == 0 { check } else { beyond_ascii };
        true
    }
}

/// What is known of the bytes that rows have in common.
#[derive(Debug, Default)]
pub(super) struct Templates {
    /// The last used one first.
    known: Vec<Template>,
    lines: Lines,
    /// Room for where the runs of rows start.
    starts: Vec<[Start; LANES]>,
    /// Rows that were of a template and have not made up for others yet.
    credit: usize,
    /// Bytes that are cut into tokens when there is not enough credit.
    pause: usize,
    /// No templates are tried before this byte.
    resume: usize,
    /// Whether the next row is to become a template.
    pub(super) learns: bool,
    /// Rows that were taken.
    pub(super) taken: u64,
}

impl Templates {
    /// Starts on a chunk at `start`, after one that ended at `end`.
    pub(super) fn begin(&mut self, start: usize, end: usize) {
        self.resume = start + self.resume.saturating_sub(end);
        self.lines.searched = 0;
        self.learns = false;
    }
}

/// What trying templates came to.
pub(super) enum Tried {
    /// The morsel holds all the rows it may.
    Full,
    /// The next row is to be cut into tokens, and nothing from the given byte on, if there is one.
    Cut(Option<usize>),
}

impl JsonScanner {
    /// Takes rows of known templates; no tokens of whole rows may be waiting.
    pub(super) fn take_alike(&mut self, end_max: u32) -> Tried {
        if self.start < self.templates.resume {
            return Tried::Cut(None);
        }
        self.templates.lines.skip_to(self.start);
        // Rows since the start, and since the template was chosen.
        let (mut all, mut run) = (0, 0);
        loop {
            let more = self.search_lines();
            let ahead = self.templates.lines.ahead();
            let Some(&end) = ahead.first() else { return Tried::Cut(None) };
            let room = self.limits.rows_max.max(1) - self.rows.spans.len();
            let mut wanted = ahead.partition_point(|end| *end <= end_max).min(room);
            if wanted == 0 {
                // Only the first row of a morsel may be too long for it.
                let first = self.rows.spans.is_empty();
                return if first { Tried::Cut(Some(end as usize + 1)) } else { Tried::Full };
            }
            if more && wanted == ahead.len() {
                // The rest is compared together with the rows of the next piece.
                wanted -= wanted % LANES;
            }
            let taken = self.take_first(wanted);
            (all, run) = (all + taken, run + taken);
            if taken == wanted {
                continue;
            }
            let Some(&end) = self.templates.lines.ahead().first() else { return Tried::Cut(None) };
            if self.templates.known.first().is_some_and(|t| !t.fits(&self.buffer, end)) {
                return Tried::Cut(None);
            }
            let stay = self.miss(run);
            if (stay || all == 0) && self.choose_other() {
                run = 1;
                continue;
            }
            if stay {
                return Tried::Cut(Some(end as usize + 1));
            }
            return Tried::Cut(self.pause(all == 0));
        }
    }

    /// Looks for line ends until there are enough for all lanes; false if there are no more.
    fn search_lines(&mut self) -> bool {
        let lines = &mut self.templates.lines;
        while lines.ahead.len() < LANES {
            if !lines.search(self.level, &self.buffer, self.end) {
                return false;
            }
        }
        true
    }

    /// Takes at most so many rows of the first template. Returns how many.
    fn take_first(&mut self, rows: usize) -> usize {
        let Templates { known, lines, starts, .. } = &mut self.templates;
        let Some(template) = known.first() else { return 0 };
        let ends = lines.ahead().get(..rows).unwrap_or_default();
        let start = self.start as u32;
        let candidates = Candidates { buffer: &self.buffer, start, ends };
        let taken = take_alike(self.level, template, candidates, starts, &mut self.rows);
        let Some(end) = taken.checked_sub(1).and_then(|last| ends.get(last)) else { return 0 };
        self.start = *end as usize + 1;
        self.forget_tokens();
        self.templates.lines.ahead.start += taken;
        self.templates.taken += taken as u64;
        taken
    }

    /// Puts a template first that the next row is of, and takes that row. False if there is none.
    fn choose_other(&mut self) -> bool {
        for i in 1..self.templates.known.len() {
            self.templates.known.swap(0, i);
            if self.take_first(1) == 1 {
                self.templates.known[1..=i].rotate_right(1);
                return true;
            }
            self.templates.known.swap(0, i);
        }
        false
    }

    /// The next row is not of the template that so many rows were of. Whether it is worth while to
    /// go on with templates after it.
    fn miss(&mut self, run: usize) -> bool {
        let templates = &mut self.templates;
        let credit = templates.credit + run;
        if credit >= CREDIT_MAX {
            templates.pause = 0;
        }
        templates.credit = credit.min(CREDIT_MAX).saturating_sub(ROWS_WORTH);
        credit >= ROWS_WORTH
    }

    /// Leaves the next rows to others, the more the more often that was so before. Returns the start
    /// of the first row that is to be tried again, as far as it is known.
    fn pause(&mut self, learns: bool) -> Option<usize> {
        let templates = &mut self.templates;
        templates.pause = (templates.pause * 2).clamp(PAUSES.start, PAUSES.end);
        templates.resume = self.start + templates.pause;
        templates.credit = ROWS_WORTH - 1;
        templates.learns = learns;
        let mut ends = templates.lines.ahead().iter().map(|end| *end as usize);
        ends.find(|end| *end >= templates.resume).map(|end| end + 1)
    }

    /// Makes a template of a right row without escapes, whose tokens these are.
    pub(super) fn learn_template(&mut self, tokens: Range<usize>, start: usize) {
        let (kinds, starts) = (&self.tokens.kinds()[tokens.clone()], &self.tokens.starts()[tokens]);
        let template = learn(&self.paths, self.types.len(), kinds, starts, &self.buffer)
            .and_then(|shape| Template::new(&shape, kinds, starts, &self.buffer, start as u32));
        if let Some(template) = template {
            self.templates.known.truncate(TEMPLATES_MAX - 1);
            self.templates.known.insert(0, template);
        }
    }
}
