//! What is allocated at most, by crates and C libraries alike: AddressSanitizer sees them all.

use std::{
    ffi::{c_int, c_void},
    sync::{
        Once,
        atomic::{AtomicIsize, Ordering::Relaxed},
    },
};

// Below zero where what was there before the hooks is freed.
static HELD_BYTES: AtomicIsize = AtomicIsize::new(0);
static PEAK_BYTES: AtomicIsize = AtomicIsize::new(0);

unsafe extern "C" {
    fn __sanitizer_install_malloc_and_free_hooks(
        malloc: extern "C" fn(*const c_void, usize),
        free: extern "C" fn(*const c_void),
    ) -> c_int;
    safe fn __sanitizer_get_allocated_size(piece: *const c_void) -> usize;
}

extern "C" fn allocated(_: *const c_void, bytes: usize) {
    let bytes = bytes as isize;
    PEAK_BYTES.fetch_max(HELD_BYTES.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

extern "C" fn freed(piece: *const c_void) {
    HELD_BYTES.fetch_sub(__sanitizer_get_allocated_size(piece) as isize, Relaxed);
}

/// The result of `work`, and how far memory rose above what was held before.
pub fn peak_bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    static HOOKS: Once = Once::new();
    // SAFETY: both are there as long as the program is, and allocate nothing.
    HOOKS.call_once(|| {
        assert_ne!(
            unsafe { __sanitizer_install_malloc_and_free_hooks(allocated, freed) },
            0
        )
    });
    let before = HELD_BYTES.load(Relaxed);
    PEAK_BYTES.store(before, Relaxed);
    let done = work();
    (done, (PEAK_BYTES.load(Relaxed) - before) as usize)
}
