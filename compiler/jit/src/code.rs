//! Executable code: compiled, made executable, and freed with its last user.
//!
//! Memory is written first and made readable and executable after, never both at once. A function
//! that would call anything is refused, so that no symbol is ever looked up in the process.
#![allow(unsafe_code, reason = "turns an address into a function and frees code memory")]

use crate::describe::KernelText;
use crate::engine::Host;
use crate::error::JitError;
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most machine code one kernel may have.
pub(crate) const CODE_BYTES_MAX: usize = 1 << 20;

/// A kernel's entry: takes a pointer to its call record (see `abi`).
pub(crate) type Entry = unsafe extern "C" fn(*mut c_void) -> u64;

/// One compiled function and the memory it lies in.
pub(crate) struct Code {
    entry: Entry,
    /// Only touched on drop; the mutex makes `Code` shareable, as a module is `Send` but not `Sync`.
    module: Mutex<Option<JITModule>>,
    text: Option<KernelText>,
    compile_time: Duration,
}

impl Code {
    /// Compiles one function of type `fn(pointer) -> u64`, whose body `build` emits.
    pub(crate) fn compile(
        host: &Host,
        name: &str,
        want_text: bool,
        build: impl FnOnce(&mut FunctionBuilder<'_>),
    ) -> Result<Code, JitError> {
        let start = Instant::now();
        let pointer = host.isa.pointer_type();
        let mut signature = Signature::new(host.isa.default_call_conv());
        signature.params.push(AbiParam::new(pointer));
        signature.returns.push(AbiParam::new(types::I64));

        let mut context =
            Context::for_function(Function::with_name_signature(UserFuncName::user(0, 0), signature.clone()));
        context.set_disasm(want_text);
        let mut builder_context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut builder_context);
        build(&mut builder);
        builder.seal_all_blocks();
        builder.finalize(host.isa.frontend_config());

        let clif = want_text.then(|| context.func.display().to_string());
        let compiled = context
            .compile(&*host.isa, &mut ControlPlane::default())
            .map_err(|e| JitError::Codegen(format!("{:?}", e.inner)))?;
        let bytes = compiled.code_buffer();
        if bytes.len() > CODE_BYTES_MAX {
            return Err(JitError::TooLarge(bytes.len()));
        }
        if !compiled.buffer.relocs().is_empty() {
            return Err(JitError::Codegen("the function refers to a symbol".to_owned()));
        }
        let text = clif.map(|clif| KernelText {
            name: name.to_owned(),
            clif,
            assembler: compiled.vcode.clone().unwrap_or_default(),
            bytes: bytes.len(),
        });
        let alignment = u64::from(compiled.buffer.alignment);
        let (entry, module) = install(host, &signature, alignment, bytes)?;
        Ok(Code { entry, module: Mutex::new(Some(module)), text, compile_time: start.elapsed() })
    }

    /// The function. It may be called as long as `self` lives.
    pub(crate) fn entry(&self) -> Entry {
        self.entry
    }

    /// How long it took to make.
    pub(crate) fn compile_time(&self) -> Duration {
        self.compile_time
    }

    /// The texts, if they were asked for.
    pub(crate) fn text(&self) -> Option<&KernelText> {
        self.text.as_ref()
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(module) = module {
            // SAFETY: `entry` is only handed out by reference to `self` and called by `call.rs`
            // while it borrows `self`, so no call is running and none can follow.
            unsafe { module.free_memory() };
        }
    }
}

/// Copies machine code into memory and makes that executable.
fn install(
    host: &Host,
    signature: &Signature,
    alignment: u64,
    bytes: &[u8],
) -> Result<(Entry, JITModule), JitError> {
    let mut module = JITModule::new(JITBuilder::with_isa(host.isa.clone(), default_libcall_names()));
    let defined = define(&mut module, signature, alignment, bytes);
    match defined {
        Ok(id) => {
            let address = module.get_finalized_function(id);
            // SAFETY: the address is that of a finalized function, which was compiled with the
            // host's C calling convention, one pointer argument and one 64-bit result.
            let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
            Ok((entry, module))
        }
        Err(error) => {
            // SAFETY: no pointer into this module's memory has left this function.
            unsafe { module.free_memory() };
            Err(error)
        }
    }
}

fn define(
    module: &mut JITModule,
    signature: &Signature,
    alignment: u64,
    bytes: &[u8],
) -> Result<FuncId, JitError> {
    #[cfg(test)]
    if refusal::REFUSED.get() {
        return Err(JitError::Memory("refused for a test".to_owned()));
    }
    let memory = |error: ModuleError| JitError::Memory(error.to_string());
    let id = module.declare_function("kernel", Linkage::Local, signature).map_err(memory)?;
    module.define_function_bytes(id, alignment, bytes, &[]).map_err(memory)?;
    module.finalize_definitions().map_err(memory)?;
    Ok(id)
}

/// Lets tests play a system that gives no executable memory.
#[cfg(test)]
pub(crate) mod refusal {
    use std::cell::Cell;

    thread_local! {
        /// Whether this thread is refused.
        pub(crate) static REFUSED: Cell<bool> = const { Cell::new(false) };
    }
}
