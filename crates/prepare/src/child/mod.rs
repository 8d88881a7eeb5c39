//! A decoding process: one file in, a tile's pixels out, for as long as the server
//! asks. Whatever a file does to it, only this process and this job suffer.

use std::{
    fs::File,
    io::{self, IoSlice, Read, Write},
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
};

use common::{model::TileSpec, process::confine};

use crate::{
    Limits, codecs,
    protocol::{self, Decoded, Reply, Request},
};

/// Decodes one file; [`crate::picture`], or what a test puts in its place.
pub type Decode = fn(&[u8], &[TileSpec], &Limits) -> Decoded;

/// Serves on standard input and output until the server closes them.
/// `memory_bytes`: what the process may map beside its own code.
pub fn run(memory_bytes: u64, decode: Decode) -> io::Result<()> {
    // Not the standard library's output, which looks for ends of lines and cuts an answer there.
    let mut answers = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    // Whoever is confined opens no library.
    codecs::loaded();
    confine(memory_bytes).tell(&mut answers)?;
    // What the library of threads keeps for the first use would come too late.
    let mut requests = io::stdin().lock();
    while let Some(request) = next(&mut requests)? {
        // At once: grown as it comes, a large file would be copied several times.
        let mut file = vec![0; request.file_bytes as usize];
        match requests.read_exact(&mut file) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        send(&mut answers, &answer(&file, &request, decode))?;
    }
    Ok(())
}

/// Both in one call: the first would wake the server, only to let it wait for the second.
fn send(answers: &mut File, reply: &Reply) -> io::Result<()> {
    let head = protocol::encode(reply)?;
    let pixels: &[u8] = match reply {
        Reply::Done(Ok(picture)) => &picture.rgb,
        Reply::Done(Err(_)) | Reply::Panicked => &[],
    };
    let written = answers.write_vectored(&[IoSlice::new(&head), IoSlice::new(pixels)])?;
    answers.write_all(&head[written.min(head.len())..])?;
    answers.write_all(&pixels[written.saturating_sub(head.len())..])
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

fn answer(file: &[u8], request: &Request, decode: Decode) -> Reply {
    // The panic hook tells on standard error what happened.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        decode(file, &request.specs, &request.limits)
    }));
    decoded.map_or(Reply::Panicked, Reply::Done)
}
