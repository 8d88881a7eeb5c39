//! The headers of problems in the OpenAPI document: stated once, since they are written in one place.

use utoipa::openapi::{
    Header, HeaderBuilder, OpenApi, RefOr, Response, ResponseBuilder, Type,
    path::{Operation, PathItem},
    schema::ObjectBuilder,
};

use super::{
    PROBLEM_JSON,
    problem::{RETRY_AFTER_MS, SHOULD_RETRY},
};

const RETRY_AFTER: &str = "retry-after";

/// Adds to each answer that is a problem when to try again, and whether that helps; and to each operation what is answered
/// before any of them is known.
pub fn describe_problems(document: &mut OpenApi) {
    let operations = document.paths.paths.values_mut().flat_map(operations);
    for operation in operations {
        let responses = &mut operation.responses.responses;
        responses.insert("431".to_owned(), RefOr::T(too_long_a_head()));
        for (status, response) in &mut operation.responses.responses {
            match response {
                RefOr::T(response) if response.content.contains_key(PROBLEM_JSON) => {
                    describe(status, response);
                }
                _ => {}
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete]
        .into_iter()
        .flatten()
}

/// Such a request is never read as one, so its answer has no body.
fn too_long_a_head() -> Response {
    ResponseBuilder::new()
        .description("URL and headers take more than 32 KiB. There is no body")
        .build()
}

fn describe(status: &str, response: &mut Response) {
    let mut add = |name: &str, header| response.headers.insert(name.to_owned(), RefOr::T(header));
    let helps = "`true` or `false`, as `retryable` of the problem says";
    add(SHOULD_RETRY.as_str(), header(Type::String, helps));
    if matches!(status, "429" | "503") {
        add(RETRY_AFTER, header(Type::Integer, "Seconds"));
        let precise = "The same in milliseconds, not rounded up";
        add(RETRY_AFTER_MS.as_str(), header(Type::Integer, precise));
    }
}

fn header(kind: Type, description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(kind);
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .build()
}
