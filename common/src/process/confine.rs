//! What a decoding process gives up before it sees its first file: memory
//! beyond its share, files, the network, other programs.

use rustix::process::{Resource, Rlimit, setrlimit};
#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};

/// Stacks, tables and what the allocator holds back.
const OVERHEAD_BYTES: u64 = 128 << 20;

/// Does what this system can, and says what it cannot: a decoder that is less
/// confined is still a process of its own.
pub fn confine(memory_bytes: u64) {
    let most = mapped_bytes()
        .saturating_add(memory_bytes)
        .saturating_add(OVERHEAD_BYTES);
    limit(Resource::As, most);
    // Not 0, which stops no core that goes through a pipe to a program, systemd-coredump say: each file that aborts its
    // decoder would keep that busy. The kernel stops at 1 there, and to a file, a byte is too little for a core as well.
    limit(Resource::Core, 1);
    limit(Resource::Fsize, 0);
    end_with_parent();
    if let Err(error) = syscalls::restrict() {
        eprintln!("this decoder runs without a system call filter: {error}");
    }
}

/// A server that is killed leaves no decoder behind, whatever file keeps it busy.
fn end_with_parent() {
    #[cfg(target_os = "linux")]
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        eprintln!("this decoder may outlive its server: {error}");
    }
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

fn limit(resource: Resource, most: u64) {
    if let Err(error) = setrlimit(
        resource,
        Rlimit {
            current: Some(most),
            maximum: Some(most),
        },
    ) {
        eprintln!("this decoder runs without its limit of {resource:?}: {error}");
    }
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod syscalls {
    use std::{collections::BTreeMap, env::consts::ARCH};

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    /// Reading and writing what is open, memory, time, and ending. Nothing
    /// that opens, connects, or starts.
    const ALLOWED: &[i64] = &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_restart_syscall,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// Calls that name a process may name this one alone: the server runs as the same user. The first argument of each is
    /// the process, and 0 is whoever asks.
    fn of_this_process() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::Error> {
        let own = rustix::process::getpid().as_raw_nonzero().get() as u64;
        let is =
            |process| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, process);
        let read_only = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
        Ok(vec![
            (libc::SYS_tgkill, vec![SeccompRule::new(vec![is(own)?])?]),
            (
                libc::SYS_prlimit64,
                vec![SeccompRule::new(vec![is(0)?, read_only])?],
            ),
        ])
    }

    /// Refused calls fail as if not permitted: a library that can do without goes on.
    pub fn restrict() -> Result<(), seccompiler::Error> {
        let mut rules: BTreeMap<_, _> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        rules.extend(of_this_process()?);
        let refuse = SeccompAction::Errno(libc::EPERM as u32);
        let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, ARCH.try_into()?)?;
        seccompiler::apply_filter(&BpfProgram::try_from(filter)?)
    }
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod syscalls {
    pub fn restrict() -> Result<(), &'static str> {
        Err("there is none for this system")
    }
}
