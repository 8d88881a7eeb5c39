//! Work that may block for minutes, or for ever.

use std::thread;

use tokio::sync::oneshot;

/// Works on a thread of its own, for which the process does not wait when it ends.
/// `None` when the work panicked.
pub async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    let body = move || {
        // Whoever waited may have gone.
        let _ = done.send(work());
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .ok()?;
    result.await.ok()
}
