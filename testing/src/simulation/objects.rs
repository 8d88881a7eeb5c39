//! An object store whose answers take their time, so that requests of several tasks come in between each other.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use super::tasks::yield_once;

/// What the state of the generator grows by, as in SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug)]
pub struct SlowObjects {
    objects: InMemory,
    state: AtomicU64,
}

impl SlowObjects {
    pub fn seeded(seed: u64) -> Self {
        Self {
            objects: InMemory::new(),
            state: AtomicU64::new(seed),
        }
    }

    /// Lets other tasks go first, before and after a request.
    async fn give_way(&self) {
        let state = self.state.fetch_add(STEP, Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        for _ in 0..(mixed >> 62) {
            yield_once().await;
        }
    }
}

impl fmt::Display for SlowObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a simulated store")
    }
}

#[async_trait]
impl ObjectStore for SlowObjects {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.give_way().await;
        let put = self.objects.put_opts(location, payload, options).await;
        self.give_way().await;
        put
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.give_way().await;
        let got = self.objects.get_opts(location, options).await;
        self.give_way().await;
        got
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.give_way().await;
        let listed = self.objects.list_with_delimiter(prefix).await;
        self.give_way().await;
        listed
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
