//! Flink's directory, the Java of this machine, and whether it loads the native library.

use super::jars;
use super::process::run;
use super::report::Report;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lines of Flink that the operator runs on, from the oldest release of the oldest one.
const OLDEST: (u32, u32, u32) = (1, 20, 3);
const NEWEST: (u32, u32) = (2, 3);
const OLDEST_JAVA: u32 = 11;

/// Reads `2.3.0`, `1.20.5`, `2.3-SNAPSHOT`, …
pub(super) fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.split(['.', '-']).map(|part| part.parse().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    Some((major, minor, numbers.next().flatten().unwrap_or(0)))
}

/// Says whether a version of Flink, that of `where`, is one that agents run on.
pub(super) fn judge_flink(area: &'static str, text: &str, place: &str, report: &mut Report) {
    let supported = "Use Flink 1.20 (from 1.20.3), 2.0, 2.1, 2.2 or 2.3";
    match version(text) {
        None => report.warning(area, format!("'{text}' of {place} is no version of Flink"), supported),
        Some(found) if found < OLDEST => report.wrong(
            area,
            format!("Flink {text} of {place} is older than agents run on"),
            supported,
        ),
        Some((major, minor, _)) if (major, minor) > NEWEST => report.warning(
            area,
            format!("Flink {text} of {place} is newer than what this version was tested with"),
            supported,
        ),
        Some(_) => report.ok(area, format!("{text} of {place}")),
    }
}

/// Looks at a Flink directory; returns its version and the jars of its `lib/`.
pub(super) fn check_flink(home: &Path, report: &mut Report) -> (Option<String>, Vec<PathBuf>) {
    let lib = home.join("lib");
    let found = jars::in_directory(&lib);
    let name = |path: &PathBuf| {
        path.file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let flink: Vec<String> = found
        .iter()
        .map(name)
        .filter(|name| name.starts_with("flink-dist"))
        .collect();
    let version = match flink.as_slice() {
        [one] => {
            let text = one.trim_start_matches("flink-dist").trim_end_matches(".jar");
            // `flink-dist_2.12-1.16.0.jar` has the version of Scala, too.
            let text = text
                .rsplit_once('_')
                .map_or(text, |(_, rest)| rest.split_once('-').map_or(rest, |(_, v)| v));
            let text = text.trim_start_matches('-').to_owned();
            judge_flink("flink", &text, &home.display().to_string(), report);
            Some(text)
        }
        [] => {
            report.wrong(
                "flink",
                format!(
                    "{} has no lib/flink-dist-*.jar: it is no Flink distribution",
                    home.display()
                ),
                "Let FLINK_HOME, or --flink-home, name the directory of a Flink distribution",
            );
            None
        }
        several => {
            report.wrong(
                "flink",
                format!(
                    "{} has {} versions of Flink: {}",
                    lib.display(),
                    several.len(),
                    several.join(", ")
                ),
                "Keep one of them",
            );
            None
        }
    };
    let own_classes = home.join("usrlib");
    let mut all = found;
    all.extend(jars::in_directory(&own_classes));
    (version, all)
}

/// Looks at a Java; returns whether it works.
pub(super) fn check_java(java: &str, limit: Duration, report: &mut Report) -> bool {
    let remedy = "Install a Java 11, 17 or 21, and let JAVA_HOME or --java name it";
    let said = match run(java, &["-version"], limit) {
        Ok(said) => said,
        Err(error) => {
            report.wrong("java", format!("{java} cannot be run: {error}"), remedy);
            return false;
        }
    };
    let text = said.errors + &said.output;
    let line = text
        .lines()
        .find(|line| line.contains("version \""))
        .unwrap_or_default();
    let number = line.split('"').nth(1).unwrap_or_default();
    // Java 8 called itself 1.8.
    let number_of = |text: &str| {
        text.split(['.', '-', '_'])
            .next()
            .and_then(|part| part.parse::<u32>().ok())
    };
    match number_of(number.strip_prefix("1.").unwrap_or(number)) {
        Some(major) if major >= OLDEST_JAVA => report.ok("java", format!("{line} ({java})")),
        Some(_) => {
            report.wrong("java", format!("{line} ({java}) is too old"), remedy);
            return false;
        }
        None => {
            report.wrong(
                "java",
                format!("{java} does not say which Java it is: {}", text.trim()),
                remedy,
            );
            return false;
        }
    }
    true
}

/// Loads the native library of a jar in a JVM of its own.
pub(super) fn check_library(java: &str, jar: &Path, limit: Duration, report: &mut Report) {
    let place = jar.display().to_string();
    let arguments = [
        "-cp",
        place.as_str(),
        "org.apache.flink.agents.core.CommandLine",
        "--help",
    ];
    match run(java, &arguments, limit) {
        Ok(said) if said.success => report.ok("library", format!("that of {place} is loaded by {java}")),
        Ok(said) => report.wrong(
            "library",
            format!("{java} does not load that of {place}:\n{}", said.last_words()),
            "What the JVM says names the cause: a platform the jar was not built for, a C library that is older than \
             the build's, or a java.io.tmpdir that is full, read-only or mounted with noexec",
        ),
        Err(error) => report.wrong(
            "library",
            format!("{java} with {place}: {error}"),
            "Try again on a machine with less to do, or give more time by --timeout",
        ),
    }
}
