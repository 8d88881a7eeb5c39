//! Below a folder, without following a link: each part is opened in the one
//! before, so that nothing can be put in its place meanwhile.

use std::{fs::File, io, path};

use object_store::path::Path;
use rustix::fs::{Mode, OFlags, open, openat};

pub fn open_below(folder: &path::Path, path: &Path) -> io::Result<File> {
    let mut parts: Vec<_> = path.parts().collect();
    let name = parts.pop().ok_or(io::ErrorKind::IsADirectory)?;
    let folders = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = open(folder, folders, Mode::empty())?;
    for part in parts {
        at = openat(
            &at,
            part.as_ref(),
            folders | OFlags::NOFOLLOW,
            Mode::empty(),
        )?;
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

/// For writing, which is done by the path.
pub fn has_no_links(folder: &path::Path, path: &Path) -> io::Result<()> {
    let mut at = folder.to_owned();
    for part in path.parts() {
        at.push(part.as_ref());
        match at.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "it is behind a link",
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
