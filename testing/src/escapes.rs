//! What a process that reads files tries once a file has taken it over, and a kernel that cannot confine it. The server is
//! its parent, and runs as the same user.
#![allow(
    unsafe_code,
    reason = "the calls are made as such, since no library would make them all"
)]

use std::{collections::BTreeMap, env::consts::ARCH, io, os::unix::process::parent_id, ptr};

use libc::c_long;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Ways out of a process, by the system call that they begin with.
pub const WAYS: &[&str] = &[
    "clone",
    "clone3",
    "connect",
    "execve",
    "fork",
    "io_uring_setup",
    "kill",
    "memfd_create",
    "open",
    "openat",
    "pidfd_open",
    "prctl to outlive the server",
    "prlimit of the server",
    "prlimit to set",
    "process_vm_readv",
    "ptrace",
    "socket",
    "tgkill",
];

/// The error of a call that the filter refuses.
pub const REFUSED: i32 = libc::EPERM;

/// Tries one of them and returns the number of the system's error.
pub fn escape(way: &str) -> Result<(), i32> {
    let server = c_long::from(parent_id() as i32);
    let mut old = [0_u64; 2];
    let limit = [0_u64; 2];
    // SAFETY: the calls are refused; were they not, they get no pointers but those of values that live as long as they do.
    let done = unsafe {
        match way {
            "clone" => libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0),
            "clone3" => libc::syscall(libc::SYS_clone3, ptr::null::<u8>(), 0),
            "connect" => libc::syscall(libc::SYS_connect, 0, ptr::null::<u8>(), 0),
            "execve" => libc::syscall(libc::SYS_execve, c"/bin/true".as_ptr(), 0, 0),
            "fork" => fork(),
            "io_uring_setup" => libc::syscall(libc::SYS_io_uring_setup, 1, ptr::null::<u8>()),
            "kill" => libc::syscall(libc::SYS_kill, server, 0),
            "memfd_create" => libc::syscall(libc::SYS_memfd_create, c"x".as_ptr(), 0),
            "open" => open(),
            "openat" => libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/".as_ptr(), 0),
            "pidfd_open" => libc::syscall(libc::SYS_pidfd_open, server, 0),
            "prctl to outlive the server" => {
                libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, 0, 0, 0, 0)
            }
            "prlimit of the server" => {
                let old = old.as_mut_ptr();
                libc::syscall(libc::SYS_prlimit64, server, libc::RLIMIT_CORE, 0_usize, old)
            }
            "prlimit to set" => {
                let limit = limit.as_ptr();
                libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE, limit, 0_usize)
            }
            "process_vm_readv" => libc::syscall(libc::SYS_process_vm_readv, server, 0, 0, 0, 0, 0),
            "ptrace" => libc::syscall(libc::SYS_ptrace, libc::PTRACE_SEIZE, server, 0, 0),
            "socket" => libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0),
            "tgkill" => libc::syscall(libc::SYS_tgkill, server, server, 0),
            other => panic!("unknown: {other}"),
        }
    };
    match done {
        -1 => Err(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        _ => Ok(()),
    }
}

/// Newer architectures have neither of the two, and their C libraries use the calls that are tried beside them.
#[cfg(target_arch = "x86_64")]
unsafe fn fork() -> c_long {
    // SAFETY: the caller's to say.
    unsafe { libc::syscall(libc::SYS_fork) }
}

#[cfg(target_arch = "x86_64")]
unsafe fn open() -> c_long {
    // SAFETY: the path lives for ever.
    unsafe { libc::syscall(libc::SYS_open, c"/".as_ptr(), 0) }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn fork() -> c_long {
    // SAFETY: the caller's to say.
    unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn open() -> c_long {
    // SAFETY: the path lives for ever.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/".as_ptr(), 0) }
}

/// What a kernel may lack.
#[derive(Clone, Copy, Debug)]
pub enum Lack {
    Seccomp,
    Landlock,
}

/// Makes this process one of a kernel without it.
pub fn pretend(lack: Lack) {
    let missing = match lack {
        Lack::Seccomp => libc::SYS_seccomp,
        Lack::Landlock => libc::SYS_landlock_create_ruleset,
    };
    let calls = BTreeMap::from([(missing, Vec::new())]);
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let arch = ARCH.try_into().expect("one that has filters");
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch).expect("a filter");
    let program = BpfProgram::try_from(filter).expect("compiles");
    seccompiler::apply_filter(&program).expect("applied");
}
