//! In front of every route below `/v1`: whose request it is, and whether it
//! may come in. Before the body is looked at, and before a place is taken.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::{
    App,
    edge::{Arrived, RequestId},
    keys::{Admitted, Refused},
    trail::Trail,
};

pub(crate) async fn door(
    State(app): State<Arc<App>>,
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
        Err(Refused {
            fault,
            caller,
            standing,
        }) => (Trail::begin(id, arrived.0, caller).refuse(fault), standing),
    };
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}
