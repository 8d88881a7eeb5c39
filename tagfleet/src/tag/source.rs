//! Where images come from: URLs as they are, files, and folders in depth.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// What the service reads. Files named by the user are sent whatever they are called.
const ENDINGS: [&str; 8] = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"];

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

pub fn find(named: &[String]) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    for name in named {
        if name.starts_with("http://") || name.starts_with("https://") {
            found.push(Source::Url(name.clone()));
        } else {
            let path = Path::new(name);
            let kind = fs::metadata(path)
                .with_context(|| format!("{name} is neither a URL nor a readable path"))?;
            if kind.is_dir() {
                walk(path, &mut found)?
            } else {
                found.push(Source::File(path.to_owned()))
            }
        }
    }
    if found.is_empty() {
        bail!("no images there (looked for {})", ENDINGS.join(", "));
    }
    Ok(found)
}

/// Names in order, so that two runs answer in the same one. Links are not
/// followed: they may lead in circles.
fn walk(folder: &Path, found: &mut Vec<Source>) -> anyhow::Result<()> {
    let listing = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut entries = listing.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() && is_image(&path) {
            found.push(Source::File(path));
        }
    }
    Ok(())
}

fn is_image(path: &Path) -> bool {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_depth_and_in_order() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("b")).expect("creates");
        for name in ["c.JPG", "a.png", "notes.txt", "b/deep.webp"] {
            fs::write(folder.path().join(name), b"x").expect("writes");
        }
        let found = find(&[
            folder.path().display().to_string(),
            "https://example.org/x".into(),
        ])
        .expect("finds");
        let root = format!("{}/", folder.path().display());
        let names: Vec<_> = found
            .iter()
            .map(|source| source.name().replace(&root, ""))
            .collect();
        assert_eq!(
            names,
            ["a.png", "b/deep.webp", "c.JPG", "https://example.org/x"]
        );
        assert!(find(&["no-such-file".into()]).is_err());
    }
}
