//! An object store in memory that fails when it is told to.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
};
use tokio::sync::watch;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoreFault {
    /// A write that must be new is refused (409), and nothing is stored.
    Refuses,
    /// A write that must be new is done, whatever is there.
    Overwrites,
    /// Whatever is asked (503).
    Unavailable,
    /// Every request takes so long.
    Slow(Duration),
    /// A write waits until the store is healed.
    Held,
    /// There is no room on the disk for what is to be written. What is there can be read.
    Full,
}

/// A fault, and how many more requests it meets.
#[derive(Debug)]
struct Ahead {
    fault: StoreFault,
    left: usize,
}

/// A handle; all clones lead to the same objects.
#[derive(Clone, Debug, Default)]
pub struct FaultyStore {
    objects: Arc<InMemory>,
    ahead: Arc<Mutex<Option<Ahead>>>,
    met: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    /// Hears of each change of what goes wrong.
    changed: watch::Sender<()>,
}

/// A write that is under way.
struct Write<'a>(&'a AtomicUsize);

impl<'a> Write<'a> {
    fn begin(under_way: &'a AtomicUsize) -> Self {
        under_way.fetch_add(1, Relaxed);
        Self(under_way)
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl FaultyStore {
    /// Fails from now on, until it is healed.
    pub fn fail(&self, fault: StoreFault) {
        self.fail_times(fault, usize::MAX);
    }

    /// Fails the next requests that the fault concerns.
    pub fn fail_times(&self, fault: StoreFault, times: usize) {
        self.set(Some(Ahead { fault, left: times }));
    }

    pub fn heal(&self) {
        self.set(None);
    }

    /// Requests that met a fault so far.
    pub fn met(&self) -> usize {
        self.met.load(Relaxed)
    }

    /// Writes that are under way.
    pub fn writes(&self) -> usize {
        self.writes.load(Relaxed)
    }

    /// Paths of all objects.
    pub async fn paths(&self) -> Vec<String> {
        let listed = self
            .objects
            .list(None)
            .map_ok(|meta| meta.location.to_string());
        let mut paths: Vec<_> = listed.try_collect().await.expect("memory answers");
        paths.sort();
        paths
    }

    fn set(&self, ahead: Option<Ahead>) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
        self.changed.send_replace(());
    }

    /// Returns the fault that this request meets.
    fn meet(&self, concerns: impl Fn(StoreFault) -> bool) -> Option<StoreFault> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = ahead.as_mut()?;
        if !concerns(ahead.fault) || ahead.left == 0 {
            return None;
        }
        ahead.left -= 1;
        self.met.fetch_add(1, Relaxed);
        Some(ahead.fault)
    }

    /// A request that writes nothing.
    async fn pass(&self) -> Result<()> {
        let concerns = |fault| matches!(fault, StoreFault::Unavailable | StoreFault::Slow(_));
        match self.meet(concerns) {
            Some(StoreFault::Slow(time)) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Some(_) => Err(unavailable()),
            None => Ok(()),
        }
    }

    /// What is listed, once the store has answered.
    fn answered(
        &self,
        items: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let passed = stream::once(async move { store.pass().await });
        passed
            .flat_map(move |passed| match passed {
                Ok(()) => stream::empty().boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            })
            .chain(items)
            .boxed()
    }
}

fn unavailable() -> Error {
    Error::Generic {
        store: "test",
        source: "503 Service Unavailable".into(),
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store that fails when it is told to")
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let _under_way = Write::begin(&self.writes);
        // Before the fault is met, so that no change is missed.
        let mut changed = self.changed.subscribe();
        match self.meet(|_| true) {
            None => {}
            Some(StoreFault::Held) => changed.changed().await.expect("the store is there"),
            Some(StoreFault::Refuses) => {
                return Err(Error::AlreadyExists {
                    path: location.to_string(),
                    source: "409 ConditionalRequestConflict".into(),
                });
            }
            Some(StoreFault::Overwrites) => options.mode = PutMode::Overwrite,
            Some(StoreFault::Unavailable) => return Err(unavailable()),
            Some(StoreFault::Slow(time)) => tokio::time::sleep(time).await,
            Some(StoreFault::Full) => {
                return Err(Error::Generic {
                    store: "test",
                    source: Box::new(io::Error::from(io::ErrorKind::StorageFull)),
                });
            }
        }
        self.objects.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.pass().await?;
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.answered(self.objects.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.answered(self.objects.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.pass().await?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.pass().await?;
        self.objects.copy_opts(from, to, options).await
    }
}
