//! ALSA's library writes its complaints on stderr, many lines for one missing card, and gives them
//! back as errors as well. Only the errors are of use to anybody.

use std::ffi::{c_char, c_int};
use std::sync::Once;

type Fixed = unsafe extern "C" fn(*const c_char, c_int, *const c_char, c_int, *const c_char);
type Variadic =
    unsafe extern "C" fn(*const c_char, c_int, *const c_char, c_int, *const c_char, ...);

unsafe extern "C" fn say_nothing(
    _file: *const c_char,
    _line: c_int,
    _function: *const c_char,
    _error: c_int,
    _format: *const c_char,
) {
}

/// Keeps ALSA's library from writing on stderr.
pub(super) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: ALSA wants a function with variable arguments, which Rust cannot define. In C's
        // calling conventions on Linux the caller passes and removes the variable ones, so that a
        // function which ignores them may be called so; the named ones are of the same types.
        let handler = unsafe { std::mem::transmute::<Fixed, Variadic>(say_nothing) };
        // SAFETY: the handler touches nothing and lives as long as the program.
        let code = unsafe { alsa_sys::snd_lib_error_set_handler(Some(handler)) };
        if code < 0 {
            tracing::debug!(code, "ALSA goes on complaining");
        }
    });
}
