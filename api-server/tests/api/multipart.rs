//! Forms: the image as a file, the options as fields.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures_util::{StreamExt, stream};
use serde_json::json;
use testing::pictures::photo as photo_of;

use crate::{
    harness::Harness,
    support::{
        form::{KIND, form, image, option, part},
        reply::Reply,
        worker::Behaviour,
    },
};

async fn post(api: &Harness, body: impl Into<reqwest::Body>) -> Reply {
    let request = api
        .client
        .post(api.url("/v1/tags"))
        .header("content-type", KIND)
        .body(body);
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_form_is_tagged_whatever_its_order_and_its_pieces() {
    let api = Harness::start().await;
    // Holds line ends and what looks like a boundary's beginning.
    let file = [photo_of(640, 480), b"\r\n--simple-bound\r\n\r\n--".to_vec()].concat();
    let limit = option("limit", "3");
    let features = option("features", "tags");
    let reference = option("client_ref", "Ünï 1");
    let orders = [
        form(&[
            limit.clone(),
            features.clone(),
            reference.clone(),
            image(&file),
        ]),
        form(&[
            image(&file),
            reference.clone(),
            limit.clone(),
            features.clone(),
        ]),
        form(&[features, part("name=image", &file), reference, limit]),
    ];
    for (body, piece) in orders.into_iter().zip([1, 1000, 1_000_000]) {
        let pieces: Vec<_> = body
            .chunks(piece)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect();
        let reply = post(&api, reqwest::Body::wrap_stream(stream::iter(pieces))).await;
        assert_eq!(reply.status, 200, "{}", reply.json);
        assert_eq!(reply.json["image"]["bytes"], file.len());
        assert_eq!(reply.json["client_ref"], "Ünï 1");
        let job = api.worker.last_job();
        assert_eq!(
            (job.limit, job.features.tags, job.features.caption),
            (Some(3), true, false)
        );
        // The form's arrival is `fetch`, as a raw body's is.
        assert!(reply.json["timings_ms"]["fetch"].as_f64().unwrap() > 0.0);
    }
    api.finish().await;
}

#[tokio::test]
async fn options_may_stand_in_the_query_too_but_not_twice() {
    let api = Harness::start().await;
    let body = form(&[option("limit", "3"), image(&photo_of(64, 64))]);
    assert_eq!(
        api.post_raw("/v1/tags?threshold=0.25", KIND, body.clone())
            .await
            .status,
        200
    );
    let job = api.worker.last_job();
    assert_eq!((job.limit, job.threshold), (Some(3), Some(0.25)));
    api.post_raw("/v1/tags?limit=3", KIND, body)
        .await
        .is_problem(400, "invalid_request");
    api.finish().await;
}

#[tokio::test]
async fn forms_that_are_not_valid_get_400() {
    let api = Harness::start().await;
    let photo = image(&photo_of(64, 64));
    let whole = form(std::slice::from_ref(&photo));
    for (body, detail) in [
        (form(&[]), "no part `image`"),
        (form(&[option("limit", "3")]), "no part `image`"),
        (
            form(&[photo.clone(), photo.clone()]),
            "more than one part `image`",
        ),
        (
            form(&[option("colour", "red"), photo.clone()]),
            "no `colour` here",
        ),
        (
            form(&[part("name=\"file\"", &[0; 40_000])]),
            "`file` is longer than any option",
        ),
        (
            form(&[option("limit", "0"), photo.clone()]),
            "limit must be",
        ),
        (
            form(&[option("threshold", "1e999"), photo.clone()]),
            "threshold must be",
        ),
        (
            form(&[option("limit", "1"), option("limit", "2"), photo.clone()]),
            "`limit` is there twice",
        ),
        (
            form(&[option("client_ref", &"x".repeat(201)), photo.clone()]),
            "client_ref must have",
        ),
        (
            form(&[part("name=\"model\"", b"\xff"), photo.clone()]),
            "not UTF-8",
        ),
        (form(&[part("filename=\"a.jpg\"", b"x")]), "has no name"),
        (
            whole[..whole.len() / 2].to_vec(),
            "ends early, within its part `image`",
        ),
        (whole[..whole.len() - 6].to_vec(), "ends early"),
        (whole[..whole.len() - 4].to_vec(), "before the last one"),
        (b"no boundary in here".to_vec(), "boundaries do not come"),
        (Vec::new(), "boundaries do not come"),
        (
            b"--simple-boundary\r\nno header\r\n\r\nx\r\n--simple-boundary--\r\n".to_vec(),
            "headers of a part are broken",
        ),
    ] {
        let reply = post(&api, body).await;
        reply.is_problem(400, "invalid_request");
        assert!(
            reply.json["detail"].as_str().unwrap().contains(detail),
            "{} is not {detail}",
            reply.json
        );
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"",
        &long,
    ] {
        api.post_raw("/v1/tags", kind, whole.clone())
            .await
            .is_problem(400, "invalid_request");
    }
    let text = part(
        "name=\"image\"; filename=\"a.txt\"\r\nContent-Type: text/plain",
        b"x",
    );
    post(&api, form(&[text]))
        .await
        .is_problem(415, "unsupported_media_type");
    post(&api, form(&[image(b"nothing")]))
        .await
        .is_problem(422, "unsupported_format");
    post(&api, form(&[image(b"")]))
        .await
        .is_problem(422, "empty_image");
    api.finish().await;
}

#[tokio::test]
async fn forms_that_are_too_large_get_413() {
    let api = Harness::with(&["--max-body-bytes", "100000"], Behaviour::Answer).await;
    let large = form(&[image(&vec![0xff; 100_001])]);
    post(&api, large.clone())
        .await
        .is_problem(413, "body_too_large");
    let pieces: Vec<_> = large
        .chunks(9_999)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect();
    post(&api, reqwest::Body::wrap_stream(stream::iter(pieces)))
        .await
        .is_problem(413, "body_too_large");
    post(&api, form(&[image(&vec![0xff; 500_000])]))
        .await
        .is_problem(413, "body_too_large");
    let parts = |count| {
        form(
            &(0..count)
                .map(|n| option(&format!("field-{n}"), "x"))
                .collect::<Vec<_>>(),
        )
    };
    for count in [17, 10_000] {
        post(&api, parts(count))
            .await
            .is_problem(413, "body_too_large");
    }
    post(&api, parts(16))
        .await
        .is_problem(400, "invalid_request");
    api.finish().await;
}

#[tokio::test]
async fn what_has_no_end_is_not_waited_for() {
    let api = Harness::start().await;
    let opening =
        b"--simple-boundary\r\nContent-Disposition: form-data; name=\"image\"\r\nX: ".to_vec();
    for (start, repeated, status) in [
        (Vec::new(), option("field", "x"), 413),
        (Vec::new(), vec![b'-'; 8_000], 400),
        (opening, vec![b'x'; 8_000], 400),
    ] {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        let endless = stream::once(async { start })
            .chain(stream::repeat(repeated))
            .map(move |piece| {
                count.fetch_add(piece.len(), Relaxed);
                Ok::<_, std::io::Error>(piece)
            });
        let reply = post(&api, reqwest::Body::wrap_stream(endless)).await;
        assert_eq!(reply.status, status, "{}", reply.json);
        // Most of this is what the kernel buffers between the two.
        assert!(sent.load(Relaxed) < 16_000_000, "{sent:?} bytes were taken");
    }
    api.finish().await;
}

#[tokio::test]
async fn a_form_that_does_not_come_is_408() {
    let api = Harness::with(&["--body-timeout-ms", "100"], Behaviour::Answer).await;
    let start =
        stream::iter([Ok::<_, std::io::Error>(option("limit", "3"))]).chain(stream::pending());
    let reply = post(&api, reqwest::Body::wrap_stream(start)).await;
    reply.is_problem(408, "request_timeout");
    assert_eq!(reply.json["stage"], "fetch");
    api.finish().await;
}

#[tokio::test]
async fn forms_count_with_the_other_bytes() {
    let args = [
        "--max-body-bytes",
        "60000",
        "--fetch-max-bytes",
        "60000",
        "--max-bytes-in-flight",
        "200000",
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    // More than counts before anything is there, so that the first one counts with the most that there may be.
    let come = [
        image(&[0xff; 59_000]),
        option("client_ref", &"x".repeat(10_000)),
    ]
    .map(Ok::<_, std::io::Error>);
    let first = post(
        &api,
        reqwest::Body::wrap_stream(stream::iter(come).chain(stream::pending())),
    );
    let second = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let reply = post(&api, form(&[image(&[0xff; 20_000])])).await;
            if reply.status == 429 {
                return reply;
            }
        }
    };
    tokio::select! {
        _ = first => panic!("has no end"),
        reply = second => reply.is_problem(429, "overloaded"),
    }
    api.finish().await;
}

#[tokio::test]
async fn the_document_tells_of_forms() {
    let api = Harness::start().await;
    let document = api.get("/openapi.json").await.json;
    let body = &document["paths"]["/v1/tags"]["post"]["requestBody"]["content"]["multipart/form-data"]
        ["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/TagForm");
    let schemas = &document["components"]["schemas"];
    // The options are those of every request, and stated once.
    let form = schemas["TagForm"].to_string();
    assert!(form.contains("#/components/schemas/TagOptions"), "{form}");
    let schema = form + &schemas["TagOptions"].to_string();
    let lists = ["categories", "include", "exclude"];
    for name in [
        "image",
        "features",
        "limit",
        "threshold",
        "language",
        "model",
        "timeout_ms",
        "client_ref",
    ]
    .iter()
    .chain(&lists)
    {
        assert!(
            schema.contains(&json!(name).to_string()),
            "{name}: {schema}"
        );
    }
    api.finish().await;
}
