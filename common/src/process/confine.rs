//! What a decoding process gives up before it sees its first file: memory
//! beyond its share, files, the network, other programs.

use rustix::process::{Resource, Rlimit, setrlimit};
#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};

use super::{confinement::Confinement, filter, landlock};

/// Stacks, tables and what the allocator holds back.
const OVERHEAD_BYTES: u64 = 128 << 20;

/// Does what this system can, and returns what is missing.
pub fn confine(memory_bytes: u64) -> Confinement {
    if let Err(why) = limit_all(memory_bytes) {
        return Confinement::Missing(why);
    }
    // The filter comes last: it refuses what the others need.
    let fenced = landlock::restrict();
    if let Err(error) = filter::restrict() {
        return Confinement::Missing(format!("no filter of system calls: {error}"));
    }
    match fenced {
        Ok(()) => Confinement::Full,
        Err(error) => Confinement::WithoutLandlock(error.to_string()),
    }
}

fn limit_all(memory_bytes: u64) -> Result<(), String> {
    let most = mapped_bytes()
        .saturating_add(memory_bytes)
        .saturating_add(OVERHEAD_BYTES);
    limit(Resource::As, most)?;
    // Not 0, which stops no core that goes through a pipe to a program, systemd-coredump say: each file that aborts its
    // decoder would keep that busy. The kernel stops at 1 there, and to a file, a byte is too little for a core as well.
    limit(Resource::Core, 1)?;
    limit(Resource::Fsize, 0)?;
    end_with_parent()
}

/// A server that is killed leaves no decoder behind, whatever file keeps it busy.
fn end_with_parent() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("it may outlive its server: {error}"))?;
    Ok(())
}

/// Returns what the program itself takes of the address space, large libraries included.
fn mapped_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = pages
        .split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

fn limit(resource: Resource, most: u64) -> Result<(), String> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(resource, limit).map_err(|error| format!("no limit of {resource:?}: {error}"))
}
