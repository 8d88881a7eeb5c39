//! Where a server keeps its files.

use std::path::Path;

use rustix::fs::statvfs;
use tempfile::TempDir;

/// Each step of a quorum queue is synced. In memory that is done at once, so brokers side by side do not wait for one disk.
const MEMORY: &str = "/dev/shm";
/// Containers often have 64 MiB there.
const ENOUGH_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Makes one in memory where there is room, for tests, which ask nothing of a broker that its machine must survive.
pub fn in_memory() -> TempDir {
    match free_bytes(Path::new(MEMORY)) {
        Some(bytes) if bytes >= ENOUGH_BYTES => {
            TempDir::new_in(MEMORY).unwrap_or_else(|_| on_disk())
        }
        _ => on_disk(),
    }
}

/// Makes one on the disk, whose cost belongs to what a benchmark measures.
pub fn on_disk() -> TempDir {
    TempDir::new().expect("a temporary folder can be made")
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let room = statvfs(folder).ok()?;
    Some(room.f_bavail * room.f_frsize)
}
