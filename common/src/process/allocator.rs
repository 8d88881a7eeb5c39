//! Memory that large images, and many, leave behind goes back to the system.

use std::time::Duration;

use glibc::give_back_free_pages;
pub use glibc::{begin_with_few_arenas, give_back_large_pieces};

/// A busy moment is over long before.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Has pages that lie free between used ones go back to the system, too. For ever, and beside the async threads: it
/// takes milliseconds.
pub async fn keep_giving_back() {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let _ = tokio::task::spawn_blocking(give_back_free_pages).await;
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(
    unsafe_code,
    reason = "there is no safe way to it; an environment variable would have to come before the start"
)]
mod glibc {
    use std::{ffi::c_int, thread::available_parallelism};

    /// Larger pieces of memory go back to the system as soon as they are freed.
    /// Left to itself, glibc raises this threshold to 32 MiB by what is freed, and
    /// keeps what lies below: a server that has once held two hundred downloads of
    /// 20 MB was seen to keep half a gigabyte ever after.
    pub fn give_back_large_pieces() {
        set(libc::M_MMAP_THRESHOLD, 1 << 20);
        // Setting the one pins the other at 128 KiB: less than one tile's pixels, whose pages were taken and given back with
        // each picture.
        set(libc::M_TRIM_THRESHOLD, 8 << 20);
    }

    /// One arena for two cores, two at the least. Left to itself, glibc makes eight for each core as threads come, and
    /// each keeps what its busiest moment took. Before the threads: what is there stays.
    pub fn begin_with_few_arenas() {
        let cores = available_parallelism().map_or(1, usize::from);
        set(libc::M_ARENA_MAX, (cores / 2).max(2) as c_int);
    }

    /// Less is soon used again.
    const MUCH_BYTES: usize = 32 << 20;

    pub(super) fn give_back_free_pages() {
        // SAFETY: both look at the allocator's own lists, under its own locks.
        unsafe {
            if libc::mallinfo2().fordblks > MUCH_BYTES {
                libc::malloc_trim(0);
            }
        }
    }

    fn set(what: c_int, value: c_int) {
        // SAFETY: sets a number, under the allocator's own lock.
        if unsafe { libc::mallopt(what, value) } == 0 {
            tracing::warn!(
                what,
                "the allocator does not take a setting and may keep more memory"
            );
        }
    }
}

/// Other allocators decide for themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod glibc {
    pub fn give_back_large_pieces() {}
    pub fn begin_with_few_arenas() {}
    pub(super) fn give_back_free_pages() {}
}
