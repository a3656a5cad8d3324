//! Finds the text of one column of a morsel: views into the chunk's buffer, quotes taken off.
//!
//! Scanners call [`fields`] first and parse the views after; nothing is copied here.

use super::rows::{BROKEN, Rows, Shape};
use flow_ir::column::{View, view};

/// One column's texts.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// A view a row; empty for broken rows.
    pub(crate) views: Vec<View>,
    /// Whether each field was quoted; empty when none was.
    pub(crate) quoted: Vec<bool>,
    /// The rows that are broken, in order.
    pub(crate) broken: Vec<u32>,
}

impl Fields {
    /// Whether a row's field was quoted.
    pub(crate) fn is_quoted(&self, row: usize) -> bool {
        self.quoted.get(row).copied().unwrap_or(false)
    }
}

/// The texts of field `field` (below [`Rows::fields`]) of the given rows of the morsel, or of all.
pub(crate) fn fields(rows: &Rows, field: usize, chosen: Option<&[u32]>) -> Fields {
    let mut found = Fields::default();
    match &rows.shape {
        Shape::Regular => found.views = regular(rows, field, chosen),
        Shape::Irregular(slots) => irregular(rows, slots, field, chosen, &mut found),
        Shape::Giant(_) => {
            found.views = vec![0; chosen.map_or(rows.len(), <[u32]>::len)];
            found.broken = (0..found.views.len() as u32).collect();
        }
    }
    if field + 1 == rows.fields && rows.facts().returns {
        for v in &mut found.views {
            let (start, length) = (*v as u32, (*v >> 32) as u32);
            let end = rows.without_return(start as usize, start as usize + length as usize);
            *v = view(start, end as u32 - start);
        }
    }
    if let Some(quote) = rows.quote() {
        take_quotes(&rows.buffer, quote, &mut found);
    }
    found
}

/// The field between two neighbouring starts.
#[inline]
fn between(start: u32, next: u32) -> View {
    // As one number, start low and next high, because compilers make vectors of this, and shuffles of two halves.
    let both = view(start, next);
    both.wrapping_sub(both << 32).wrapping_sub(1 << 32)
}

fn regular(rows: &Rows, field: usize, chosen: Option<&[u32]>) -> Vec<View> {
    let starts = rows.tokens.starts();
    let width = rows.fields;
    let from = rows.morsel.start * width + field;
    let Some(chosen) = chosen else {
        let count = rows.len();
        let Some(starts) = starts.get(from..) else { return vec![0; count] };
        return match width {
            1 => starts.windows(2).take(count).map(|w| between(w[0], w[1])).collect(),
            // The commonest width gets a loop of whole vectors.
            2 => starts.as_chunks::<2>().0.iter().take(count).map(|&[a, b]| between(a, b)).collect(),
            _ => starts.chunks(width).take(count).map(|row| between(row[0], row[1])).collect(),
        };
    };
    let pick = |&row: &u32| {
        let token = from + row as usize * width;
        starts.get(token..token + 2).map_or(0, |w| between(w[0], w[1]))
    };
    chosen.iter().map(pick).collect()
}

fn irregular(rows: &Rows, slots: &[u32], field: usize, chosen: Option<&[u32]>, found: &mut Fields) {
    let starts = rows.tokens.starts();
    let slots = slots.get(rows.morsel.clone()).unwrap_or_default();
    let count = chosen.map_or(slots.len(), <[u32]>::len);
    found.views.reserve(count);
    for i in 0..count {
        let row = chosen.map_or(i, |c| c[i] as usize);
        let token = match slots.get(row) {
            Some(&token) if token != BROKEN => token as usize + field,
            _ => {
                found.broken.push(i as u32);
                found.views.push(0);
                continue;
            }
        };
        found.views.push(starts.get(token..token + 2).map_or(0, |w| between(w[0], w[1])));
    }
}

/// Takes the quotes off; the rows were checked to have them in pairs.
fn take_quotes(buffer: &[u8], quote: u8, found: &mut Fields) {
    let mut any = false;
    found.quoted.reserve(found.views.len());
    for v in &mut found.views {
        let (start, length) = (*v as u32, (*v >> 32) as u32);
        let quoted = length >= 2 && buffer.get(start as usize) == Some(&quote);
        found.quoted.push(quoted);
        any |= quoted;
        let off = u32::from(quoted);
        *v = view(start.wrapping_add(off), length - 2 * off);
    }
    if !any {
        found.quoted.clear();
    }
}
