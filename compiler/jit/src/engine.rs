//! Which engine computes, and the one description of the host's processor all kernels share.
//!
//! Creating the target description costs more than compiling a small kernel, so it is made once a
//! process, on first use.

use crate::error::JitError;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use std::sync::OnceLock;

/// How expressions are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Native loops and vector functions, with the interpreter for what neither can.
    #[default]
    Jit,
    /// Everything by the reference interpreter, row by row.
    Interpreter,
}

/// What a compilation is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The engine.
    pub engine: Engine,
    /// Keep the text of the generated code, for `explain`.
    pub text: bool,
}

impl From<Engine> for Options {
    fn from(engine: Engine) -> Self {
        Options { engine, text: false }
    }
}

/// The processor code is generated for.
pub(crate) struct Host {
    /// Cranelift's view of it.
    pub(crate) isa: OwnedTargetIsa,
    /// Whether rounding instructions exist. Without them Cranelift would emit a library call.
    pub(crate) has_rounding: bool,
}

/// The host's description, or why nothing can be compiled for it.
pub(crate) fn host() -> Result<&'static Host, JitError> {
    static HOST: OnceLock<Result<Host, JitError>> = OnceLock::new();
    #[cfg(test)]
    if baseline::BASELINE.get() {
        return baseline::host();
    }
    HOST.get_or_init(|| describe_host(true)).as_ref().map_err(Clone::clone)
}

/// Describes this processor, or without `extensions` the oldest of its architecture.
fn describe_host(extensions: bool) -> Result<Host, JitError> {
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("enable_verifier", verify),
        // Both are what cranelift-jit asks for: code lies wherever the system put it.
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        // Kernels neither unwind nor have frames worth probing.
        ("unwind_info", "false"),
        ("enable_probestack", "false"),
    ] {
        flags.set(name, value).map_err(|e| JitError::Host(e.to_string()))?;
    }
    let builder =
        cranelift_native::builder_with_options(extensions).map_err(|e| JitError::Host(e.to_owned()))?;
    let isa = builder.finish(settings::Flags::new(flags)).map_err(|e| JitError::Host(e.to_string()))?;
    let has_rounding = !cfg!(target_arch = "x86_64")
        || isa.isa_flags().iter().any(|f| f.name == "has_sse41" && f.as_bool() == Some(true));
    Ok(Host { isa, has_rounding })
}

/// Lets tests generate code for the oldest processor of the architecture.
#[cfg(test)]
pub(crate) mod baseline {
    use super::{Host, JitError, OnceLock, describe_host};
    use std::cell::Cell;

    thread_local! {
        /// Whether this thread does.
        pub(crate) static BASELINE: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn host() -> Result<&'static Host, JitError> {
        static HOST: OnceLock<Result<Host, JitError>> = OnceLock::new();
        HOST.get_or_init(|| describe_host(false)).as_ref().map_err(Clone::clone)
    }
}
