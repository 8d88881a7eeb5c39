//! In front of every route below `/v1`: whose request it is, and whether it
//! may come in. Before the body is looked at, and before a permit is taken.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::{
    auth::{Admitted, Refused},
    context::{Arrived, RequestContext, RequestId},
    state::AppState,
};

pub async fn auth(
    State(app): State<Arc<AppState>>,
    id: RequestId,
    arrived: Arrived,
    mut request: Request,
    next: Next,
) -> Response {
    let (mut response, standing) = match app.keys.admit(request.headers()) {
        Ok(Admitted { caller, standing }) => {
            request.extensions_mut().insert(caller);
            (next.run(request).await, standing)
        }
        Err(refused) => {
            let Refused {
                fault,
                caller,
                standing,
            } = refused;
            let context = RequestContext::begin(id, arrived.0, caller);
            (context.refuse(fault), standing)
        }
    };
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}
