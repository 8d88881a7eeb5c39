//! The filter of system calls (seccomp) of a process that reads foreign files.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub use linux::restrict;

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod linux {
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
pub fn restrict() -> Result<(), &'static str> {
    Err("there is none for this system")
}
