//! Which flink-agents a class path has: every jar with classes of it, and whether they get into each other's way.

use super::report::Report;
use super::zip::Jar;
use std::path::{Path, PathBuf};

const AREA: &str = "jars";
/// The directory of all our classes, and of Apache Flink Agents' too.
const PACKAGE: &str = "org/apache/flink/agents/";
/// Users may have classes in that package as well; these they have not.
const PARTS: [&str; 4] = ["api/", "plan/", "core/", "runtime/"];
/// A class that only this project has; its checksum tells builds of one version apart.
const MARK: &str = "org/apache/flink/agents/core/Natives.class";
const GROUP: &str = "io.github.flink-agents-rs";
const KEEP_ONE: &str =
    "Keep exactly one flink-agents jar: take the others out of lib/ and restart the cluster, or out of the job's jar";

/// A jar that has classes of flink-agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agents {
    pub(super) path: PathBuf,
    /// Group and versions by Maven's notes in the jar; empty without notes.
    build: String,
    /// Checksum of [`MARK`]; none for a jar without it.
    mark: Option<u32>,
    /// Directories below `native/` that have a library.
    platforms: Vec<String>,
}

impl Agents {
    fn name(&self) -> String {
        match self.build.as_str() {
            "" => self.path.display().to_string(),
            build => format!("{} ({build})", self.path.display()),
        }
    }

    /// As far as both tell: a job's jar may have no notes, or a part of the classes.
    fn is_same(&self, other: &Agents) -> bool {
        let same_notes = self.build.is_empty() || other.build.is_empty() || self.build == other.build;
        let same_classes = self.mark.is_none() || other.mark.is_none() || self.mark == other.mark;
        same_notes && same_classes
    }

    /// Apache Flink Agents' own jar, whose classes have the same names.
    fn is_foreign(&self) -> bool {
        self.mark.is_none() && !self.build.contains(GROUP)
    }
}

/// Looks into a jar; `None` when it has nothing of flink-agents.
///
/// # Errors
/// When it cannot be read.
pub(super) fn look(path: &Path) -> std::io::Result<Option<Agents>> {
    let jar = Jar::open(path)?;
    let is_ours = |name: &str| {
        let below = name.strip_prefix(PACKAGE).filter(|name| name.ends_with(".class"));
        below.is_some_and(|name| PARTS.iter().any(|part| name.starts_with(part)))
    };
    if !jar.entries.iter().any(|entry| is_ours(&entry.name)) {
        return Ok(None);
    }
    let mut builds = Vec::new();
    let mut platforms = Vec::new();
    for entry in &jar.entries {
        let parts: Vec<&str> = entry.name.split('/').collect();
        match parts.as_slice() {
            ["META-INF", "maven", group, artifact, "pom.properties"] if artifact.starts_with("flink-agents-") => {
                let text = jar.text(entry)?;
                let version = text.lines().find_map(|line| line.strip_prefix("version="));
                // A user's own module may have a name like ours.
                if *group == GROUP || *group == "org.apache.flink" {
                    builds.push(format!("{group} {}", version.unwrap_or("unknown").trim()));
                }
            }
            ["native", platform, file] if file.starts_with("libflink_agents") => platforms.push((*platform).to_owned()),
            _ => {}
        }
    }
    builds.sort();
    builds.dedup();
    Ok(Some(Agents {
        path: path.to_owned(),
        build: builds.join(", "),
        mark: jar.entry(MARK).map(|entry| entry.crc),
        platforms,
    }))
}

/// Looks into jars, and reports those that cannot be read.
fn look_all(paths: &[PathBuf], report: &mut Report) -> Vec<Agents> {
    let mut found = Vec::new();
    for path in paths {
        match look(path) {
            Ok(agents) => found.extend(agents),
            Err(error) => report.wrong(
                AREA,
                format!("{} cannot be read: {error}", path.display()),
                "Copy the jar again, and let the user who runs Flink read it",
            ),
        }
    }
    found
}

/// The jars of a directory.
pub(super) fn in_directory(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_jar = |path: &PathBuf| path.extension().is_some_and(|end| end == "jar");
    let mut jars: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_jar).collect();
    jars.sort();
    jars
}

/// Judges the jars of Flink's `lib/` and those that jobs bring; returns one that has everything, for the next checks.
pub(super) fn check(lib: &[PathBuf], jobs: &[PathBuf], report: &mut Report) -> Option<PathBuf> {
    let before = report.findings.len();
    let lib = look_all(lib, report);
    let jobs = look_all(jobs, report);
    for jar in lib.iter().chain(&jobs) {
        if jar.is_foreign() {
            report.wrong(
                AREA,
                format!(
                    "{} is of Apache Flink Agents, whose classes have the same names",
                    jar.name()
                ),
                "Remove it: this project's jar has all that it has",
            );
        } else if jar.build.contains(", ") {
            report.wrong(
                AREA,
                format!("{} has parts of several builds", jar.name()),
                "Build it with one version of flink-agents; the agents' parts belong into one jar, flink-agents-dist",
            );
        } else if jar.mark.is_some() && !jar.platforms.contains(&platform()) {
            let has = if jar.platforms.is_empty() {
                "none".to_owned()
            } else {
                jar.platforms.join(", ")
            };
            report.wrong(
                AREA,
                format!(
                    "{} has no native library for {} (it has: {has})",
                    jar.name(),
                    platform()
                ),
                "Take the jar that was built for this platform; when packing a job's jar keep the directory native/",
            );
        }
    }
    if lib.len() > 1 {
        let names: Vec<String> = lib.iter().map(Agents::name).collect();
        report.wrong(
            AREA,
            format!(
                "lib/ has {} flink-agents jars, of which the first found hides the others: {}",
                lib.len(),
                names.join("; ")
            ),
            KEEP_ONE,
        );
    }
    if let Some(first) = lib.first() {
        for job in jobs.iter().filter(|job| !job.is_same(first)) {
            report.wrong(
                AREA,
                format!(
                    "{} hides the classes of {}, which is another build: Flink takes org.apache.flink.* from lib/ first",
                    first.name(),
                    job.name()
                ),
                KEEP_ONE,
            );
        }
    }
    for (at, job) in jobs.iter().enumerate() {
        if let Some(other) = jobs[..at].iter().find(|other| !other.is_same(job)) {
            report.wrong(
                AREA,
                format!("{} and {} are different builds", other.name(), job.name()),
                KEEP_ONE,
            );
        }
    }
    let all = || lib.iter().chain(&jobs);
    if report.findings.len() == before {
        match (lib.first(), jobs.first()) {
            (Some(first), _) => report.ok(AREA, format!("{} for all jobs", first.name())),
            (None, Some(job)) => report.ok(AREA, format!("{} goes along with its jobs, lib/ has none", job.name())),
            (None, None) => report.note(
                AREA,
                "no flink-agents jar was looked at",
                "Name that of a job by --jar; Python jobs bring that of their package",
            ),
        }
    }
    let best = all().find(|jar| jar.mark.is_some() && jar.platforms.contains(&platform()));
    best.map(|jar| jar.path.clone())
}

/// This machine, as jars name it.
pub(super) fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}
