//! The end of a process whose threads may still compute.

use std::{
    fmt::Debug,
    io::{self, Write},
    process::ExitCode,
};

/// Ends the process with what it came to, at once. A return from `main` would first have the engines' libraries destroy what is
/// theirs, while a thread is still in one of them: a model that is just being loaded cannot be called back.
#[allow(
    unsafe_code,
    reason = "the standard library's ways all run what was left for the end"
)]
pub fn end<E: Debug>(came_to: Result<ExitCode, E>) -> ! {
    let code = match came_to {
        Ok(code) if code == ExitCode::SUCCESS => 0,
        Ok(_) => 1,
        Err(error) => {
            eprintln!("Error: {error:?}");
            1
        }
    };
    // Whoever reads it has gone, or it is written.
    let _ = io::stdout().flush();
    // SAFETY: it takes a number and returns never.
    unsafe { libc::_exit(code) }
}
