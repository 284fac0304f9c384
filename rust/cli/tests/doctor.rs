//! What the doctor says of set-ups that are broken on purpose, and of one that is not.
#![allow(clippy::unwrap_used)]

mod common;

use common::doctor::{agents_jar, encrypted_server, jar, java, script, server};
use common::{Directory, call, done, refused};
use flink_agents_cli::{EXIT_DONE, EXIT_WRONG};
use serde_json::Value;

/// What is found with these arguments: `(area, state, text and remedy)`, and the exit status.
fn findings(words: &[&str]) -> (u8, Vec<(String, String, String)>) {
    let all = [&["doctor", "--json", "--timeout", "20 s"], words].concat();
    let answer = call(&all);
    assert_eq!(answer.errors, "");
    let document: Value = serde_json::from_str(&answer.output).unwrap();
    let found = document["findings"].as_array().unwrap().iter().map(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (text("area"), text("state"), text("text") + " → " + &text("remedy"))
    });
    (answer.status, found.collect())
}

/// That something is found, with all these texts.
fn says(found: &[(String, String, String)], area: &str, state: &str, texts: &[&str]) {
    let fits =
        |(a, s, t): &&(String, String, String)| a == area && s == state && texts.iter().all(|text| t.contains(text));
    assert!(
        found.iter().any(|f| fits(&f)),
        "{area} {state} {texts:?} is not in\n{found:#?}"
    );
}

fn count(found: &[(String, String, String)], state: &str) -> usize {
    found.iter().filter(|(_, s, _)| s == state).count()
}

/// A Flink with these jars in `lib/`, each with version and classes.
fn flink(name: &str, version: &str, jars: &[(&str, &str, &str)]) -> Directory {
    let home = Directory::new(name);
    jar(
        &home.file(&format!("lib/flink-dist-{version}.jar")),
        &[("org/apache/flink/Any.class", b"x")],
    );
    for (name, version, classes) in jars {
        agents_jar(&home.file(&format!("lib/{name}")), version, classes);
    }
    home
}

#[test]
fn nothing_is_wrong_where_everything_is_right() {
    let home = flink(
        "doctor-right",
        "2.3.0",
        &[("flink-agents-dist-0.1.0.jar", "0.1.0", "one")],
    );
    agents_jar(&home.file("job.jar"), "0.1.0", "one");
    let config = home.write(
        "config.yaml",
        "agent:\n  job-identifier: demo\n  actionStateStoreBackend: sqlite\n",
    );
    let (java, logs) = (java(&home), format!("-Dagent.baseLogDir={}", home.file("logs/deep")));
    let path = format!("-Dagent.sqlite.path={}", home.file("journal.sqlite"));
    let words = [
        "--flink-home",
        &home.path(),
        "--jar",
        &home.file("job.jar"),
        "--java",
        &java,
        "--own-python",
        "/nowhere/python",
        "--config",
        &config,
        &logs,
        &path,
    ];
    let (status, found) = findings(&words);
    assert_eq!(
        (status, count(&found, "wrong"), count(&found, "warning")),
        (EXIT_DONE, 0, 0),
        "{found:#?}"
    );
    says(&found, "flink", "ok", &["2.3.0"]);
    says(&found, "java", "ok", &["17.0.9"]);
    says(
        &found,
        "jars",
        "ok",
        &["lib/flink-agents-dist-0.1.0.jar", "for all jobs"],
    );
    says(&found, "library", "ok", &["flink-agents-dist-0.1.0.jar"]);
    says(
        &found,
        "python",
        "note",
        &["/nowhere/python", "Agents without Python need none"],
    );
    says(&found, "config", "ok", &["4 options"]);
    says(&found, "event log", "ok", &["logs/deep"]);
    says(
        &found,
        "store",
        "ok",
        &["journal.sqlite is not there, and the first job makes it"],
    );
    assert!(!std::path::Path::new(&home.file("logs")).exists());
    let text = done(&[&["doctor"], &words[..]].concat());
    assert!(text.contains("ok       flink        2.3.0 of"), "{text}");
    assert!(text.ends_with("\nNothing is wrong.\n"), "{text}");
}

