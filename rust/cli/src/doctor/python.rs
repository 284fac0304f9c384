//! The Python of agents' workers: the interpreter, its packages, and the start of a worker as a TaskManager does it.

use super::process::run;
use super::report::Report;
use flink_agents_runtime::worker::server::Program;
use flink_agents_runtime::worker::{Settings, Worker};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

const AREA: &str = "python";
const OLDEST: (u64, u64) = (3, 10);
/// Asks an interpreter who it is. Modules are imported one after another, so that what is wrong is told of the right one.
const PROBE: &str = r#"
import json, sys
told = {"version": list(sys.version_info[:3]), "executable": sys.executable}
def attempt(name, ask):
    try:
        told[name] = ask()
    except BaseException as e:
        told[name + "_error"] = f"{type(e).__name__}: {e}"
def package():
    import flink_agents
    return flink_agents.__file__
def core():
    from flink_agents import _core
    return _core.version()
def jar():
    from flink_agents.runtime.installation import find_jar
    return str(find_jar())
def pyflink():
    from importlib import metadata
    return metadata.version("apache-flink")
attempt("package", package)
if "package" in told:
    attempt("core", core)
    attempt("jar", jar)
attempt("pyflink", pyflink)
print(json.dumps(told))
"#;
/// An agent that does nothing.
const PLAN: &[u8] = br#"{"agent_name":"doctor","actions":{},"resource_providers":{},"config":{"conf_data":{}}}"#;

/// What is known of the interpreter that workers take.
pub(super) struct Interpreter {
    pub(super) program: String,
    /// Where the name comes from; none if nobody named it. One that was named has to work.
    pub(super) named_by: Option<String>,
}

/// Looks at an interpreter; returns the jar of its package, which Python jobs bring.
pub(super) fn check(
    python: &Interpreter,
    flink: Option<&str>,
    limit: Duration,
    report: &mut Report,
) -> Option<PathBuf> {
    let program = &python.program;
    let shown = match &python.named_by {
        Some(by) => format!("{program}, from {by},"),
        None => program.clone(),
    };
    let remedy = "Let python.executable of Flink's configuration, or -pyexec, name a Python from 3.10 in which flink-agents-rs is \
                  installed, on every machine with a TaskManager. Agents without Python need none";
    let mut missing = |text: String| match python.named_by {
        Some(_) => report.wrong(AREA, text, remedy),
        None => report.note(AREA, text, remedy),
    };
    let said = match run(program, &["-c", PROBE], limit) {
        Ok(said) => said,
        Err(error) => {
            missing(format!("{shown} cannot be run: {error}"));
            return None;
        }
    };
    let told: Value = match said.output.lines().last().map(serde_json::from_str) {
        Some(Ok(told)) if said.success => told,
        _ => {
            missing(format!("{shown} is no Python that works:\n{}", said.last_words()));
            return None;
        }
    };
    let numbers: Vec<u64> = told["version"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    let version: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let version = version.join(".");
    if (
        numbers.first().copied().unwrap_or(0),
        numbers.get(1).copied().unwrap_or(0),
    ) < OLDEST
    {
        missing(format!("{shown} is Python {version}, which is too old"));
        return None;
    }
    if told["package"].is_null() {
        let why = told["package_error"].as_str().unwrap_or_default();
        missing(format!("{shown} (Python {version}) has no flink_agents: {why}"));
        return None;
    }
    let Some(core) = told["core"].as_str() else {
        let why = told["core_error"].as_str().unwrap_or_default();
        let remedy =
            "Install flink-agents-rs again, for this Python and platform; Apache's flink-agents must not be beside it";
        report.wrong(
            AREA,
            format!("{shown} cannot load the core of its flink_agents: {why}"),
            remedy,
        );
        return None;
    };
    if core != env!("CARGO_PKG_VERSION") {
        report.wrong(
            AREA,
            format!(
                "{shown} has flink-agents-rs {core}, and this is {}",
                env!("CARGO_PKG_VERSION")
            ),
            "Install the same version everywhere: client, workers, and the jar",
        );
    } else {
        report.ok(AREA, format!("{shown} is Python {version} with flink-agents-rs {core}"));
    }
    match (told["pyflink"].as_str(), flink) {
        (Some(own), Some(flink)) if line(own) != line(flink) => report.wrong(
            AREA,
            format!("it has apache-flink {own}, and the Flink here is {flink}"),
            "Install the apache-flink of the cluster's version",
        ),
        (Some(own), _) => report.ok(AREA, format!("it has apache-flink {own}")),
        (None, _) => report.note(
            AREA,
            "it has no apache-flink, so it submits no jobs; workers do not need it",
            "",
        ),
    }
    start_worker(program, limit, report);
    match told["jar"].as_str() {
        Some(jar) => Some(PathBuf::from(jar)),
        None => {
            let why = told["jar_error"].as_str().unwrap_or_default();
            report.warning(
                AREA,
                format!("it submits no jobs: {why}"),
                "Install a wheel of flink-agents-rs that has the jar",
            );
            None
        }
    }
}

fn line(version: &str) -> Option<(u32, u32)> {
    super::home::version(version).map(|(major, minor, _)| (major, minor))
}

fn start_worker(program: &str, limit: Duration, report: &mut Report) {
    let settings = Settings {
        program: Program {
            command: [program, "-m", "flink_agents.runtime.worker"]
                .map(str::to_owned)
                .to_vec(),
            ..Program::default()
        },
        temporary: std::env::temp_dir(),
        agent: "doctor".to_owned(),
        task: "doctor".to_owned(),
        plan: PLAN.to_vec(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        start: limit,
        silence: limit,
        memory: None,
        grace: Duration::from_secs(5),
        exchange: false,
    };
    match Worker::start(settings, Box::new(|| {})) {
        Ok(mut worker) => {
            worker.stop();
            report.ok("worker", format!("{program} starts one, and it answers"));
        }
        Err(error) => report.wrong(
            "worker",
            error.to_string(),
            "The message names the cause; a worker needs flink-agents-rs in its Python, and a temporary directory for its socket",
        ),
    }
}
