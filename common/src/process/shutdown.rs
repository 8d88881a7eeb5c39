//! One token tells every task of a process to finish what it holds and stop.

pub use tokio_util::sync::CancellationToken as Shutdown;

/// A token that SIGTERM or Ctrl-C sets off.
pub fn on_signal() -> Shutdown {
    let shutdown = Shutdown::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .expect("a tokio runtime with signals is running");
        tokio::select! {
            _ = term.recv() => tracing::info!("SIGTERM: draining"),
            _ = tokio::signal::ctrl_c() => tracing::info!("SIGINT: draining"),
        }
        token.cancel();
    });
    shutdown
}
