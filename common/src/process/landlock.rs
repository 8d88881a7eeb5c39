//! Landlock, the second fence beside the filter of system calls: where a call gets through, the kernel still opens no
//! file, binds and connects no port, and delivers no signal to another process.

#[cfg(target_os = "linux")]
pub use linux::restrict;

/// By raw calls: nothing is excepted, so three of them are all that it takes.
#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "neither the standard library nor rustix has these calls"
)]
mod linux {
    use std::{
        io,
        mem::size_of,
        os::fd::{AsRawFd, FromRawFd, OwnedFd},
        ptr,
    };

    /// `LANDLOCK_CREATE_RULESET_VERSION`.
    const VERSION: u32 = 1;

    /// `struct landlock_ruleset_attr`: what is refused. A kernel that knows fewer fields takes zeros for the others.
    #[repr(C)]
    struct Handled {
        files: u64,
        ports: u64,
        scopes: u64,
    }

    impl Handled {
        /// Everything that this version of Landlock can refuse: its rights are the lowest bits, and become more.
        fn everything(version: i64) -> Self {
            let files = match version {
                1 => 13,
                2 => 14,
                3 | 4 => 15,
                _ => 16,
            };
            let ports = if version >= 4 { 2 } else { 0 };
            let scopes = if version >= 6 { 2 } else { 0 };
            Self {
                files: lowest(files),
                ports: lowest(ports),
                scopes: lowest(scopes),
            }
        }
    }

    fn lowest(bits: u32) -> u64 {
        (1 << bits) - 1
    }

    /// Restricts the thread that calls it, and what it starts, for ever.
    pub fn restrict() -> io::Result<()> {
        let rules = ruleset(&Handled::everything(version()?))?;
        // SAFETY: neither call takes a pointer, and the file descriptor is open.
        unsafe {
            tried(i64::from(libc::prctl(
                libc::PR_SET_NO_NEW_PRIVS,
                1,
                0,
                0,
                0,
            )))?;
            tried(libc::syscall(
                libc::SYS_landlock_restrict_self,
                rules.as_raw_fd(),
                0,
            ))?;
        }
        Ok(())
    }

    fn version() -> io::Result<i64> {
        // SAFETY: with this flag the call reads no attributes.
        let version = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                ptr::null::<Handled>(),
                0_usize,
                VERSION,
            )
        };
        tried(version)
    }

    /// Without a rule in it: nothing is excepted.
    fn ruleset(handled: &Handled) -> io::Result<OwnedFd> {
        // SAFETY: the pointer is to so many bytes of the kernel's own layout; what comes back is a new descriptor.
        unsafe {
            let fd = tried(libc::syscall(
                libc::SYS_landlock_create_ruleset,
                ptr::from_ref(handled),
                size_of::<Handled>(),
                0,
            ))?;
            Ok(OwnedFd::from_raw_fd(fd as i32))
        }
    }

    fn tried(result: i64) -> io::Result<i64> {
        match result {
            -1 => Err(io::Error::last_os_error()),
            done => Ok(done),
        }
    }

    #[cfg(test)]
    mod tests {
        use std::{fs::File, net::TcpListener, net::TcpStream, thread};

        use super::*;

        #[test]
        fn without_the_filter_too_nothing_is_opened_and_nobody_connected_to() {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("bound");
            let tried = thread::spawn(move || {
                restrict()?;
                let opened = File::open("/proc/self/status").err();
                let connected = TcpStream::connect(address).err();
                let refusals = [opened, connected];
                Ok(refusals.map(|error| error.map(|error| error.kind())))
            });
            let outcome: io::Result<_> = tried.join().expect("no panic");
            match (version(), outcome) {
                (Ok(version), Ok([opened, connected])) => {
                    assert_eq!(opened, Some(io::ErrorKind::PermissionDenied));
                    let refuses_ports = version >= 4;
                    assert_eq!(
                        connected == Some(io::ErrorKind::PermissionDenied),
                        refuses_ports
                    );
                }
                (Err(_), outcome) => assert!(outcome.is_err(), "there is no Landlock"),
                (Ok(version), Err(error)) => panic!("version {version}: {error}"),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn restrict() -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
