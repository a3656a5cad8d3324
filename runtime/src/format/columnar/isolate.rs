//! Keeps panics of the format libraries from being panics of flowc.
//!
//! The libraries check most of what a malformed file can do wrong, and panic at the rest. Nothing
//! that they hold is used again after a panic, so unwinding out of them is safe to catch. What
//! cannot be caught, an allocation that fails, is prevented by checking lengths before they are asked.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static ISOLATED: Cell<bool> = const { Cell::new(false) };
}

/// What `f` delivers, or why it could not; a panic is an error like another.
pub(super) fn isolated<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            // The panic becomes a message about the file; nobody wants to see it twice.
            if !ISOLATED.get() {
                before(panic);
            }
        }));
    });
    let nested = ISOLATED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    ISOLATED.set(nested);
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(format!("its data is malformed ({})", text.unwrap_or("no reason given")))
    })
}
