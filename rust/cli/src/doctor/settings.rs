//! The configuration, what it refers to, the directories it names, and the store.

use super::report::Report;
use crate::backends;
use flink_agents_core::config::{ConfigMap, Reference, is_secret};
use flink_agents_runtime::secrets;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const AREA: &str = "config";
/// Directories that are written to.
const DIRECTORIES: [&str; 1] = ["baseLogDir"];

/// Judges what was read; the values are not shown. The store may take as long as `limit`.
pub(super) fn check(place: &str, config: &ConfigMap, warnings: &[String], limit: Duration, report: &mut Report) {
    report.ok(
        AREA,
        format!("{place}: {} options of agents are set, none is wrong", config.len()),
    );
    for warning in warnings {
        report.warning(
            AREA,
            warning.clone(),
            "Correct the key; docs/operations/configuration.md lists all",
        );
    }
    check_secrets(config, report);
    for key in DIRECTORIES {
        if let Some(text) = config
            .raw(key)
            .and_then(|raw| raw.as_string())
            .filter(|text| !text.trim().is_empty())
        {
            check_writable("event log", key, Path::new(&text), report);
        }
    }
    check_store(config, limit, report);
}

/// Secrets that lie in the configuration itself, and references that lead nowhere on this machine.
pub(super) fn check_secrets(config: &ConfigMap, report: &mut Report) {
    for (key, raw) in config.iter() {
        let Some(text) = raw.as_string() else { continue };
        if Reference::of(&text).is_none() {
            if is_secret(key) && !text.is_empty() {
                report.warning(
                    AREA,
                    format!("'{key}' holds a secret, which everybody sees who may read the configuration or the plan"),
                    "Put it into a file or an environment variable, and write ${file:PATH} or ${env:NAME} here",
                );
            }
        } else if let Err(missing) = secrets::resolve(&text) {
            report.warning(
                AREA,
                format!("'{key}' refers to what is not on this machine: {missing}"),
                missing.remedy,
            );
        }
    }
}

fn check_store(config: &ConfigMap, limit: Duration, report: &mut Report) {
    let backend = match config.get_enum(backends::BACKEND) {
        Ok(None) => return report.note("store", "none is configured: actions may run again after a failure", ""),
        Ok(Some("memory")) => {
            return report.warning(
                "store",
                "memory ends with its process",
                format!("Use it for tests only; {} takes kafka or sqlite", backends::BACKEND),
            );
        }
        Ok(Some(backend)) => backend,
        // Said already.
        Err(_) => return,
    };
    let probed = backends::of(config).and_then(|tool| tool.probe(limit).map_err(|error| error.to_string()));
    match probed {
        Ok(probe) => {
            report.ok("store", format!("{backend}: {}", probe.found));
            for warning in probe.warnings {
                report.warning("store", warning, "");
            }
            if backend == "sqlite"
                && let Ok(Some(path)) = config.get_text(backends::SQLITE_PATH)
                && let Some(parent) = Path::new(&path).parent()
            {
                check_writable("store", backends::SQLITE_PATH, parent, report);
            }
        }
        // The message says how to mend it.
        Err(error) => report.wrong("store", error, ""),
    }
}

/// Whether files can be made in a directory, or in the nearest one above it that is there.
fn check_writable(area: &'static str, key: &str, directory: &Path, report: &mut Report) {
    let there = directory.ancestors().find(|path| path.exists());
    let there = there.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let probe = there.join(format!(".flink-agents-doctor-{}", std::process::id()));
    let tried = if there.is_dir() {
        fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe))
    } else {
        Err(std::io::Error::other("it is no directory"))
    };
    let shown = directory.display();
    match tried {
        Ok(()) => report.ok(
            area,
            format!("{key}: {shown} can be written to, by this user on this machine"),
        ),
        Err(error) => {
            let _ = fs::remove_file(&probe);
            let above = if there == directory {
                String::new()
            } else {
                format!(" (of {})", there.display())
            };
            report.wrong(
                area,
                format!("{key}: {shown} cannot be written to: {error}{above}"),
                "Name a directory that the user who runs the tasks may write to, with free space, on every machine",
            );
        }
    }
}
