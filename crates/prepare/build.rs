//! Compiles the few lines of C between libjpeg-turbo and us, with the headers of the library that turbojpeg-sys has built.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

const SOURCE: &str = "src/jpeg/library/reader.c";

fn main() {
    println!("cargo:rerun-if-changed={SOURCE}");
    let told =
        env::var("DEP_TURBOJPEG_INCLUDE").expect("turbojpeg-sys tells where its headers are");
    let mut build = cc::Build::new();
    for folder in told.split(',') {
        build.includes(headers(Path::new(folder)));
    }
    build.file(SOURCE).warnings(true).compile("tagfleet_jpeg");
}

/// Where only the library was built (scripts/cmake-library), its headers have stayed with its source.
fn headers(include: &Path) -> Vec<PathBuf> {
    if include.join("jpeglib.h").exists() {
        return vec![include.to_owned()];
    }
    let build = include.with_file_name("build");
    let cache = fs::read_to_string(build.join("CMakeCache.txt")).expect("cmake's cache");
    let source = cache
        .lines()
        .find_map(|line| line.strip_prefix("CMAKE_HOME_DIRECTORY:INTERNAL="))
        .expect("cmake notes where the source is");
    vec![build, Path::new(source).join("src")]
}
