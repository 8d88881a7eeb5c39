//! Below a folder, without following a link: each part is opened in the one
//! before, so that nothing can be put in its place meanwhile.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
    path,
};

use object_store::path::{Path, PathPart};
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, fsync, linkat, mkdirat, open, openat, statat, unlinkat},
    io::Errno,
};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

pub fn open_below(folder: &path::Path, path: &Path) -> io::Result<File> {
    let (folders, name) = split(path)?;
    let mut at = open_root(folder)?;
    for part in &folders {
        at = openat(&at, part.as_ref(), FOLDER, Mode::empty())?;
    }
    // A pipe without a writer must not keep anybody waiting.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(&at, name.as_ref(), flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no file"))
    }
}

/// Returns whether something of this name is there.
pub fn has_below(folder: &path::Path, path: &Path) -> io::Result<bool> {
    let (folders, name) = split(path)?;
    let mut at = open_root(folder)?;
    for part in &folders {
        at = match open_folder(&at, part.as_ref()) {
            Err(Failed::Missing) => return Ok(false),
            other => other?,
        };
    }
    match statat(&at, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(false),
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => {
            Err(behind_a_link())
        }
        found => Ok(found.map(|_| true)?),
    }
}

/// Writes a whole file, or none. `false`: something of this name is there, and stays as it was.
pub fn put_new_below(folder: &path::Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let (folders, name) = split(path)?;
    let mut at = open_root(folder)?;
    for part in &folders {
        at = open_or_make(&at, part.as_ref())?;
    }
    // Under a name that nobody can have prepared, until it is whole.
    let draft = format!(".{}.{:016x}", name.as_ref(), rand::random::<u64>());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(&at, &draft, flags, Mode::from_raw_mode(0o666))?);
    let written = write_and_name(file, bytes, &at, &draft, name.as_ref());
    let removed = unlinkat(&at, &draft, AtFlags::empty());
    let is_new = written?;
    removed?;
    fsync(&at)?;
    Ok(is_new)
}

fn write_and_name(
    mut file: File,
    bytes: &[u8],
    at: &OwnedFd,
    draft: &str,
    name: &str,
) -> io::Result<bool> {
    file.write_all(bytes)?;
    file.sync_all()?;
    match linkat(at, draft, at, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open_or_make(at: &OwnedFd, part: &str) -> io::Result<OwnedFd> {
    match open_folder(at, part) {
        Err(Failed::Missing) => {}
        other => return Ok(other?),
    }
    match mkdirat(at, part, Mode::from_raw_mode(0o777)) {
        // Somebody else was faster, and may have made something else.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(open_folder(at, part)?)
}

/// Opens what the operator has named, links in its own path included.
fn open_root(folder: &path::Path) -> io::Result<OwnedFd> {
    Ok(open(
        folder,
        FOLDER.difference(OFlags::NOFOLLOW),
        Mode::empty(),
    )?)
}

fn split(path: &Path) -> io::Result<(Vec<PathPart<'_>>, PathPart<'_>)> {
    let mut parts: Vec<_> = path.parts().collect();
    let name = parts.pop().ok_or(io::ErrorKind::IsADirectory)?;
    Ok((parts, name))
}

/// Opens a folder. A link is refused for good: another try would meet it again. A file in its place may go away.
fn open_folder(at: &OwnedFd, part: &str) -> Result<OwnedFd, Failed> {
    openat(at, part, FOLDER, Mode::empty()).map_err(|error| match error {
        Errno::NOENT => Failed::Missing,
        Errno::LOOP | Errno::NOTDIR if is_link(at, part) => Failed::Io(behind_a_link()),
        error => Failed::Io(error.into()),
    })
}

fn is_link(at: &OwnedFd, part: &str) -> bool {
    let found = statat(at, part, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

fn behind_a_link() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "it is behind a link")
}

/// Why a folder was not opened.
enum Failed {
    Missing,
    Io(io::Error),
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Missing => Errno::NOENT.into(),
            Failed::Io(error) => error,
        }
    }
}
