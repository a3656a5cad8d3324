//! Keys in registers and their hashes.
//!
//! Keys of up to [`SHORT_MAX`] bytes fit into twelve bytes with their length, those of up to
//! [`MID_MAX`] into twenty-eight; longer ones are known by their hash and compared byte by byte.
//! Hashes are seeded once a process, so no input can be made to collide, and no result may depend
//! on them.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Bytes of a key that fits into a [`ShortKey`].
pub(crate) const SHORT_MAX: usize = 11;
/// Bytes of a key that fits into a [`MidKey`].
pub(crate) const MID_MAX: usize = 27;
/// Bytes that are read from a key's first one on, whatever its length.
pub(crate) const WINDOW: usize = 32;

/// The seeds of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds(pub(crate) [u64; 6]);

impl Seeds {
    /// The seeds of this process.
    pub(crate) fn get() -> Self {
        static SEEDS: OnceLock<Seeds> = OnceLock::new();
        *SEEDS.get_or_init(|| {
            let state = RandomState::new();
            // Factors: odd, so that none loses bits.
            Seeds([0, 1, 2, 3, 4, 5].map(|i: u64| state.hash_one(i) | 1))
        })
    }
}

/// Both halves of a 128-bit product, folded.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

/// Spreads what every bit of a sum of products knows over all bits. Only 64-bit operations, so that
/// vector versions need no wide products.
#[inline(always)]
fn spread(sum: u64, seeds: &Seeds) -> u64 {
    let h = (sum ^ (sum >> 32)).wrapping_mul(seeds.0[4]);
    let h = (h ^ (h >> 29)).wrapping_mul(seeds.0[5]);
    h ^ (h >> 32)
}

/// What is kept of the bytes 0..8, 8..16 and so on of a key of some length.
#[derive(Clone, Copy)]
struct Mask {
    words: [u64; 3],
    tail: u32,
    /// The length, in the byte over the tail: one more than it is, so that no key is all zeros.
    length: u32,
}

const MASKS: [Mask; MID_MAX + 1] = masks();

const fn masks() -> [Mask; MID_MAX + 1] {
    let mut out = [Mask { words: [0; 3], tail: 0, length: 0 }; MID_MAX + 1];
    let mut n = 0;
    while n <= MID_MAX {
        let mut i = 0;
        while i < 3 {
            out[n].words[i] = low_bytes(n, 8 * i);
            i += 1;
        }
        // A short key's tail starts at its ninth byte, a mid key's at its 25th.
        out[n].tail = low_bytes(n, if n <= SHORT_MAX { 8 } else { 24 }) as u32 & 0xff_ffff;
        out[n].length = (n as u32 + 1) << 24;
        n += 1;
    }
    out
}

/// The mask of the bytes `from..n` in a word that starts at byte `from`.
const fn low_bytes(n: usize, from: usize) -> u64 {
    if n >= from + 8 {
        !0
    } else if n <= from {
        0
    } else {
        (1 << (8 * (n - from))) - 1
    }
}

#[inline(always)]
fn word(window: &[u8; WINDOW], at: usize) -> u64 {
    match window.get(at..at + 8).and_then(|b| b.first_chunk::<8>()) {
        Some(b) => u64::from_le_bytes(*b),
        None => 0,
    }
}

/// A key of at most [`SHORT_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortKey {
    /// The first eight bytes.
    pub(crate) word: u64,
    /// The other three, and the length plus one.
    pub(crate) tail: u32,
}

impl ShortKey {
    /// The key of `length` bytes (or its first ones) at the start of a window.
    #[inline(always)]
    pub(crate) fn load(window: &[u8; WINDOW], length: usize) -> Self {
        let mask = &MASKS[length.min(SHORT_MAX)];
        ShortKey {
            word: word(window, 0) & mask.words[0],
            tail: word(window, 8) as u32 & mask.tail | mask.length,
        }
    }

    /// The key of eight bytes.
    #[inline(always)]
    pub(crate) fn of_word(word: u64) -> Self {
        ShortKey { word, tail: 9 << 24 }
    }

