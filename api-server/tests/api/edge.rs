//! Everything beside tagging: documents, models, metrics, the page.

use serde_json::json;
use testing::pictures;

use crate::{harness::Harness, support::worker::MODEL};

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

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let api = Harness::start().await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/page/style.css", "text/css"),
        ("/page/app.js", "text/javascript"),
    ] {
        let page = api.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with(kind));
        assert!(
            page.header("content-security-policy")
                .contains("default-src 'none'")
        );
        let text = page.json.as_str().unwrap();
        assert!(
            !text.contains("src=\"http")
                && !text.contains("href=\"http")
                && !text.contains("style=\""),
            "{path}"
        );
    }
    api.finish().await;
}