#[test]
fn jars_that_hide_one_another_are_named() {
    let two = [
        ("flink-agents-a.jar", "0.1.0", "one"),
        ("flink-agents-b.jar", "0.2.0", "two"),
    ];
    let home = flink("doctor-two", "2.3.0", &two);
    let java = java(&home);
    let (status, found) = findings(&[
        "--flink-home",
        &home.path(),
        "--java",
        &java,
        "--own-python",
        "/nowhere",
    ]);
    assert_eq!(status, EXIT_WRONG);
    says(
        &found,
        "jars",
        "wrong",
        &[
            "lib/ has 2 flink-agents jars",
            "a.jar",
            "0.1.0",
            "b.jar",
            "0.2.0",
            "Keep exactly one",
        ],
    );

    // A job's jar against that in lib/, of another version, and of another build of the same version.
    for (version, classes) in [("0.2.0", "two"), ("0.1.0", "two")] {
        let home = flink(
            "doctor-shadow",
            "2.3.0",
            &[("flink-agents-dist-0.1.0.jar", "0.1.0", "one")],
        );
        let job = home.file("job.jar");
        agents_jar(&job, version, classes);
        let words = [
            "--flink-home",
            &home.path(),
            "--java",
            &java,
            "--own-python",
            "/nowhere",
            "--jar",
            &job,
        ];
        let (status, found) = findings(&words);
        assert_eq!(status, EXIT_WRONG);
        says(
            &found,
            "jars",
            "wrong",
            &["lib/flink-agents-dist-0.1.0.jar", "hides", "job.jar", "from lib/ first"],
        );
    }
}

#[test]
fn jars_of_others_broken_ones_and_those_without_library_are_named() {
    let home = flink("doctor-jars", "1.20.5", &[]);
    let java = java(&home);
    jar(
        &home.file("lib/flink-agents-dist-flink-2.2-0.3.1.jar"),
        &[
            (
                "META-INF/maven/org.apache.flink/flink-agents-api/pom.properties",
                b"version=0.3.1\n",
            ),
            ("org/apache/flink/agents/api/Agent.class", b"x"),
        ],
    );
    jar(
        &home.file("bare.jar"),
        &[("org/apache/flink/agents/core/Natives.class", b"one")],
    );
    home.write("cut.jar", "PK\x03\x04 and no more");
    // Somebody's own classes in a package that begins alike are nobody's business.
    jar(
        &home.file("own.jar"),
        &[("org/apache/flink/agents/examples/Mine.class", b"x")],
    );
    let jars = ["bare.jar", "cut.jar", "missing.jar", "own.jar"].map(|name| format!("--jar={}", home.file(name)));
    let mut words = vec!["--flink-home", "", "--java", &java, "--own-python", "/nowhere"];
    let path = home.path();
    words[1] = &path;
    words.extend(jars.iter().map(String::as_str));
    let (status, found) = findings(&words);
    assert_eq!(status, EXIT_WRONG);
    says(
        &found,
        "jars",
        "wrong",
        &["0.3.1.jar", "Apache Flink Agents", "Remove it"],
    );
    says(
        &found,
        "jars",
        "wrong",
        &["bare.jar", "no native library for", "it has: none"],
    );
    says(
        &found,
        "jars",
        "wrong",
        &["cut.jar cannot be read", "not copied to its end"],
    );
    says(&found, "jars", "wrong", &["missing.jar cannot be read"]);
    assert!(!found.iter().any(|(.., text)| text.contains("own.jar")), "{found:#?}");
}

