//! Where images come from: URLs as they are, files, and folders in depth.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// What the service reads (docs/prepare.md). Files named by the user are sent whatever they are called.
const ENDINGS: [&str; 30] = [
    "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff",
    "heic", "heif", "hif", "avif", "avifs", "dng", "nef", "nrw", "cr2", "cr3", "arw", "sr2", "raf",
    "orf", "rw2", "rwl", "pef",
];

/// Endings of what was passed over that are told.
const MOST_TOLD: usize = 8;

#[derive(Clone, Debug)]
pub enum Source {
    Url(String),
    File(PathBuf),
}

impl Source {
    pub fn name(&self) -> String {
        match self {
            Source::Url(url) => url.clone(),
            Source::File(path) => path.display().to_string(),
        }
    }
}

/// What a search has come by.
#[derive(Default)]
pub struct Found {
    pub images: Vec<Source>,
    /// Files of other endings, by these, and how many.
    passed_over: BTreeMap<String, usize>,
}

pub fn find(named: &[String]) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for name in named {
        if name.starts_with("http://") || name.starts_with("https://") {
            found.images.push(Source::Url(name.clone()));
        } else {
            named_path(name, &mut found)?;
        }
    }
    if found.images.is_empty() {
        let passed_over = found.passed_over().unwrap_or_default();
        bail!(
            "no images there (looked for {}){passed_over}",
            ENDINGS.join(", ")
        );
    }
    Ok(found)
}

fn named_path(name: &str, found: &mut Found) -> anyhow::Result<()> {
    let path = Path::new(name);
    let kind = fs::metadata(path)
        .with_context(|| format!("{name} is neither a URL nor a readable path"))?;
    if kind.is_dir() {
        return walk(path, found);
    }
    // What a shell passes as `<(command)` is a pipe below /dev that somebody writes; another one may wait for ever.
    let is_a_shells = path.starts_with("/dev") || path.starts_with("/proc");
    if !kind.is_file() && !is_a_shells {
        bail!(
            "{name} is a pipe, a socket or a device, and no file: save its bytes in a file first"
        );
    }
    found.images.push(Source::File(path.to_owned()));
    Ok(())
}

/// Names in order, so that two runs answer in the same one. Links are not followed: they may lead in circles. Hidden files and
/// folders are left alone: systems keep thumbnails there, and beside a photo `._` files that hold none.
fn walk(folder: &Path, found: &mut Found) -> anyhow::Result<()> {
    let listing = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut entries = listing.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type()?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() {
            found.add(path);
        }
    }
    Ok(())
}

impl Found {
    fn add(&mut self, path: PathBuf) {
        let ending = path.extension().unwrap_or_default();
        let ending = ending.to_string_lossy().to_lowercase();
        if ENDINGS.contains(&ending.as_str()) {
            self.images.push(Source::File(path));
        } else {
            *self.passed_over.entry(ending).or_default() += 1;
        }
    }

    /// For the end of a sentence, where there was any such file.
    pub fn passed_over(&self) -> Option<String> {
        let files: usize = self.passed_over.values().sum();
        let mut endings: Vec<_> = self.passed_over.iter().collect();
        endings.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let told = endings.iter().take(MOST_TOLD).map(|(ending, count)| {
            if ending.is_empty() {
                format!("{count} without an ending")
            } else {
                format!("{count} .{ending}")
            }
        });
        let told: Vec<String> = told.collect();
        let more = if endings.len() > MOST_TOLD {
            ", …"
        } else {
            ""
        };
        (files > 0).then(|| {
            format!(
                "; passed over {files} files that are not called like an image: {}{more}",
                told.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_depth_and_in_order() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("b")).expect("creates");
        fs::create_dir(folder.path().join(".thumbnails")).expect("creates");
        let files = [
            "c.JPG",
            "a.png",
            "notes.txt",
            "b/deep.webp",
            "b/IMG_1.HEIC",
            "b/old.jfif",
            "film.mov",
            "README",
            "._c.JPG",
            ".thumbnails/a.png",
        ];
        for name in files {
            fs::write(folder.path().join(name), b"x").expect("writes");
        }
        let found = find(&[
            folder.path().display().to_string(),
            "https://example.org/x".into(),
        ])
        .expect("finds");
        let root = format!("{}/", folder.path().display());
        let names: Vec<_> = found
            .images
            .iter()
            .map(|source| source.name().replace(&root, ""))
            .collect();
        let expected = [
            "a.png",
            "b/IMG_1.HEIC",
            "b/deep.webp",
            "b/old.jfif",
            "c.JPG",
            "https://example.org/x",
        ];
        assert_eq!(names, expected);
        let told = found.passed_over().expect("there were others");
        assert!(
            told.contains("3 files") && told.contains("1 .mov"),
            "{told}"
        );
        assert!(find(&["no-such-file".into()]).is_err());
    }

    /// Each ending that the formats of docs/prepare.md usually have.
    #[test]
    fn what_is_read_is_looked_for() {
        let formats =
            "jpeg mpo png apng webp gif bmp tiff heic avif dng nef cr2 cr3 arw raf orf rw2";
        for format in formats.split(' ') {
            assert!(ENDINGS.contains(&format), "{format}");
        }
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pipe = folder.path().join("x.jpg");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("runs").success());
        let pipe = pipe.display().to_string();
        let refused = find(&[pipe]).err().expect("no file").to_string();
        assert!(refused.contains("save its bytes"), "{refused}");
        let in_folder = find(&[folder.path().display().to_string()]);
        assert!(in_folder.is_err(), "nothing to tag");
    }
}
