//! What large images leave behind.

/// Larger pieces of memory go back to the system as soon as they are freed.
/// Left to itself, glibc raises this threshold to 32 MiB by what is freed, and
/// keeps what lies below: a server that has once held two hundred downloads of
/// 20 MB was seen to keep half a gigabyte ever after.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_large_pieces() {
    const LARGE_BYTES: i32 = 1 << 20;
    // SAFETY: sets a number, under the allocator's own lock.
    #[allow(
        unsafe_code,
        reason = "there is no safe way to it; an environment variable would have to come before the start"
    )]
    let done = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
    if done == 0 {
        tracing::warn!("the allocator keeps large pieces for itself");
    }
}

/// Other allocators decide for themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_large_pieces() {}
