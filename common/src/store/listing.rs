//! What lies below a folder, and its removal.

use std::borrow::Cow;

use futures_util::{
    StreamExt, TryStreamExt,
    future::{BoxFuture, ready},
    stream,
};
use object_store::{
    Error, ObjectMeta, ObjectStore, ObjectStoreExt, list::PaginatedListOptions, path::Path,
};

use super::{Store, StoreError};

/// One object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The last part of its path.
    pub name: String,
    /// Seconds since 1970, by the store's clock.
    pub modified_s: i64,
}

/// What is right below a folder, by name.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    pub objects: Vec<Listed>,
    pub folders: Vec<String>,
}

impl Store {
    /// What is right below a folder: objects and folders, for the price of one listing.
    pub fn entries<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Entries, StoreError>> {
        Box::pin(async move {
            let listing = self
                .objects
                .list_with_delimiter(Some(&self.path(folder)))
                .await?;
            let mut objects: Vec<_> = listing.objects.into_iter().filter_map(listed).collect();
            objects.sort_by(|a, b| a.name.cmp(&b.name));
            let names = listing.common_prefixes.iter().filter_map(last_part);
            let mut folders: Vec<_> = names.collect();
            folders.sort();
            Ok(Entries { objects, folders })
        })
    }

    /// The objects right below a folder, by name.
    pub fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, StoreError>> {
        Box::pin(async move { Ok(self.entries(folder).await?.objects) })
    }

    /// The folders right below a folder, by name.
    pub fn folders<'a>(
        &'a self,
        folder: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move { Ok(self.entries(folder).await?.folders) })
    }

    /// All objects below a folder, in depth, by their path below it. `after`: only those behind that path, at no price for
    /// those before it where the store can begin there.
    pub fn below<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let prefix = self.path(folder);
            let listed = match after {
                None => self.objects.list(Some(&prefix)),
                Some(after) => {
                    let offset = self.path(&format!("{folder}/{after}"));
                    self.objects.list_with_offset(Some(&prefix), &offset)
                }
            };
            let path = |meta: ObjectMeta| {
                let parts = meta.location.prefix_match(&prefix)?;
                let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
                Some(parts.join("/"))
            };
            let found = listed.try_filter_map(async |meta| Ok(path(meta)));
            let mut found: Vec<String> = found.try_collect().await?;
            found.sort();
            Ok(found)
        })
    }

    /// The first folders right below a folder that come after a name, by name, and at least `most` of them if there are so many.
    pub fn folders_after<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let is_after = |name: &String| after.is_none_or(|after| name.as_str() > after);
            let mut found = match self.pages_after(folder, after, most).await? {
                Some(found) => found,
                None => self.folders(folder).await?,
            };
            found.retain(is_after);
            Ok(found)
        })
    }

    /// `None` of a store that cannot list in pages.
    async fn pages_after(
        &self,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let prefix = format!("{}/", self.path(folder));
        // All that is in the folder of that name comes before: `0` follows upon `/`.
        let mut options = PaginatedListOptions {
            offset: after.map(|after| format!("{prefix}{after}0")),
            delimiter: Some(Cow::Borrowed("/")),
            // Some stores tell that folder once more.
            max_keys: Some(most + 1),
            ..PaginatedListOptions::default()
        };
        let mut found = Vec::new();
        while let Some(page) = self.objects.page(&prefix, options.clone()).await {
            let page = page?;
            found.extend(page.result.common_prefixes.iter().filter_map(last_part));
            options.page_token = page.page_token;
            if found.len() > most || options.page_token.is_none() {
                found.sort();
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Also where it is gone already.
    pub fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            match self.objects.delete(&self.path(name)).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// All below a folder, in depth.
    pub fn delete_folder<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.delete_where(folder, |_| true))
    }

    /// All below a folder, in depth, but for the object of that name right below it.
    pub fn delete_folder_but<'a>(
        &'a self,
        folder: &'a str,
        kept: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let kept = self.path(&format!("{folder}/{kept}"));
        Box::pin(self.delete_where(folder, move |path| *path != kept))
    }

    async fn delete_where(
        &self,
        folder: &str,
        is_meant: impl Fn(&Path) -> bool + Send,
    ) -> Result<(), StoreError> {
        let listed: Vec<_> = self
            .objects
            .list(Some(&self.path(folder)))
            .map_ok(|meta| meta.location)
            .try_filter(|path| ready(is_meant(path)))
            .try_collect()
            .await?;
        if listed.is_empty() {
            return Ok(());
        }
        let mut deleted = self
            .objects
            .delete_stream(stream::iter(listed.into_iter().map(Ok)).boxed());
        while let Some(deleted) = deleted.next().await {
            match deleted {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn listed(meta: ObjectMeta) -> Option<Listed> {
    let name = meta.location.filename()?.to_owned();
    Some(Listed {
        name,
        modified_s: meta.last_modified.timestamp(),
    })
}

fn last_part(path: &Path) -> Option<String> {
    path.filename().map(str::to_owned)
}
