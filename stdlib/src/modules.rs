//! The modules of the library that are written in the language itself: `import std.geo`.
//!
//! Invariant: every module parses and checks; a test of the compiler imports all of them.

/// Name and source of every module, in order of their names.
const MODULES: &[(&str, &str)] = &[
    ("std.geo", include_str!("../flow/geo.flow")),
    ("std.stats", include_str!("../flow/stats.flow")),
    ("std.text", include_str!("../flow/text.flow")),
    ("std.url", include_str!("../flow/url.flow")),
];

/// Name and source of every module.
pub fn modules() -> &'static [(&'static str, &'static str)] {
    MODULES
}

/// The source of a module.
pub fn module(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}
