//! A decoding process: one file in, one tile out, for as long as the server
//! asks. Whatever a file does to it, only this process and this job suffer.

mod confine;

pub use confine::confine;

use std::{
    io::{self, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use common::{
    fault::{Code, Fault},
    model::TileSpec,
};

use crate::{
    Limits, Prepared, fault,
    protocol::{self, Request, Response},
};

/// Decodes one file; [`crate::tile`], or what a test puts in its place.
pub type Decode = fn(&[u8], TileSpec, &Limits) -> Response;

/// Serves on standard input and output until the server closes them.
/// `memory_bytes`: what the process may map beside its own code.
pub fn run(memory_bytes: u64, decode: Decode) -> io::Result<()> {
    confine(memory_bytes);
    // What the library of threads keeps for the first use would come too late.
    let (mut requests, mut answers) = (io::stdin().lock(), io::stdout().lock());
    while let Some(request) = next(&mut requests)? {
        let mut file = Vec::new();
        requests.by_ref().take(request.file_bytes).read_to_end(&mut file)?;
        if file.len() as u64 != request.file_bytes {
            return Ok(());
        }
        answers.write_all(&protocol::encode(&answer(&file, &request, decode))?)?;
        answers.flush()?;
    }
    Ok(())
}

/// Nothing once the server has closed the pipe.
fn next(requests: &mut impl Read) -> io::Result<Option<Request>> {
    let mut prefix = [0; 4];
    match requests.read_exact(&mut prefix) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; protocol::length(prefix)?];
    requests.read_exact(&mut body)?;
    protocol::decode(&body).map(Some)
}

fn answer(file: &[u8], request: &Request, decode: Decode) -> Result<Prepared, Fault> {
    // The panic hook tells on standard error what happened.
    catch_unwind(AssertUnwindSafe(|| decode(file, request.spec, &request.limits)))
        .unwrap_or_else(|_| Err(fault(Code::ImageInvalid, "The image cannot be decoded.")))
}
