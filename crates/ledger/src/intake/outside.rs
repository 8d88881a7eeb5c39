//! Lists and results that lie in a bucket or a folder of somebody else: whether they may be opened.

use std::io;

use common::{
    fault::{Code, Fault},
    outside::{NotAllowed, Opened, Outside},
    stage::Stage,
};
use manifest::Kind;

use super::Stopped;

/// Before the batch is made: what is not allowed or not there is said at once.
pub async fn check_manifest(
    outside: &Outside,
    tenant: &str,
    manifest: Option<&(String, Kind)>,
) -> Result<(), Fault> {
    let Some((url, _)) = manifest else {
        return Ok(());
    };
    match open(outside, tenant, url).await {
        Ok(_) => Ok(()),
        Err(Stopped::Content(fault) | Stopped::Lost(fault)) => Err(fault),
    }
}

pub fn check_output(outside: &Outside, tenant: &str, url: Option<&str>) -> Result<(), Fault> {
    let Some(url) = url else { return Ok(()) };
    match outside.place(tenant, url) {
        Ok(_) => Ok(()),
        Err(NotAllowed) => Err(Fault::new(
            Code::OutputNotAllowed,
            Stage::Admit,
            "Results may go below what the service may use for you (--batch-allow), which may be nothing.",
        )),
    }
}

pub async fn open(outside: &Outside, tenant: &str, url: &str) -> Result<Opened, Stopped> {
    let place = outside.place(tenant, url).map_err(|NotAllowed| {
        let detail =
            "The manifest must lie below what the service may use for you (--batch-allow), which may be nothing.";
        Stopped::Content(Fault::new(Code::ManifestNotAllowed, Stage::Admit, detail))
    })?;
    match place.open().await {
        Ok(Some(opened)) => Ok(opened),
        Ok(None) => Err(Stopped::Content(unreadable("There is no such manifest."))),
        Err(error) => Err(lost(&error)),
    }
}

/// Without the error's own words: they may tell of what is behind the service.
pub fn lost(error: &io::Error) -> Stopped {
    tracing::warn!(%error, "a manifest cannot be read");
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Stopped::Content(unreadable(
            "The manifest is broken, or was changed while it was read.",
        )),
        io::ErrorKind::PermissionDenied => {
            Stopped::Content(unreadable("The service is not let in to the manifest."))
        }
        _ => Stopped::Lost(unreadable("The manifest cannot be read.")),
    }
}

pub fn unreadable(detail: &str) -> Fault {
    Fault::new(Code::ManifestUnreadable, Stage::Admit, detail)
}
