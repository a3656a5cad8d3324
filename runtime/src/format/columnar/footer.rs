//! Checks the footer of a Parquet file before the library sees it: no list in it is longer than its bytes.
//!
//! The footer is a struct in Thrift's compact protocol. The library allocates lists by the count
//! that the file states; a wrong count must be an error, not an allocation that takes the process down.

/// Levels of structs and lists.
const DEPTH_MAX: usize = 32;

/// Whether every list and text of the struct lies within `bytes`.
pub(super) fn is_plausible(bytes: &[u8]) -> bool {
    Walk { rest: bytes }.structure(0).is_some()
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
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

    fn value(&mut self, kind: u8, in_list: bool, depth: usize) -> Option<()> {
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
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        // Every element takes a byte at least.
        if count > self.rest.len() as u64 {
            return None;
        }
        (0..count).try_for_each(|_| self.value(head & 0x0f, true, depth + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::is_plausible;

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
}
