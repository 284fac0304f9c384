//! `flink-agents doctor`: looks at what a job needs, on this machine and on a running cluster, and says how to mend what is wrong.

mod cluster;
mod home;
mod http;
mod jars;
mod process;
mod python;
mod report;
mod settings;
mod zip;

use crate::arguments::{Configuration, value_of};
use crate::{Answer, EXIT_DONE, EXIT_USAGE, EXIT_WRONG};
use flink_agents_core::config::{flink_text, parse_duration};
use report::Report;
use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "\
flink-agents doctor [OPTION…]

Looks at what jobs with agents need, and says of each thing whether it is right, and how to mend it: versions of Flink, Java and
Python, flink-agents jars that hide one another, whether the native library loads, whether a Python worker starts, the
configuration, secrets in it, the directory of event logs, the store of the journal (broker and topic, or file); and of a running cluster its
class paths, its configuration, and its jobs with agents.

  --flink-home DIR     Flink's directory; else FLINK_HOME
  --jar FILE           a job's jar; may be given several times
  --java FILE          the Java; else that of JAVA_HOME, else `java`
  --python FILE        the Python of workers; else python.executable of Flink's configuration, else `python`
  --cluster ADDRESS    a running cluster: the JobManager's REST interface, such as localhost:8081 or https://flink.example.com
  --ca-file FILE       certificates in PEM form that are trusted besides those of the system, where that is encrypted
  --config FILE        a configuration file of Flink; without it the one in the directory FLINK_CONF_DIR, if that is set
  -Dagent.KEY=VALUE    an option, above that file
  --timeout DURATION   how long each program, each request and the store may take, 30 s if it is left out
  --json               the report as one line of JSON
  -h, --help           this text

Exit status: 0 nothing is wrong, there may be warnings; 1 something is wrong; 2 wrong arguments. Nothing is changed, no topic and
no file is made, but for a file in directories that must be writable, which goes at once.
";

/// What a front end knows, below what is said.
#[derive(Debug, Default)]
struct Request {
    home: Option<PathBuf>,
    jars: Vec<PathBuf>,
    java: Option<String>,
    python: Option<String>,
    /// The front end's own, where nothing else is named.
    own_python: Option<String>,
    own_java: Option<String>,
    own_home: Option<PathBuf>,
    cluster: Option<http::Address>,
    ca_file: Option<PathBuf>,
    limit: Option<Duration>,
    json: bool,
    configuration: Configuration,
}

/// Runs it.
pub(crate) fn run(words: &[String]) -> Answer {
    if words.iter().any(|word| word == "-h" || word == "--help") || words.first().is_some_and(|word| word == "help") {
        return Answer::done(USAGE.to_owned());
    }
    let request = match parse(words) {
        Ok(request) => request,
        Err(text) => {
            let hint = "`flink-agents doctor --help` says what there is.";
            return Answer::error(EXIT_USAGE, &format!("doctor: {text}. {hint}"));
        }
    };
    let json = request.json;
    let report = examine(request);
    Answer {
        status: if report.is_wrong() { EXIT_WRONG } else { EXIT_DONE },
        output: if json { report.json() } else { report.text() },
        errors: String::new(),
    }
}

fn examine(request: Request) -> Report {
    let mut report = Report::default();
    let limit = request.limit.unwrap_or(Duration::from_secs(30));
    report.ok(
        "version",
        format!("flink-agents-rs {} on {}", env!("CARGO_PKG_VERSION"), jars::platform()),
    );

    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let home = request
        .home
        .or_else(|| variable("FLINK_HOME").map(PathBuf::from))
        .or(request.own_home);
    let (flink, lib) = match &home {
        Some(home) => home::check_flink(home, &mut report),
        None => {
            report.note(
                "flink",
                "no Flink was looked at",
                "Let FLINK_HOME, or --flink-home, name its directory",
            );
            (None, Vec::new())
        }
    };
    let of_home = variable("JAVA_HOME").map(|java| format!("{java}/bin/java"));
    let java = request
        .java
        .or(of_home)
        .or(request.own_java)
        .unwrap_or_else(|| "java".to_owned());
    let java_works = home::check_java(&java, limit, &mut report);

    // What is wrong with the file is said below, once.
    let source = request.configuration.source();
    let configured = match &source {
        Ok(Some((name, text))) => flink_text(name, text, "python.executable"),
        _ => None,
    };
    let interpreter = match (request.python, configured) {
        (Some(program), _) => (program, Some("--python".to_owned())),
        (None, Some(program)) => (program, Some("python.executable".to_owned())),
        (None, None) => (request.own_python.unwrap_or_else(|| "python".to_owned()), None),
    };
    let interpreter = python::Interpreter {
        program: interpreter.0,
        named_by: interpreter.1,
    };
    let package = python::check(&interpreter, flink.as_deref(), limit, &mut report);

    let mut jobs = request.jars;
    jobs.extend(package.filter(|jar| !jobs.contains(jar)));
    let best = jars::check(&lib, &jobs, &mut report);
    if let Some(jar) = best.filter(|_| java_works) {
        home::check_library(&java, &jar, limit, &mut report);
    }

    let place = match &source {
        Ok(Some((name, _))) => name.clone(),
        _ => "no configuration file".to_owned(),
    };
    match request.configuration.read() {
        Ok((config, warnings)) => settings::check(&place, &config, &warnings, limit, &mut report),
        Err(error) => report.wrong("config", error, "Correct it; jobs that read it are refused"),
    }
    if let Some(address) = &request.cluster {
        match http::Rest::new(address, request.ca_file, limit) {
            Ok(rest) => cluster::check(&rest, flink.as_deref(), &mut report),
            Err(error) => report.wrong("cluster", error, "Let --ca-file name a file with certificates"),
        }
    }
    report
}

fn parse(words: &[String]) -> Result<Request, String> {
    let mut request = Request::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--json" {
            request.json = true;
        } else if let Some(home) = value_of("--flink-home", word, &mut rest)? {
            request.home = Some(PathBuf::from(home));
        } else if let Some(jar) = value_of("--jar", word, &mut rest)? {
            request.jars.push(PathBuf::from(jar));
        } else if let Some(java) = value_of("--java", word, &mut rest)? {
            request.java = Some(java);
        } else if let Some(python) = value_of("--python", word, &mut rest)? {
            request.python = Some(python);
        } else if let Some(python) = value_of("--own-python", word, &mut rest)? {
            request.own_python = Some(python);
        } else if let Some(java) = value_of("--own-java", word, &mut rest)? {
            request.own_java = Some(java);
        } else if let Some(home) = value_of("--own-flink-home", word, &mut rest)? {
            request.own_home = Some(PathBuf::from(home));
        } else if let Some(address) = value_of("--cluster", word, &mut rest)? {
            request.cluster = Some(http::Address::of(&address)?);
        } else if let Some(file) = value_of("--ca-file", word, &mut rest)? {
            request.ca_file = Some(PathBuf::from(file));
        } else if let Some(limit) = value_of("--timeout", word, &mut rest)? {
            let parsed = parse_duration(&limit).filter(|limit| !limit.is_zero());
            request.limit = Some(parsed.ok_or_else(|| format!("--timeout {limit} is no duration such as 10 s"))?);
        } else if !request.configuration.take(word, &mut rest)? {
            return Err(format!("there is no option {word}"));
        }
    }
    Ok(request)
}
