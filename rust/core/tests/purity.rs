//! Invariant 1 of the architecture: the core depends on no runtime, clock, random source or file system.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that bring what the core must not have. A name with `*` is a prefix.
const FORBIDDEN: &[&str] = &[
    "async-std",
    "crossbeam*",
    "fastrand",
    "getrandom",
    "instant",
    "iana-time-zone",
    "jni",
    "jni-sys",
    "libc",
    "mio",
    "num_cpus",
    "parking_lot*",
    "pyo3*",
    "quanta",
    "rand",
    "rand_core",
    "rand_chacha",
    "rayon*",
    "rdkafka*",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio*",
    "ulid",
    "wasm-bindgen",
    "windows-sys",
    "web-time",
];

/// Crates that are pure as long as these features are off.
const FORBIDDEN_FEATURES: &[(&str, &[&str])] = &[
    ("chrono", &["clock", "now", "wasmbind"]),
    ("ahash", &["runtime-rng"]),
    ("uuid", &["v1", "v4", "v6", "v7", "rng"]),
];

fn forbidden(name: &str) -> bool {
    FORBIDDEN.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

#[test]
fn the_dependency_tree_has_no_runtime_no_clock_and_no_random_source() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--prefix",
            "none",
            "--edges",
            "normal",
            "--format",
            "{p}|{f}",
        ])
        .args(["--target", "all", "--package", env!("CARGO_PKG_NAME")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (package, features) = line.split_once('|').unwrap();
        let name = package.split(' ').next().unwrap();
        assert!(!forbidden(name), "rust/core must not depend on {name}: {line}");
        for (_, banned) in FORBIDDEN_FEATURES.iter().filter(|(pure, _)| *pure == name) {
            let feature = features.split(',').find(|feature| banned.contains(feature));
            assert_eq!(feature, None, "rust/core must not use this feature of {name}");
        }
        names.push(name.to_owned());
    }
    // The list was read, and the check can say no.
    for present in ["flink-agents-core", "rustc-hash", "slab"] {
        assert!(
            names.iter().any(|name| name == present),
            "{present} is missing in {names:?}"
        );
    }
    assert!(forbidden("tokio") && forbidden("tokio-util") && forbidden("rand") && !forbidden("slab"));
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What a line of code must not mention, and why.
fn offence(line: &str) -> Option<&'static str> {
    // A length of time is a number; only reading a clock is an offence.
    let code = line
        .split("//")
        .next()
        .unwrap_or_default()
        .replace("std::time::Duration", "");
    let code = code.as_str();
    let words: Vec<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    // `use std::{fs, io}` counts as well as `std::fs`.
    if words.contains(&"std") || words.contains(&"core") {
        for (module, why) in [
            ("time", "a clock"),
            ("fs", "files"),
            ("net", "the network"),
            ("thread", "threads"),
            ("process", "processes"),
            ("env", "the environment"),
            ("io", "input and output"),
            ("os", "the operating system"),
        ] {
            if code.contains(&format!("std::{module}")) || (code.contains("std::{") && words.contains(&module)) {
                return Some(why);
            }
        }
    }
    if words
        .iter()
        .any(|word| ["HashMap", "HashSet", "RandomState"].contains(word))
    {
        return Some("a table whose order differs in every process; use FxHashMap, BTreeMap or IndexMap with Fx");
    }
    if words
        .iter()
        .any(|word| ["SystemTime", "thread_local", "rand", "getrandom"].contains(word))
        // A value may be an instant; a clock is read by `now`, and its type comes from `std::time`.
        || code.contains("Instant::now")
    {
        return Some("a clock, a random source or state outside the machine");
    }
    None
}

#[test]
fn the_sources_mention_no_clock_no_files_no_threads_and_no_randomly_ordered_tables() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() >= 14, "the sources were not found");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            // Unit tests stand at the end of a file and may do more.
            if line.trim() == "#[cfg(test)]" {
                break;
            }
            if let Some(why) = offence(line) {
                panic!("{}:{}: the core must not use {why}\n{line}", file.display(), number + 1);
            }
        }
    }
}

#[test]
fn the_source_check_can_say_no() {
    for bad in [
        "use std::time::SystemTime;",
        "use std::{collections::BTreeMap, fs};",
        "    let now = Instant::now();",
        "use std::collections::{HashMap, VecDeque};",
        "let x: std::collections::HashSet<u32> = Default::default();",
        "std::thread::spawn(f);",
    ] {
        assert!(offence(bad).is_some(), "{bad}");
    }
    for good in [
        "use rustc_hash::FxHashMap;",
        "use std::collections::hash_map::Entry;",
        "/// no std::time here",
        "use std::collections::VecDeque;",
        "let timestamp = at;",
    ] {
        assert_eq!(offence(good), None, "{good}");
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    let head = include_str!("../src/lib.rs");
    assert!(head.contains("#![forbid(unsafe_code)]"));
}
