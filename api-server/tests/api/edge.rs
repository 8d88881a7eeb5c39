//! Everything beside tagging: documents, models, metrics.

use serde_json::json;
use testing::pictures;

use crate::{harness::Harness, support::worker::MODEL};

#[tokio::test]
async fn every_route_that_wants_a_key_says_what_may_be_wrong_with_it() {
    let api = Harness::start().await;
    let document = api.get("/openapi.json").await.json;
    let paths = document["paths"].as_object().expect("paths");
    let mut keyed = 0;
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            if operation["security"].is_null() {
                continue;
            }
            keyed += 1;
            for status in ["401", "429"] {
                let told = &operation["responses"][status];
                assert!(told.is_object(), "{method} {path}: {status}");
            }
            let params = operation["parameters"].as_array();
            let mut keys = params.into_iter().flatten();
            if let Some(key) = keys.find(|it| it["name"] == "idempotency-key") {
                assert_eq!(key["schema"]["maxLength"], 255, "{method} {path}");
            }
        }
    }
    assert!(keyed > 10, "{keyed}");
    api.finish().await;
}

#[tokio::test]
async fn beside_a_json_body_options_in_the_query_are_refused() {
    let api = Harness::start().await;
    let image = json!({"image": {"content": "aGVsbG8="}});
    let phrase = json!({"phrase": "a cat"});
    let list = json!({"items": []});
    for (path, body, told) in [
        ("/v1/tags?limit=1", &image, "`limit` stands in the query"),
        ("/v1/tags?cache=no-store", &image, "`cache` stands in"),
        ("/v1/tags?explain=1&lmit=1", &image, "but for `explain`"),
        (
            "/v1/tags?explain=yes",
            &image,
            "explain must be true or false",
        ),
        ("/v1/search/tags?limit=1", &phrase, "`limit` stands in"),
        ("/v1/batches?features=tags", &list, "`features` stands in"),
    ] {
        let body = body.to_string().into_bytes();
        let reply = api.post_raw(path, "application/json", body).await;
        reply.is_problem(400, "invalid_request");
        let detail = reply.json["detail"].as_str().expect("text");
        assert!(detail.contains(told), "{path}: {detail}");
    }
    api.finish().await;
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_lists_the_routes() {
    let api = Harness::start().await;
    let document = api.get("/openapi.json").await.json;
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1")),
        "{}",
        document["openapi"]
    );
    for path in [
        "/v1/tags",
        "/v1/models",
        "/healthz",
        "/readyz",
        "/metrics",
        "/problems/{code}",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let responses = &document["paths"]["/v1/tags"]["post"]["responses"];
    for status in [
        "400", "401", "404", "408", "413", "415", "422", "429", "500", "503", "504",
    ] {
        let schema = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Problem", "{status}");
        let headers = &responses[status]["headers"];
        assert_eq!(headers["x-should-retry"]["schema"]["type"], "string");
        for when in ["retry-after", "retry-after-ms"] {
            let is_told = headers[when]["schema"]["type"] == "integer";
            assert_eq!(is_told, matches!(status, "429" | "503"), "{status} {when}");
        }
    }
    let body = &document["paths"]["/v1/tags"]["post"]["requestBody"]["content"];
    for kind in ["image/*", "application/octet-stream"] {
        assert_eq!(
            body[kind]["schema"],
            json!({"type": "string", "format": "binary"}),
            "{kind}"
        );
    }
    let params = document["paths"]["/v1/tags"]["post"]["parameters"]
        .as_array()
        .unwrap();
    for (name, least, most) in [
        ("limit", 1, Some(100)),
        ("threshold", 0, Some(1)),
        ("timeout_ms", 1, None),
    ] {
        let schema = &params.iter().find(|param| param["name"] == name).unwrap()["schema"];
        assert_eq!(schema["minimum"].as_f64(), Some(f64::from(least)), "{name}");
        assert_eq!(schema["maximum"].as_f64(), most.map(f64::from), "{name}");
    }
    let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
        .as_array()
        .unwrap();
    assert!(codes.contains(&json!("source_unreachable")));
    // What is answered of an image, and what is known of its request.
    let parts = document["components"]["schemas"]["TagAnswer"]["allOf"]
        .as_array()
        .unwrap();
    assert_eq!(parts[0]["$ref"], "#/components/schemas/Answer");
    assert!(
        parts[1]["properties"]["timings_ms"].is_object(),
        "{parts:?}"
    );
    // An open service asks for no key: the empty requirement says so.
    let security = &document["paths"]["/v1/tags"]["post"]["security"];
    assert_eq!(security, &json!([{}, {"api_key": []}]));
    assert_eq!(
        document["components"]["securitySchemes"]["api_key"]["scheme"],
        "bearer"
    );
    let docs = api.get("/docs/").await;
    assert!(docs.status == 200 && docs.json.as_str().unwrap().contains("swagger"));
    // It is of the origin whose session holds the key.
    let policy = docs.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    api.finish().await;
}

#[tokio::test]
async fn models_and_readiness_come_from_the_workers() {
    let api = Harness::start().await;
    let models = api.get("/v1/models").await.json;
    assert_eq!(models["default"], MODEL);
    assert_eq!(models["models"][0]["workers"], 1);
    assert_eq!(
        models["models"][0]["input"],
        json!({"width": 224, "height": 224, "fit": "crop"})
    );
    assert_eq!(models["workers"][0]["models"], json!([MODEL]));
    assert_eq!(api.get("/readyz").await.json, json!({"workers": 1}));
    assert_eq!(api.get("/problems/overloaded").await.json["status"], 429);
    api.finish().await;
}

#[tokio::test]
async fn metrics_tell_of_stages_and_codes() {
    let api = Harness::start().await;
    api.post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64))
        .await;
    api.post_raw("/v1/tags", "image/jpeg", b"nothing".to_vec())
        .await;
    let text = api.get("/metrics").await.json;
    let text = text.as_str().unwrap();
    for stage in ["admit", "lookup", "fetch", "prepare", "publish", "result"] {
        assert!(
            text.contains(&format!(r#"stage="{stage}",role="api""#)),
            "{stage}\n{text}"
        );
    }
    for line in [
        r#"tagfleet_requests_total{code="ok"}"#,
        r#"tagfleet_requests_total{code="unsupported_format"}"#,
        r#"tagfleet_request_seconds_bucket{status="200""#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    api.finish().await;
}
