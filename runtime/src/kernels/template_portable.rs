//! [`super::template`] in ordinary registers. It defines what the others find.

use super::structural::STRING;
use super::structural_portable::{Portable, control, equal};
use super::template::{Run, Runs};

impl Runs for Portable {
    type Run = ([u8; 64], [u8; 64], u64);
    type Differences = u8;

    #[inline(always)]
    fn run(run: &Run) -> Self::Run {
        (run.text, run.mask, run.behind)
    }

    #[inline(always)]
    fn alike() -> u8 {
        0
    }

    #[inline(always)]
    fn compare(text: &[u8; 64], (run, mask, _): Self::Run, differences: &mut u8) {
        for ((a, b), m) in text.iter().zip(run).zip(mask) {
            *differences |= (a ^ b) & m;
        }
    }

    #[inline(always)]
    fn compare_string(text: &[u8; 64], run: Self::Run, differences: &mut u8) -> u64 {
        Self::compare(text, run, differences);
        (equal(text, STRING) | equal(text, b'\\') | control(text)) & run.2
    }

    #[inline(always)]
    fn differ(differences: u8) -> bool {
        differences != 0
    }

    #[inline(always)]
    fn line_ends(block: &[u8; 64], seen: &mut u8) -> u64 {
        *seen |= block.iter().fold(0, |all, b| all | b);
        equal(block, b'\n')
    }
}
