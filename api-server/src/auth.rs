//! In front of every route below `/v1`: whose request it is, and whether it
//! may come in. Before the body is looked at, and before a permit is taken.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use identity::{Admitted, Refused};
use web::context::{Arrived, RequestContext, RequestId};

use crate::{search, state::AppState};

pub async fn auth(
    State(app): State<Arc<AppState>>,
    id: RequestId,
    arrived: Arrived,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = app.keys.admit(request.headers(), &app.resources.bus).await;
    let (mut response, standing) = match admitted {
        Ok(Admitted {
            caller, standing, ..
        }) if caller.read_only && !only_looks(&request) => {
            let context = app.begin(id, arrived, &caller, request.headers());
            (context.refuse(only_reads()), standing)
        }
        Ok(Admitted {
            caller,
            quota_guard,
            standing,
        }) => {
            let extensions = request.extensions_mut();
            extensions.insert(caller);
            extensions.insert(Arc::new(quota_guard));
            (next.run(request).await, standing)
        }
        Err(refused) => {
            let Refused {
                fault,
                caller,
                standing,
            } = refused;
            // No record is kept: whoever asks too often, or with a revoked key, would fill the bus with them.
            let caller = caller.map(|caller| *caller);
            let context = RequestContext::begin(id, arrived.0, caller, request.headers());
            (context.refuse(fault), standing)
        }
    };
    standing.write(response.headers_mut());
    response
}

/// Whether a request begins, changes and ends nothing. A search is a POST, since its phrase is for no log of paths.
fn only_looks(request: &Request) -> bool {
    request.method().is_safe() || request.uri().path() == search::PATH
}

fn only_reads() -> Fault {
    Fault::new(
        Code::KeyReadOnly,
        Stage::Admit,
        "This API key may look at everything, and begin, change or end nothing.",
    )
}