    /// Its hash.
    #[inline(always)]
    pub(crate) fn hash(self, seeds: &Seeds) -> u64 {
        let sum =
            self.word.wrapping_mul(seeds.0[0]).wrapping_add(u64::from(self.tail).wrapping_mul(seeds.0[1]));
        spread(sum, seeds)
    }
}

/// A key of more than [`SHORT_MAX`] and at most [`MID_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MidKey {
    /// The first 24 bytes.
    pub(crate) words: [u64; 3],
    /// The other three, and the length plus one.
    pub(crate) tail: u32,
}

impl MidKey {
    /// The key of `length` bytes (or its first ones) at the start of a window.
    #[inline(always)]
    pub(crate) fn load(window: &[u8; WINDOW], length: usize) -> Self {
        let mask = &MASKS[length.min(MID_MAX)];
        MidKey {
            words: [
                word(window, 0) & mask.words[0],
                word(window, 8) & mask.words[1],
                word(window, 16) & mask.words[2],
            ],
            tail: word(window, 24) as u32 & mask.tail | mask.length,
        }
    }

    /// Its hash.
    #[inline(always)]
    pub(crate) fn hash(self, seeds: &Seeds) -> u64 {
        let [a, b, c] = self.words;
        let products =
            [a, b, c, u64::from(self.tail)].into_iter().zip(seeds.0).map(|(x, s)| x.wrapping_mul(s));
        spread(products.fold(0, u64::wrapping_add), seeds)
    }
}

/// The hash of a key that is too long for the other forms.
pub(crate) fn hash_long(bytes: &[u8], seeds: &Seeds) -> u64 {
    let [s0, s1, s2, s3, ..] = seeds.0;
    let mut hash = bytes.len() as u64 ^ s2;
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        let wide = u128::from_le_bytes(*pair);
        hash = fold(wide as u64 ^ s0, (wide >> 64) as u64 ^ s1 ^ hash);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    let wide = u128::from_le_bytes(last);
    hash = fold(wide as u64 ^ s0, (wide >> 64) as u64 ^ s1 ^ hash);
    fold(hash ^ s3, s0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_differ_where_bytes_or_lengths_do() {
        let mut window = [0xee; WINDOW];
        for n in 0..=MID_MAX {
            let text: Vec<u8> = (0..n as u8).map(|i| i * 7).collect();
            window[..n].copy_from_slice(&text);
            let mut zeros = [0; WINDOW];
            zeros[..n].copy_from_slice(&text);
            if n <= SHORT_MAX {
                assert_eq!(ShortKey::load(&window, n), ShortKey::load(&zeros, n));
                assert_ne!(ShortKey::load(&zeros, n).tail, 0);
            } else {
                assert_eq!(MidKey::load(&window, n), MidKey::load(&zeros, n));
            }
            for at in 0..n {
                let mut other = window;
                other[at] ^= 1;
                if n <= SHORT_MAX {
                    assert_ne!(ShortKey::load(&window, n), ShortKey::load(&other, n));
                } else {
                    assert_ne!(MidKey::load(&window, n), MidKey::load(&other, n));
                }
            }
            if n > 0 && n <= SHORT_MAX {
                assert_ne!(ShortKey::load(&[0; WINDOW], n), ShortKey::load(&[0; WINDOW], n - 1));
            }
        }
        assert_eq!(ShortKey::load(&[1; WINDOW], 8), ShortKey::of_word(0x0101_0101_0101_0101));
    }

    /// Every group of bits that tables or partitions use tells keys apart.
    #[test]
    fn hashes_spread_regular_keys() {
        let seeds = Seeds::get();
        let families: [fn(u64) -> u64; 4] = [|i| i, |i| i << 32, |i| i * 1_000, |i| (i as f64).to_bits()];
        for family in families {
            for shift in [0, 26, 52] {
                let n = 4_096;
                let hit: HashSet<u64> =
                    (0..n).map(|i| ShortKey::of_word(family(i)).hash(&seeds) >> shift & 4_095).collect();
                // Balls into bins leave 1/e of them empty.
                assert!(hit.len() > 2_300, "{} of {n} at {shift}", hit.len());
            }
        }
        let longs: HashSet<u64> =
            (0..4_096).map(|i| hash_long(format!("{i:0>40}").as_bytes(), &seeds) & 4_095).collect();
        assert!(longs.len() > 2_300);
    }
}
