//! Randomness by seed for one thread, for tests on Linux: what the standard library (the order of hash
//! maps, and with it of `select!`) and `rand` draw there. Keys of `ring` stay random; nothing that can
//! be seen of a call hangs on them.

use std::cell::RefCell;
use std::ffi::{c_uint, c_void};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

thread_local! {
    static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// Runs `work` on a new thread on which nothing is random but by `seed`: the thread is new because
/// what a thread has drawn already (the keys of its hash maps, `rand::rng()`) stays with it.
///
/// # Panics
/// If `work` does.
pub(crate) fn on_a_thread<T: Send + 'static>(
    seed: u64,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let seeded = move || {
        SEEDED.set(Some(StdRng::seed_from_u64(seed)));
        let done = work();
        SEEDED.set(None);
        done
    };
    match std::thread::spawn(seeded).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// In the place of the C library's function, which is where the standard library and the crate
/// `getrandom` ask: the executable's own symbol goes before a shared library's.
///
/// # Safety
/// `buffer` must be writable for `length` bytes, as for `getrandom(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    let seeded = SEEDED.try_with(|seeded| {
        let mut seeded = seeded.try_borrow_mut().ok()?;
        let random = seeded.as_mut()?;
        if length > 0 {
            // SAFETY: as the caller promises.
            let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
            random.fill(bytes);
        }
        Some(length as isize)
    });
    match seeded {
        Ok(Some(count)) => count,
        // SAFETY: the same arguments.
        _ => unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as isize },
    }
}
