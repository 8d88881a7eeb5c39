use std::{fs, time::Duration};

use common::{budget::Budget, fault::Code, store::StoreConfig};
use tempfile::TempDir;

use super::*;
use crate::pacing::UnknownLength;

const MOST: usize = 1_000;

fn bounds() -> Bounds {
    Bounds {
        max_bytes: MOST,
        idle: Duration::from_secs(5),
        budget: Budget::new(1 << 20),
        unknown_length: UnknownLength::new(),
    }
}

/// A folder with files, which one tenant may read.
fn shops(files: &[(&str, usize)]) -> (TempDir, Objects) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), vec![7; *bytes]).expect("written");
    }
    let config = StoreConfig {
        store_url: Some("memory:".to_owned()),
        source_allow: vec![format!("shop={}", url_of(&folder, ""))],
        ..StoreConfig::default()
    };
    let allowed = Outside::of_images(&config).expect("a folder that is there");
    (folder, Objects::new(allowed))
}

fn url_of(folder: &TempDir, name: &str) -> Url {
    let path = folder.path().join(name);
    Url::from_file_path(path).expect("an absolute path")
}

async fn code_of(objects: &Objects, url: &Url, tenant: &str) -> Code {
    let read = objects.read(url, tenant, &bounds()).await;
    read.expect_err("it is refused").fault.code
}

#[tokio::test]
async fn an_object_is_read_whole_within_the_limits_of_a_download() {
    let (folder, objects) = shops(&[("a.jpg", 300), ("long.jpg", MOST + 1), ("none.jpg", 0)]);
    let url = url_of(&folder, "a.jpg");
    let bytes = objects.read(&url, "shop", &bounds()).await;
    assert_eq!(bytes.expect("it is there"), vec![7; 300]);
    for (name, code) in [
        ("long.jpg", Code::SourceTooLarge),
        ("none.jpg", Code::EmptyImage),
        ("away.jpg", Code::SourceHttpError),
    ] {
        let url = url_of(&folder, name);
        assert_eq!(code_of(&objects, &url, "shop").await, code, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_closes_the_store_to_nobody_else() {
    let (folder, objects) = shops(&[]);
    std::fs::create_dir(folder.path().join("folder.jpg")).expect("made");
    let url = url_of(&folder, "folder.jpg");
    let failure = objects.read(&url, "shop", &bounds()).await;
    let failure = failure.expect_err("it is no file");
    let blames_the_tenant = matches!(failure.verdict, crate::hosts::Verdict::Failed(_));
    assert!(blames_the_tenant, "{failure:?}");
}

#[tokio::test]
async fn nobody_reads_what_is_not_theirs() {
    let (folder, objects) = shops(&[("a.jpg", 300)]);
    let url = url_of(&folder, "a.jpg");
    assert_eq!(
        code_of(&objects, &url, "blog").await,
        Code::SourceNotAllowed
    );
    let tried = [
        "s3://bucket/a.jpg",
        "S3://bucket/a.jpg",
        "gs://bucket/a.jpg",
        "az://container/a.jpg",
    ];
    for text in tried {
        let refused = objects.parse(text, "blog").expect("of this kind");
        let fault = refused.expect_err("not allowed");
        assert_eq!(fault.code, Code::SourceNotAllowed, "{text}");
    }
    for text in [
        url.as_str(),
        "file:///etc/passwd",
        "https://example.com/a.jpg",
    ] {
        assert!(objects.parse(text, "blog").is_none(), "{text}");
    }
    assert!(
        objects
            .parse(url.as_str(), "shop")
            .is_some_and(|url| url.is_ok())
    );
}
