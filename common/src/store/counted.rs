//! Counts what is asked of an object store: that is what it costs.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::{StreamExt, stream::BoxStream};
use metrics::{Counter, describe_counter};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
    path::Path,
};

const STORE_REQUESTS: &str = "tagfleet_store_requests_total";
pub const STORE_CONFLICTS: &str = "tagfleet_store_conflicts_total";
/// Objects in one answer to a listing, or in one request to delete: S3's, and no more than the others'.
const PAGE: u64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Get,
    /// Whether an object is there.
    Head,
    Put,
    List,
    Delete,
}

impl Operation {
    const ALL: [Self; 5] = [Self::Get, Self::Head, Self::Put, Self::List, Self::Delete];

    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Put => "put",
            Self::List => "list",
            Self::Delete => "delete",
        }
    }
}

/// How often each operation was asked for. What the store's client tries again by itself is not counted twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests([u64; Operation::ALL.len()]);

impl Requests {
    pub fn of(&self, operation: Operation) -> u64 {
        self.0[operation as usize]
    }

    pub fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    /// What came since.
    pub fn since(&self, before: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] - before.0[at]))
    }
}

pub fn describe_metrics() {
    describe_counter!(STORE_REQUESTS, "Requests to the object store, by operation");
    describe_counter!(
        STORE_CONFLICTS,
        "Objects of the ledger that the store refused to write, although nothing was there"
    );
    metrics::counter!(STORE_CONFLICTS).increment(0);
}

struct Count {
    counted: AtomicU64,
    metric: Counter,
}

impl Count {
    fn of(operation: Operation) -> Self {
        Self {
            counted: AtomicU64::new(0),
            metric: metrics::counter!(STORE_REQUESTS, "operation" => operation.name()),
        }
    }

    fn add(&self, requests: u64) {
        self.counted.fetch_add(requests, Relaxed);
        self.metric.increment(requests);
    }
}

pub struct Counted {
    objects: Arc<dyn ObjectStore>,
    pages: Option<Arc<dyn PaginatedListStore>>,
    counts: Arc<[Count; Operation::ALL.len()]>,
}

impl Counted {
    pub fn new(objects: Arc<dyn ObjectStore>, pages: Option<Arc<dyn PaginatedListStore>>) -> Self {
        Self {
            objects,
            pages,
            counts: Arc::new(Operation::ALL.map(Count::of)),
        }
    }

    pub fn requests(&self) -> Requests {
        let counted = |at: usize| self.counts[at].counted.load(Relaxed);
        Requests(std::array::from_fn(counted))
    }

    fn count(&self, operation: Operation) {
        self.counts[operation as usize].add(1);
    }

    /// One page of a listing; `None` of a store that has no pages.
    pub async fn page(
        &self,
        prefix: &str,
        options: PaginatedListOptions,
    ) -> Option<Result<PaginatedListResult>> {
        let pages = self.pages.as_ref()?;
        self.count(Operation::List);
        Some(pages.list_paginated(Some(prefix), options).await)
    }

    /// Counts a request for every page of what comes.
    fn counted<T: Send + 'static>(
        &self,
        operation: Operation,
        items: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        self.count(operation);
        let counts = self.counts.clone();
        let counting = move |(at, item): (usize, Result<T>)| {
            if at > 0 && (at as u64).is_multiple_of(PAGE) {
                counts[operation as usize].add(1);
            }
            item
        };
        items.enumerate().map(counting).boxed()
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.objects.fmt(f)
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.objects.fmt(f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Counted {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.count(Operation::Put);
        self.objects.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.count(Operation::Put);
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = match options.head {
            true => Operation::Head,
            false => Operation::Get,
        };
        self.count(operation);
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let deleted = self.objects.delete_stream(locations);
        self.counted(Operation::Delete, deleted)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.counted(Operation::List, self.objects.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.objects.list_with_offset(prefix, offset);
        self.counted(Operation::List, listed)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.objects.list_with_delimiter(prefix).await?;
        let names = listed.objects.len() + listed.common_prefixes.len();
        self.counts[Operation::List as usize].add((names as u64).div_ceil(PAGE).max(1));
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.count(Operation::Put);
        self.objects.copy_opts(from, to, options).await
    }
}
