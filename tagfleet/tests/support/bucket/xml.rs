//! S3's words for listings and removals.

use std::{collections::BTreeSet, fmt::Write};

use super::Bucket;

/// Everything below a prefix, in one page; with a delimiter, what is right below it.
pub fn listing(bucket: &Bucket, root: &str, prefix: &str, delimiter: &str) -> String {
    let mut contents = String::new();
    let mut folders = BTreeSet::new();
    for (name, object) in bucket.objects().iter() {
        let Some(key) = name.strip_prefix(root) else {
            continue;
        };
        let Some(rest) = key.strip_prefix(prefix) else {
            continue;
        };
        match rest.split_once('/') {
            Some((folder, _)) if !delimiter.is_empty() => {
                folders.insert(format!("{prefix}{folder}/"));
            }
            _ => {
                let modified = humantime::format_rfc3339_millis(object.modified);
                let size = object.bytes.len();
                let _ = write!(
                    contents,
                    "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified>\
                     <ETag>\"1\"</ETag><Size>{size}</Size></Contents>"
                );
            }
        }
    }
    for folder in folders {
        let _ = write!(
            contents,
            "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
        );
    }
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")
}

/// The keys that a removal names.
pub fn keys(request: &str) -> Vec<String> {
    let parts = request.split("<Key>").skip(1);
    parts
        .filter_map(|part| part.split_once("</Key>"))
        .map(|(key, _)| key.to_owned())
        .collect()
}

pub fn removed(keys: &[String]) -> String {
    let keys: String = keys
        .iter()
        .map(|key| format!("<Deleted><Key>{key}</Key></Deleted>"))
        .collect();
    format!("<DeleteResult>{keys}</DeleteResult>")
}
