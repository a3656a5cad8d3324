//! Checks the footer and the page headers of a Parquet file before the library sees them: no list or text in
//! them is longer than its bytes.
//!
//! They are structs in Thrift's compact protocol. The library allocates by the counts that the file
//! states; a wrong count must be an error, not an allocation that takes the process down.

/// Levels of structs and lists.
const DEPTH_MAX: usize = 32;

/// Whether every list and text of the struct lies within `bytes`.
pub(super) fn is_plausible(bytes: &[u8]) -> bool {
    Walk { rest: bytes }.structure(0).is_some()
}

/// What the header of a page says of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// Bytes of the header itself.
    pub(super) length: usize,
    /// Bytes of the page when it is decompressed.
    pub(super) stated: u32,
    /// Bytes of the page in the file.
    pub(super) stored: u32,
    /// Values of a data page, nulls included.
    pub(super) values: Option<u32>,
    /// Rows of a data page of the second version.
    pub(super) rows: Option<u32>,
}

/// The header that `bytes` begin with; `None` if it is malformed or not all of it is there.
pub(super) fn page_header(bytes: &[u8]) -> Option<PageHeader> {
    let mut walk = Walk { rest: bytes };
    let (mut stated, mut stored, mut values, mut rows) = (None, None, None, None);
    walk.fields(0, &mut |walk, field, kind| {
        match (field, kind) {
            (2, 5) => stated = Some(u32::try_from(walk.number()?).ok()?),
            (3, 5) => stored = Some(u32::try_from(walk.number()?).ok()?),
            // What data pages of the first and the second version say.
            (5 | 8, 12) => walk.fields(1, &mut |walk, inner, kind| {
                match (inner, kind) {
                    (1, 5) => values = Some(u32::try_from(walk.number()?).ok()?),
                    (3, 5) if field == 8 => rows = Some(u32::try_from(walk.number()?).ok()?),
                    _ => walk.value(kind, false, 2)?,
                }
                Some(())
            })?,
            _ => walk.value(kind, false, 1)?,
        }
        Some(())
    })?;
    let length = bytes.len() - walk.rest.len();
    Some(PageHeader { length, stated: stated?, stored: stored?, values, rows })
}

/// Goes through a struct.
pub(super) struct Walk<'a> {
    /// What has not been taken yet.
    pub(super) rest: &'a [u8],
}

/// Takes a field of a struct: its number and the kind of its value.
type TakeField<'f, 'a> = &'f mut dyn FnMut(&mut Walk<'a>, u64, u8) -> Option<()>;

impl<'a> Walk<'a> {
    /// Hands in every field of a struct.
    pub(super) fn fields(&mut self, depth: usize, take: TakeField<'_, 'a>) -> Option<()> {
        let mut field = 0u64;
        if depth > DEPTH_MAX {
            return None;
        }
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            field = match head >> 4 {
                0 => self.number()?,
                step => field.checked_add(u64::from(step))?,
            };
            take(self, field, head & 0x0f)?;
        }
    }

    /// Hands in every element of a list, of which each takes a byte at least.
    pub(super) fn elements(&mut self, take: &mut dyn FnMut(&mut Walk<'a>, u8) -> Option<()>) -> Option<()> {
        let (kind, count) = self.list_head()?;
        (0..count).try_for_each(|_| take(self, kind))
    }

    fn list_head(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        // Every element takes a byte at least.
        (count <= self.rest.len() as u64).then_some((head & 0x0f, count))
    }

    /// A text or bytes.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, n: usize) -> Option<()> {
        self.rest = self.rest.get(n..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A signed number that is not negative.
    pub(super) fn number(&mut self) -> Option<u64> {
        let zigzag = self.varint()?;
        (zigzag & 1 == 0).then_some(zigzag >> 1)
    }

    fn structure(&mut self, depth: usize) -> Option<()> {
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            if head >> 4 == 0 {
                self.varint()?;
            }
            self.value(head & 0x0f, false, depth + 1)?;
        }
    }

    pub(super) fn value(&mut self, kind: u8, in_list: bool, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match kind {
            // Truth is in the type of a field, and a byte of a list.
            1 | 2 => self.skip(usize::from(in_list)),
            3 => self.skip(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(usize::try_from(length).ok()?)
            }
            9 | 10 => self.list(depth),
            12 => self.structure(depth),
            _ => None,
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        let (kind, count) = self.list_head()?;
        (0..count).try_for_each(|_| self.value(kind, true, depth + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::{PageHeader, is_plausible, page_header};

    #[test]
    fn lists_are_not_longer_than_their_bytes() {
        // Field 1, a list of three 32-bit numbers, then the end.
        assert!(is_plausible(&[0x19, 0x35, 2, 4, 6, 0]));
        assert!(!is_plausible(&[0x19, 0xf5, 0xff, 0xff, 0xff, 0x7f, 2, 4, 6, 0]));
        // A text of two bytes, and one of more than there are.
        assert!(is_plausible(&[0x18, 2, b'a', b'b', 0]));
        assert!(!is_plausible(&[0x18, 9, b'a', b'b', 0]));
        assert!(!is_plausible(&[0x1c; 40]));
        assert!(!is_plausible(&[]));
    }
    #[test]
    fn headers_of_pages_say_their_sizes() {
        // A data page of 8 bytes, 6 in the file; then a struct with a count.
        let header = [0x15, 0, 0x15, 16, 0x15, 12, 0x2c, 0x15, 2, 0, 0];
        assert_eq!(
            page_header(&header),
            Some(PageHeader { length: 11, stated: 8, stored: 6, values: Some(1), rows: None })
        );
        assert_eq!(page_header(&header[..10]), None);
        // A negative size, and statistics that are longer than the header.
        assert_eq!(page_header(&[0x15, 0, 0x15, 15, 0x15, 12, 0]), None);
        assert_eq!(page_header(&[0x15, 0, 0x15, 16, 0x15, 12, 0x28, 0xff, 0x7f, 0]), None);
    }
}
