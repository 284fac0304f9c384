//! A running cluster, by Flink's REST interface.

use super::home::{judge_flink, version};
use super::http::Rest;
use super::report::Report;
use super::settings::check_secrets;
use flink_agents_core::config::{Sources, load};
use flink_agents_core::plan::RawJson;
use serde_json::Value;

const AREA: &str = "cluster";
/// How agents' operators are called.
const OPERATOR: &str = "action-execute-operator";
/// TaskManagers and jobs that are looked at one by one.
const MOST: usize = 20;

/// The answer as JSON; why there is none.
fn get(rest: &Rest<'_>, path: &str) -> Result<Value, String> {
    let answer = rest.ask(path)?;
    if answer.status != 200 {
        let said: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        return Err(format!("{path} answers {}: {said}", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("{path} does not answer as Flink does: {error}"))
}

/// Looks at a cluster. `flink`: version of the Flink on this machine.
pub(super) fn check(rest: &Rest<'_>, flink: Option<&str>, report: &mut Report) {
    let place = rest.place();
    let overview = match get(rest, "/overview") {
        Ok(overview) if overview.get("flink-version").is_some() => overview,
        Ok(_) => {
            return report.wrong(
                AREA,
                format!("{place} answers, but is no Flink"),
                "Let --cluster name the address of the JobManager's REST interface (rest.address, rest.port)",
            );
        }
        Err(error) => {
            return report.wrong(
                AREA,
                format!("{place} cannot be asked: {error}"),
                "Start the cluster, or let --cluster name the address of the JobManager's REST interface (rest.address, rest.port)",
            );
        }
    };
    let told = overview["flink-version"].as_str().unwrap_or_default();
    judge_flink(AREA, told, place, report);
    if let Some(own) = flink
        && version(own).map(|v| (v.0, v.1)) != version(told).map(|v| (v.0, v.1))
    {
        let remedy = "Submit with the cluster's version: let FLINK_HOME name it, and install its apache-flink";
        report.warning(
            AREA,
            format!("the Flink here is {own}, that of the cluster {told}"),
            remedy,
        );
    }
    check_managers(rest, &overview, report);
    check_config(rest, report);
    check_jobs(rest, report);
}

fn check_managers(rest: &Rest<'_>, overview: &Value, report: &mut Report) {
    let number = |key: &str| overview[key].as_u64().unwrap_or(0);
    let (managers, slots, free) = (number("taskmanagers"), number("slots-total"), number("slots-available"));
    let text = format!("{managers} TaskManagers, {free} of {slots} slots are free");
    if managers == 0 {
        let remedy = "Start TaskManagers; where Flink starts them when a job needs them this is as it should be";
        report.warning(AREA, text, remedy);
    } else {
        report.ok(AREA, text);
    }
    if let Ok(environment) = get(rest, "/jobmanager/environment") {
        let paths = environment["classpath"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        judge_class_path("the JobManager", &paths.collect::<Vec<_>>(), report);
    }
    let all = get(rest, "/taskmanagers").unwrap_or_default();
    for manager in all["taskmanagers"].as_array().into_iter().flatten().take(MOST) {
        let id = manager["id"].as_str().unwrap_or_default();
        let name = format!("TaskManager {id}");
        // Its class path is in the first lines of its log.
        match rest.ask(&format!("/taskmanagers/{id}/log")) {
            Ok(answer) if answer.status == 200 => {
                let text = String::from_utf8_lossy(&answer.body);
                let line = |what: &str| {
                    text.lines()
                        .find_map(|line| line.split_once(what).map(|(_, rest)| rest.trim()))
                };
                if let Some(path) = line(" Classpath: ") {
                    judge_class_path(&name, &path.split(':').collect::<Vec<_>>(), report);
                }
                for wanted in ["Two builds of flink-agents", "UnsatisfiedLinkError"] {
                    if let Some(found) = text.lines().find(|line| line.contains(wanted)) {
                        report.wrong(AREA, format!("{name} has logged: {}", found.trim()), "");
                    }
                }
            }
            _ => report.note(
                AREA,
                format!("the log of {name} cannot be read, so its class path was not looked at"),
                "",
            ),
        }
    }
}

fn judge_class_path(who: &str, paths: &[&str], report: &mut Report) {
    let file = |path: &&str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut ours: Vec<String> = paths
        .iter()
        .map(file)
        .filter(|name| name.starts_with("flink-agents-"))
        .collect();
    ours.sort();
    ours.dedup();
    match ours.as_slice() {
        [] => report.ok(
            "jars",
            format!("{who} has no flink-agents jar in lib/: jobs bring their own"),
        ),
        [one] => report.ok("jars", format!("{who} has {one} in lib/, for all jobs")),
        several => report.wrong(
            "jars",
            format!(
                "{who} has {} flink-agents jars in lib/, which hide one another: {}",
                several.len(),
                several.join(", ")
            ),
            "Keep exactly one, and restart the cluster",
        ),
    }
}

/// The cluster's own configuration, which clients may have another one of.
fn check_config(rest: &Rest<'_>, report: &mut Report) {
    let Ok(all) = get(rest, "/jobmanager/config") else {
        return;
    };
    let pairs = all.as_array().into_iter().flatten();
    let dynamic =
        pairs.filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), RawJson::from_value(&pair["value"]))));
    let sources = Sources {
        dynamic: dynamic.filter(|(key, _)| key.starts_with("agent.")).collect(),
        ..Sources::default()
    };
    match load(&sources) {
        Ok((config, warnings)) => {
            for warning in warnings {
                report.warning(
                    AREA,
                    format!("its configuration: {warning}"),
                    "Correct the key, and restart the cluster",
                );
            }
            check_secrets(&config, report);
        }
        Err(error) => report.wrong(
            AREA,
            format!("its configuration: {error}"),
            "Correct it, and restart the cluster",
        ),
    }
}

