//! The audit log: a line for each thing that a caller changed, or was refused to change. Its target is `audit`, by which a collector of logs
//! tells it from the others.

use common::fault::Fault;
use identity::Caller;

use crate::context::RequestId;

/// What callers can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    CreateBatch,
    CancelBatch,
    RetryBatch,
    ClearCache,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::CreateBatch => "batch.create",
            Self::CancelBatch => "batch.cancel",
            Self::RetryBatch => "batch.retry",
            Self::ClearCache => "cache.clear",
        }
    }
}

/// Writes the line. `of`: the batch, where it has an id.
pub fn record<T>(
    action: Action,
    of: Option<&str>,
    done: &Result<T, Fault>,
    id: &RequestId,
    caller: &Caller,
) {
    let code = done.as_ref().err().map_or("ok", |fault| fault.code.name());
    tracing::info!(
        target: "audit",
        action = action.name(),
        of,
        code,
        tenant = &*caller.tenant,
        key = caller.key.as_deref(),
        %id,
        "audit"
    );
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Seek},
        sync::Arc,
    };

    use common::{fault::Code, stage::Stage};
    use identity::Tier;
    use serde_json::{Value, json};

    use super::*;

    /// Returns the line of what somebody did, as a collector of logs reads it.
    fn logged(of: Option<&str>, done: &Result<(), Fault>) -> Value {
        let log = Arc::new(tempfile::tempfile().expect("a file"));
        let caller = Caller {
            tenant: "shop".into(),
            key: Some("key_1".into()),
            tier: Tier::default(),
            read_only: false,
            vocabulary: None,
        };
        let format = tracing_subscriber::fmt().with_writer(log.clone());
        let subscriber = format.json().flatten_event(true).finish();
        tracing::subscriber::with_default(subscriber, || {
            record(Action::CancelBatch, of, done, &RequestId::random(), &caller);
        });
        let mut file = &*log;
        let mut text = String::new();
        file.rewind().expect("rewinds");
        file.read_to_string(&mut text).expect("UTF-8");
        serde_json::from_str(&text).expect("one line of JSON")
    }

    #[test]
    fn a_line_says_who_did_what_and_whether_it_was_done() {
        let line = logged(Some("batch_1"), &Ok(()));
        let told = ["target", "action", "of", "code", "tenant", "key"].map(|name| &line[name]);
        let wanted = ["audit", "batch.cancel", "batch_1", "ok", "shop", "key_1"];
        assert_eq!(told, wanted.map(|text| json!(text)).each_ref());
        assert!(line["id"].as_str().is_some_and(|id| id.starts_with("req_")));
    }

    #[test]
    fn what_was_refused_is_told_as_well() {
        let refused = Err(Fault::new(Code::BatchUnderWay, Stage::Admit, "no"));
        let line = logged(None, &refused);
        assert_eq!(line["code"], "batch_under_way");
        assert_eq!(line["of"], Value::Null);
    }
}
