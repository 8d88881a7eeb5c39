//! A file or object that is being read: as a whole, or a part of it. An object
//! that is replaced meanwhile fails, instead of being half of each.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::{TryStreamExt, future::BoxFuture};
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, path::Path};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use super::{blocking, failed};

#[derive(Clone, Debug)]
pub struct Opened {
    bytes: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    File(Arc<File>),
    Object(Object),
}

#[derive(Clone, Debug)]
struct Object {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    e_tag: Option<String>,
}

impl Object {
    /// Gets all of it, or a part. Fails where it is another one by now.
    async fn get(&self, range: Option<GetRange>) -> io::Result<GetResult> {
        let options = GetOptions {
            if_match: self.e_tag.clone(),
            range,
            ..GetOptions::default()
        };
        let found = self.objects.get_opts(&self.path, options).await;
        found.map_err(failed)
    }
}

impl Opened {
    pub(super) fn file(file: File) -> io::Result<Self> {
        Ok(Self {
            bytes: file.metadata()?.len(),
            what: What::File(file.into()),
        })
    }

    pub(super) async fn object(objects: Arc<dyn ObjectStore>, path: Path) -> io::Result<Self> {
        let meta = objects.head(&path).await.map_err(failed)?;
        let object = Object {
            objects,
            path,
            e_tag: meta.e_tag,
        };
        Ok(Self {
            bytes: meta.size,
            what: What::Object(object),
        })
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn reader<'a>(&'a self) -> BoxFuture<'a, io::Result<Pin<Box<dyn AsyncRead + Send>>>> {
        Box::pin(async move {
            match &self.what {
                What::File(file) => {
                    let file = tokio::fs::File::from_std(file.try_clone()?);
                    Ok(Box::pin(file) as Pin<Box<dyn AsyncRead + Send>>)
                }
                What::Object(object) => {
                    let found = object.get(None).await?;
                    let reader = StreamReader::new(found.into_stream().map_err(failed));
                    Ok(Box::pin(reader) as Pin<Box<dyn AsyncRead + Send>>)
                }
            }
        })
    }

    pub fn range<'a>(&'a self, range: Range<u64>) -> BoxFuture<'a, io::Result<Bytes>> {
        Box::pin(async move {
            match &self.what {
                What::File(file) => {
                    let file = file.clone();
                    blocking(move || {
                        let mut bytes = vec![0; (range.end - range.start) as usize];
                        file.read_exact_at(&mut bytes, range.start)?;
                        Ok(bytes.into())
                    })
                    .await
                }
                What::Object(object) => {
                    let found = object.get(Some(GetRange::Bounded(range))).await?;
                    found.bytes().await.map_err(failed)
                }
            }
        })
    }
}
