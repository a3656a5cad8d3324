//! Which vector instructions this machine has, found once.
//!
//! Kernels take a [`SimdLevel`] and may rely on it: a level that the machine lacks cannot be made.

use std::sync::OnceLock;

/// A set of instructions that kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimdLevel(Instructions);

/// What a [`SimdLevel`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Instructions {
    /// What every machine of the target architecture has.
    Baseline,
    /// AVX2, BMI1 and 2, LZCNT, POPCNT and PCLMULQDQ.
    Avx2,
    /// AVX-512 F, BW, CD, DQ, VL, VBMI and VBMI2 on top of those.
    Avx512,
}

impl SimdLevel {
    /// The best level of this machine.
    pub fn detect() -> Self {
        static BEST: OnceLock<SimdLevel> = OnceLock::new();
        *BEST.get_or_init(|| SimdLevel(best()))
    }

    /// The level without optional instructions.
    pub const fn baseline() -> Self {
        SimdLevel(Instructions::Baseline)
    }

    /// Every level of this machine, the plainest first.
    pub fn available() -> Vec<Self> {
        [Instructions::Baseline, Instructions::Avx2, Instructions::Avx512]
            .into_iter()
            .filter(|&i| i <= SimdLevel::detect().0)
            .map(SimdLevel)
            .collect()
    }

    /// What the machine is known to have.
    pub(crate) fn instructions(self) -> Instructions {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
fn best() -> Instructions {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2");
    match (avx2, avx512) {
        (_, true) => Instructions::Avx512,
        (true, false) => Instructions::Avx2,
        (false, false) => Instructions::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> Instructions {
    Instructions::Baseline
}