#[test]
fn versions_that_agents_do_not_run_on_are_named() {
    let too_old = [
        ("1.19.1", "wrong", "older"),
        ("1.20.1", "wrong", "older"),
        ("2.9.0", "warning", "newer"),
    ];
    for (version, state, text) in too_old {
        let home = flink("doctor-versions", version, &[]);
        let (_, found) = findings(&["--flink-home", &home.path(), "--own-python", "/nowhere"]);
        says(&found, "flink", state, &[version, text, "Use Flink 1.20"]);
    }
    let home = flink("doctor-none", "2.3.0", &[]);
    let java8 = script(&home, "java8", r#"echo 'java version "1.8.0_392"' >&2"#);
    let no_java = script(&home, "nojava", "echo something");
    let at = home.file("lib");
    for (java, text) in [
        (java8.as_str(), "too old"),
        ("/nowhere/java", "cannot be run"),
        (&no_java, "does not say"),
    ] {
        let (status, found) = findings(&["--java", java, "--flink-home", &at, "--own-python", "/nowhere"]);
        assert_eq!(status, EXIT_WRONG);
        says(&found, "java", "wrong", &[java, text, "Install a Java"]);
        says(&found, "flink", "wrong", &["no Flink distribution"]);
    }
}

#[test]
fn a_library_that_does_not_load_is_shown_with_what_the_jvm_says() {
    let home = flink("doctor-library", "2.3.0", &[("flink-agents-dist.jar", "0.1.0", "one")]);
    let lines = r#"if [ "$1" = -version ]; then echo 'openjdk version "21"' >&2; exit 0; fi
echo 'Exception in thread "main" java.lang.UnsatisfiedLinkError: no GLIBC_2.99' >&2; exit 1"#;
    let java = script(&home, "java", lines);
    let (status, found) = findings(&[
        "--flink-home",
        &home.path(),
        "--java",
        &java,
        "--own-python",
        "/nowhere",
    ]);
    assert_eq!(status, EXIT_WRONG);
    says(&found, "library", "wrong", &["GLIBC_2.99", "noexec"]);
    // One that hangs is not waited for.
    let hanging = script(
        &home,
        "hanging",
        r#"[ "$1" = -version ] && echo 'openjdk version "21"' >&2 && exit 0; exec sleep 60"#,
    );
    let words = [
        "--flink-home",
        &home.path(),
        "--java",
        &hanging,
        "--own-python",
        "/nowhere",
        "--timeout",
        "1 s",
    ];
    let (_, found) = findings(&words);
    says(&found, "library", "wrong", &["did not end within 1 s"]);
}

#[test]
fn pythons_that_cannot_work_are_named() {
    let place = Directory::new("doctor-python");
    let told = |json: &str| format!("echo '{json}'");
    let cases = [
        ("/nowhere/python", "", &["cannot be run", "python.executable"][..]),
        (
            "old",
            r#"{"version":[3,8,1],"package":"p","core":"0.1.0"}"#,
            &["3.8.1", "too old"],
        ),
        (
            "bare",
            r#"{"version":[3,11,2],"package_error":"ModuleNotFoundError: No module named flink_agents"}"#,
            &["no flink_agents", "ModuleNotFoundError"],
        ),
        (
            "broken",
            r#"{"version":[3,11,2],"package":"p","core_error":"ImportError: undefined symbol"}"#,
            &["undefined symbol", "again"],
        ),
        (
            "other",
            r#"{"version":[3,11,2],"package":"p","core":"0.0.9","pyflink":"2.3.0"}"#,
            &["0.0.9", "same version"],
        ),
    ];
    for (name, json, texts) in cases {
        let program = match json {
            "" => name.to_owned(),
            json => script(&place, name, &told(json)),
        };
        let (status, found) = findings(&["--python", &program, "--timeout", "5 s"]);
        assert_eq!(status, EXIT_WRONG, "{found:#?}");
        says(&found, "python", "wrong", texts);
    }
    // The worker of the last one did not start, and its program says why.
    let other = script(
        &place,
        "dies",
        "case \"$2\" in *import*) echo '{\"version\":[3,11,2],\"package\":\"p\",\"core\":\"0.1.0\"}';; *) echo no socket >&2; exit 3;; esac",
    );
    let (_, found) = findings(&["--python", &other, "--timeout", "5 s"]);
    says(&found, "worker", "wrong", &["no socket"]);
}

#[test]
fn the_interpreter_is_that_of_flinks_configuration() {
    let place = Directory::new("doctor-executable");
    for (name, text) in [
        (
            "config.yaml",
            "python:\n  executable: /nowhere/configured\nagent:\n  job-identifier: x\n",
        ),
        (
            "flink-conf.yaml",
            "python.executable: /nowhere/configured\nagent.job-identifier: x\n",
        ),
    ] {
        let config = place.write(name, text);
        let (status, found) = findings(&["--config", &config, "--own-python", "/nowhere/own"]);
        assert_eq!(status, EXIT_WRONG);
        says(
            &found,
            "python",
            "wrong",
            &["/nowhere/configured, from python.executable,"],
        );
    }
}

#[test]
fn configuration_is_judged_without_showing_secrets() {
    let place = Directory::new("doctor-config");
    let cases = [
        ("no: [yaml", &["config", "wrong", ", line ", "not valid YAML"][..]),
        ("agent: text\n", &["config", "wrong", "line 1", "must be a mapping"]),
        ("- a\n", &["config", "wrong", "must be a mapping"]),
        (
            "agent:\n  max-in-flight: lots\n",
            &["config", "wrong", "line 2", "max-in-flight", "lots"],
        ),
        (
            "agent:\n  max-inflight: 5\n",
            &["config", "warning", "line 2", "did you mean 'max-in-flight'"],
        ),
        (
            "agent:\n  my.api-key: hunter2\n",
            &["config", "warning", "'my.api-key' holds a secret", "${env:NAME}"],
        ),
        (
            "agent:\n  my.api-key: ${file:/nowhere/k}\n",
            &["config", "warning", "my.api-key", "file /nowhere/k"],
        ),
        (
            "agent:\n  baseLogDir: /dev/null/logs\n",
            &["event log", "wrong", "/dev/null", "free space"],
        ),
        (
            "agent:\n  actionStateStoreBackend: kafka\n",
            &["store", "wrong", "kafkaActionStateTopic"],
        ),
        (
            "agent:\n  actionStateStoreBackend: memory\n",
            &["store", "warning", "tests only"],
        ),
        (
            "agent:\n  actionStateStoreBackend: sqlite\n  sqlite.path: /dev/null/x/j.sqlite\n",
            &["store", "wrong", "/dev/null is no directory"],
        ),
        (
            "agent:\n  python.worker.timeout: hunter2\n",
            &["config", "wrong", "hunter2"],
        ),
        (
            "agent:\n  kafka.properties.sasl.password: [hunter2]\n",
            &["config", "wrong", "not shown"],
        ),
    ];
    for (text, expected) in cases {
        let config = place.write("config.yaml", text);
        let (status, found) = findings(&["--config", &config, "--own-python", "/nowhere"]);
        says(&found, expected[0], expected[1], &expected[2..]);
        assert_eq!(found.iter().any(|(_, state, _)| state == "wrong"), status == EXIT_WRONG);
        if !text.contains("timeout") {
            assert!(!found.iter().any(|(.., text)| text.contains("hunter2")), "{found:#?}");
        }
    }
    let (_, found) = findings(&["--config", "/nowhere/config.yaml", "--own-python", "/nowhere"]);
    says(&found, "config", "wrong", &["/nowhere/config.yaml cannot be read"]);
}

#[test]
fn a_broker_that_does_not_answer_is_named_after_the_time_that_is_allowed() {
    let words = [
        "--own-python",
        "/nowhere",
        "-Dagent.actionStateStoreBackend=kafka",
        "-Dagent.kafkaActionStateTopic=t",
        "-Dagent.kafkaBootstrapServers=127.0.0.1:1",
        "--timeout",
        "1500 ms",
    ];
    let (status, found) = findings(&words);
    assert_eq!(status, EXIT_WRONG);
    says(&found, "store", "wrong", &["topic t", "127.0.0.1:1", "within 1.5s"]);
}

const OVERVIEW: &str = r#"{"taskmanagers":1,"slots-total":4,"slots-available":2,"flink-version":"2.3.0"}"#;
const JOBS: &str = r#"{"jobs":[{"jid":"aa","state":"RESTARTING"},{"jid":"bb","state":"RUNNING"},{"jid":"cc","state":"RUNNING"},
{"jid":"dd","state":"FINISHED"}]}"#;
const FAILURES: &str = r#"{"exceptionHistory":{"entries":[{"stacktrace":"org.apache.flink.X: it failed\n\tat a.B\nCaused by: middle\n\tat c.D\nCaused by: first cause\nCaused by: No module named shop\n\t... 3 more\n"}]}}"#;

