//! A file or object that is read once, as a whole.

use std::{fmt, fs::File, io, pin::Pin};

use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use super::failed;

pub struct Reading {
    /// The length that was announced; what comes may be shorter or longer.
    pub bytes: u64,
    pub reader: Pin<Box<dyn AsyncRead + Send>>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Reading {
    pub(super) fn file(file: File) -> io::Result<Self> {
        Ok(Self {
            bytes: file.metadata()?.len(),
            reader: Box::pin(tokio::fs::File::from_std(file)),
        })
    }

    pub(super) async fn object(objects: &dyn ObjectStore, path: &Path) -> io::Result<Self> {
        let found = objects.get(path).await.map_err(failed)?;
        Ok(Self {
            bytes: found.meta.size,
            reader: Box::pin(StreamReader::new(found.into_stream().map_err(failed))),
        })
    }
}
