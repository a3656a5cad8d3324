//! Random programs and broken input, from seeds.
//!
//! Ordinary test runs try a few hundred; `FLOWC_PROGRAMS`, `FLOWC_MUTATIONS` and `FLOWC_SEED` ask for more
//! (CONTRIBUTING.md has the commands). What fails is made small and printed with its data.

mod broken_cache;
mod broken_data;
mod coverage;
mod data;
mod expression;
mod generated;
mod mutate;
mod mutated;
mod outcome;
mod program;
mod random;
mod shrink;
mod sound_plans;
mod stages;
mod templates;

/// A number that an environment variable gives, or another one.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(otherwise)
}