#[test]
fn a_cluster_is_asked_for_its_class_paths_its_configuration_and_its_jobs() {
    let job = |id: &str, name: &str, state: &str, vertex: &str| {
        format!(r#"{{"jid":"{id}","name":"{name}","state":"{state}","vertices":[{{"name":"Source -> {vertex}"}}]}}"#)
    };
    let (aa, bb, cc) = (
        job("aa", "shop", "RESTARTING", "action-execute-operator"),
        job("bb", "quiet", "RUNNING", "action-execute-operator -> Sink"),
        job("cc", "other", "RUNNING", "Map"),
    );
    let log = "2026 INFO  Classpath: /opt/lib/flink-agents-dist-0.1.0.jar:/opt/lib/flink-agents-dist-0.2.0.jar:/opt/lib/x.jar:::\n";
    let config = r#"[{"key":"agent.max-inflight","value":"5"},{"key":"agent.my.password","value":"hunter2"},{"key":"rest.port","value":"1"}]"#;
    let address = server(&[
        ("/overview", 200, OVERVIEW),
        (
            "/jobmanager/environment",
            200,
            r#"{"classpath":["/opt/lib/flink-dist-2.3.0.jar"]}"#,
        ),
        ("/jobmanager/config", 200, config),
        (
            "/taskmanagers",
            200,
            r#"{"taskmanagers":[{"id":"tm-1"},{"id":"tm-2"}]}"#,
        ),
        ("/taskmanagers/tm-1/log", 200, log),
        ("/jobs/overview", 200, JOBS),
        ("/jobs/aa", 200, &aa),
        ("/jobs/bb", 200, &bb),
        ("/jobs/cc", 200, &cc),
        ("/jobs/aa/exceptions?maxExceptions=1", 200, FAILURES),
        (
            "/jobs/bb/checkpoints",
            200,
            r#"{"counts":{"failed":2,"total":5},"latest":{"failed":{"failure_message":"disk full"}}}"#,
        ),
    ]);
    let (status, found) = findings(&["--own-python", "/nowhere", "--cluster", &address]);
    assert_eq!(status, EXIT_WRONG);
    says(&found, "cluster", "ok", &["2.3.0 of http://127.0.0.1:"]);
    says(&found, "cluster", "ok", &["1 TaskManagers, 2 of 4 slots"]);
    says(&found, "jars", "ok", &["the JobManager has no flink-agents jar"]);
    says(
        &found,
        "jars",
        "wrong",
        &["TaskManager tm-1", "0.1.0.jar", "0.2.0.jar", "Keep exactly one"],
    );
    says(&found, "cluster", "note", &["tm-2"]);
    says(&found, "cluster", "warning", &["did you mean 'max-in-flight'"]);
    says(&found, "config", "warning", &["'my.password' holds a secret"]);
    says(
        &found,
        "jobs",
        "wrong",
        &[
            "'shop' (aa) is RESTARTING",
            "it failed",
            "first cause",
            "No module named shop",
        ],
    );
    says(&found, "jobs", "ok", &["'quiet' (bb) runs"]);
    says(
        &found,
        "jobs",
        "warning",
        &["'quiet' (bb): 2 of 5 checkpoints have failed", "disk full"],
    );
    assert!(
        !found
            .iter()
            .any(|(.., text)| text.contains("hunter2") || text.contains("(cc)") || text.contains("(dd)"))
    );
}

#[test]
fn what_is_no_cluster_is_named() {
    let home = flink("doctor-cluster", "1.20.5", &[]);
    let address = server(&[("/overview", 200, OVERVIEW), ("/jobs/overview", 200, r#"{"jobs":[]}"#)]);
    let (_, found) = findings(&[
        "--flink-home",
        &home.path(),
        "--own-python",
        "/nowhere",
        "--cluster",
        &address,
    ]);
    says(
        &found,
        "cluster",
        "warning",
        &["the Flink here is 1.20.5, that of the cluster 2.3.0"],
    );
    says(&found, "jobs", "note", &["none with an agent"]);
    for (address, text) in [
        ("127.0.0.1:1", "cannot be asked"),
        (&server(&[("/overview", 200, "{}")]), "is no Flink"),
        (
            &server(&[("/overview", 200, "<html>")]),
            "does not answer as Flink does",
        ),
        (&server(&[]), "answers 404"),
    ] {
        let (status, found) = findings(&["--own-python", "/nowhere", "--cluster", address]);
        assert_eq!(status, EXIT_WRONG);
        says(&found, "cluster", "wrong", &[address, text, "rest.port"]);
    }
}

#[test]
fn an_encrypted_cluster_is_asked_if_its_certificate_is_trusted() {
    let directory = Directory::new("doctor-encrypted");
    let (address, certificate) =
        encrypted_server(&[("/overview", 200, OVERVIEW), ("/jobs/overview", 200, r#"{"jobs":[]}"#)]);
    let trusted = directory.write("ca.pem", &certificate);
    let other = directory.write("none.pem", "nothing");
    let ask = |more: &[&str]| {
        let mut words = vec!["--own-python", "/nowhere", "--cluster", &address];
        words.extend_from_slice(more);
        findings(&words)
    };
    let (_, found) = ask(&["--ca-file", &trusted]);
    says(&found, "cluster", "ok", &["2.3.0 of https://localhost:"]);
    says(&found, "jobs", "note", &["none with an agent"]);
    let (status, found) = ask(&[]);
    assert_eq!(status, EXIT_WRONG);
    says(&found, "cluster", "wrong", &[&address, "certificate", "--ca-file"]);
    let (status, found) = ask(&["--ca-file", &other]);
    assert_eq!(status, EXIT_WRONG);
    says(
        &found,
        "cluster",
        "wrong",
        &["none.pem holds no certificate", "--ca-file"],
    );
}

#[test]
fn wrong_arguments_are_said() {
    for (words, text) in [
        (&["doctor", "--cluster", "ftp://jm"][..], "no address such as"),
        (&["doctor", "--timeout", "soon"], "--timeout soon"),
        (&["doctor", "--fix"], "there is no option --fix"),
        (&["doctor", "here"], "there is no option here"),
        (&["doctor", "--jar"], "--jar needs a value"),
    ] {
        let said = refused(words);
        assert!(said.contains(text), "{said}");
    }
    assert!(done(&["doctor", "--help"]).contains("--flink-home"));
}