fn check_jobs(rest: &Rest<'_>, report: &mut Report) {
    let overview = match get(rest, "/jobs/overview") {
        Ok(overview) => overview,
        Err(error) => return report.warning("jobs", format!("they cannot be asked for: {error}"), ""),
    };
    let ended = ["FINISHED", "CANCELED"];
    let jobs = overview["jobs"].as_array().into_iter().flatten();
    let looked_at = jobs.filter(|job| !ended.contains(&job["state"].as_str().unwrap_or_default()));
    let mut agents = 0;
    for job in looked_at.take(MOST) {
        let id = job["jid"].as_str().unwrap_or_default();
        let Ok(details) = get(rest, &format!("/jobs/{id}")) else {
            continue;
        };
        let has_agent = |vertex: &Value| vertex["name"].as_str().is_some_and(|name| name.contains(OPERATOR));
        if !details["vertices"].as_array().into_iter().flatten().any(has_agent) {
            continue;
        }
        agents += 1;
        check_job(rest, id, &details, report);
    }
    if agents == 0 {
        report.note("jobs", "none with an agent runs or has failed", "");
    }
}

fn check_job(rest: &Rest<'_>, id: &str, details: &Value, report: &mut Report) {
    let state = details["state"].as_str().unwrap_or_default();
    let name = format!("'{}' ({id})", details["name"].as_str().unwrap_or_default());
    let history = get(rest, &format!("/jobs/{id}/exceptions?maxExceptions=1")).unwrap_or_default();
    let causes = causes(&history);
    let because = if causes.is_empty() {
        String::new()
    } else {
        format!(":\n{}", causes.join("\n"))
    };
    let remedy = "The last cause says what to do; docs/operations/doctor.md lists the usual ones";
    match state {
        "RUNNING" if causes.is_empty() => report.ok("jobs", format!("{name} runs, without a failure")),
        "RUNNING" => report.warning("jobs", format!("{name} runs, and has failed before{because}"), remedy),
        "CREATED" | "INITIALIZING" | "SUSPENDED" | "RECONCILING" | "CANCELLING" => {
            report.note("jobs", format!("{name} is {state}{because}"), "");
        }
        _ => report.wrong("jobs", format!("{name} is {state}{because}"), remedy),
    }
    let checkpoints = get(rest, &format!("/jobs/{id}/checkpoints")).unwrap_or_default();
    let count = |key: &str| checkpoints["counts"][key].as_u64().unwrap_or(0);
    let why = checkpoints["latest"]["failed"]["failure_message"]
        .as_str()
        .unwrap_or("no reason is told");
    if count("failed") > 0 {
        report.warning(
            "jobs",
            format!(
                "{name}: {} of {} checkpoints have failed, the last: {why}",
                count("failed"),
                count("total")
            ),
            "Look whether the directory of checkpoints can be written to, and whether an action blocks its subtask",
        );
    }
}

/// The first lines of why a job failed last: what happened, and what it was caused by.
fn causes(history: &Value) -> Vec<String> {
    let entry = &history["exceptionHistory"]["entries"][0];
    let trace = entry["stacktrace"]
        .as_str()
        .or_else(|| history["root-exception"].as_str())
        .unwrap_or_default();
    let mut lines = trace
        .lines()
        .filter(|line| !line.trim_start().starts_with("at ") && !line.trim_start().starts_with("..."));
    let first = lines.next().map(str::to_owned);
    let caused: Vec<String> = lines
        .filter(|line| line.starts_with("Caused by:"))
        .map(str::to_owned)
        .collect();
    // Those between are Flink's own.
    first
        .into_iter()
        .chain(caused.into_iter().rev().take(2).rev())
        .collect()
}
