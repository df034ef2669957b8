/// So many pools of memory for all threads together.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const POOLS: libc::c_int = 2;

/// Has all threads share two pools of memory, where glibc would give each of sixteen its own: what one
/// thread frees serves the others then, and a hundred calls need no more than ten. For the first line
/// of a program.
pub fn share_memory_pools() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time from any thread.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, POOLS);
    }
}

/// Gives the memory that a call has used back to the system, some 12 MB that glibc would keep for the
/// next one. Takes about a millisecond.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Does so when dropped: as the last field of what holds much, after all the others.
#[derive(Debug)]
pub struct MemoryReturn;

impl Drop for MemoryReturn {
    fn drop(&mut self) {
        give_back_memory();
    }
}
