//! Randomness by seed for one thread, for tests: what the standard library (the order of hash maps,
//! and with it of `select!`) and `rand` draw there. Keys of `ring` stay random; nothing that can be seen
//! of a call hangs on them. Only on Linux; elsewhere the thread is as random as any.

use std::cell::RefCell;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

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
        Err(panic) => {
            eprintln!("the seed was {seed}");
            std::panic::resume_unwind(panic)
        }
    }
}

/// The next bytes of a seeded thread; `false` on any other.
#[cfg(target_os = "linux")]
fn next(bytes: &mut [u8]) -> bool {
    use rand::RngExt as _;

    let seeded = SEEDED.try_with(|seeded| {
        let mut seeded = seeded.try_borrow_mut().ok()?;
        seeded.as_mut()?.fill(bytes);
        Some(())
    });
    matches!(seeded, Ok(Some(())))
}

/// In the place of the C library's function, which is where the standard library and the crate
/// `getrandom` ask: the executable's own symbol goes before a shared library's.
///
/// # Safety
/// `buffer` must be writable for `length` bytes, as for `getrandom(2)`.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(
    buffer: *mut std::ffi::c_void,
    length: usize,
    flags: std::ffi::c_uint,
) -> isize {
    let mut bytes = vec![0; length];
    if !next(&mut bytes) {
        // SAFETY: the same arguments.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as isize };
    }
    // SAFETY: writable for so many bytes, as the caller promises, and no part of the vector.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast::<u8>(), length) };
    length as isize
}
