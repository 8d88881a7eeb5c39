//! What may go wrong with a queue.

#[derive(Clone, Debug, thiserror::Error)]
pub enum QueueError {
    #[error("queue URL `{0}` is not one of amqp://…, amqps://… and memory:")]
    Url(String),
    #[error("--queue-ca-file cannot be read: {0}")]
    CaFile(String),
    #[error("the queue is full")]
    Full,
    #[error("no queue takes this message")]
    Unroutable,
    #[error(
        "the queue `{queue}` is there, but is not the {kind} queue that it has to be ({said}): let it run empty and delete it, \
         or choose another --queue-prefix"
    )]
    OtherKind {
        queue: String,
        kind: &'static str,
        said: String,
    },
    #[error(
        "the queue `{0}` is not there and must not be declared (--queue-declare false): run `tagfleet queues`"
    )]
    Missing(String),
    #[error("queues of too many models are open")]
    TooManyModels,
    #[error("the broker did not confirm in time")]
    TimedOut,
    #[error("the broker cannot be reached: {0}")]
    Unavailable(String),
}

impl QueueError {
    /// Returns whether a later try may go better although nobody changes a setting or a queue.
    pub fn may_pass(&self) -> bool {
        !matches!(
            self,
            Self::Url(_) | Self::CaFile(_) | Self::OtherKind { .. } | Self::Missing(_)
        )
    }
}
