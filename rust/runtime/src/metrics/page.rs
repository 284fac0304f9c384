//! The text exposition format of Prometheus, version 0.0.4. Names and types are those that Flink's Prometheus reporter gives the
//! same metrics, with `flink_agents` in place of its own prefix, so that a dashboard needs one change: counters are gauges there
//! too, since they may go down, meters show their rate, histograms are summaries without a sum.

use super::{Metric, Snapshot, Value, names};
use std::collections::BTreeMap;
use std::fmt::Write;

const PREFIX: &str = "flink_agents";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gauge,
    Summary,
}

/// What a name ends with, further labels, and a value.
type Sample = (&'static str, String, f64);

/// Samples of one name.
struct Family {
    kind: Kind,
    help: String,
    /// By labels.
    series: BTreeMap<String, Vec<Sample>>,
}

/// Writes the page of some agents. Where two metrics would have one name and the same labels, or one name and two types, the first
/// is shown; gauges that are no numbers are not.
pub fn page(snapshots: &[Snapshot]) -> String {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for snapshot in snapshots {
        for metric in &snapshot.metrics {
            if let Some((kind, samples)) = samples_of(&metric.value) {
                let family = families.entry(name_of(metric)).or_insert_with(|| Family {
                    kind,
                    help: help_of(metric),
                    series: BTreeMap::new(),
                });
                if family.kind == kind {
                    family.series.entry(labels_of(snapshot, metric)).or_insert(samples);
                }
            }
        }
    }
    let mut out = String::new();
    for (name, family) in families {
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        };
        // Writing to a text cannot fail.
        let _ = writeln!(out, "# HELP {name} {}", escaped(&family.help, false));
        let _ = writeln!(out, "# TYPE {name} {kind}");
        for (labels, samples) in family.series {
            for (suffix, more, value) in samples {
                let _ = writeln!(out, "{name}{suffix}{{{labels}{more}}} {}", number(value));
            }
        }
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "the format has floats only")]
fn samples_of(value: &Value) -> Option<(Kind, Vec<Sample>)> {
    let one = |value: f64| Some((Kind::Gauge, vec![("", String::new(), value)]));
    match value {
        Value::Counter { count } => one(*count as f64),
        Value::Meter { rate, .. } => one(*rate),
        Value::Gauge { value } => match value {
            serde_json::Value::Bool(value) => one(f64::from(u8::from(*value))),
            other => other.as_f64().and_then(one),
        },
        Value::Histogram { count, quantiles } => {
            let mut samples = vec![("_count", String::new(), *count as f64)];
            for (quantile, value) in quantiles {
                samples.push(("", format!(",quantile=\"{}\"", escaped(quantile, true)), *value));
            }
            Some((Kind::Summary, samples))
        }
    }
}

fn name_of(metric: &Metric) -> String {
    let groups = metric.scope.iter().filter_map(|group| group.first());
    let parts: Vec<String> = groups.chain([&metric.name]).map(|part| sanitized(part)).collect();
    format!("{PREFIX}_{}", parts.join("_"))
}

fn help_of(metric: &Metric) -> String {
    let groups: Vec<&str> = metric
        .scope
        .iter()
        .filter_map(|group| group.first())
        .map(String::as_str)
        .collect();
    match names::meaning(&groups, &metric.name) {
        Some(meaning) => meaning.to_owned(),
        None => format!("{} (the agent's own)", metric.name),
    }
}

fn labels_of(snapshot: &Snapshot, metric: &Metric) -> String {
    let mut labels: Vec<(String, &str)> = vec![("agent".to_owned(), &snapshot.agent)];
    for group in &metric.scope {
        if let [key, value] = group.as_slice() {
            let key = sanitized(key);
            // A label must not come twice; the inner group's is the more exact.
            labels.retain(|(other, _)| *other != key);
            labels.push((key, value));
        }
    }
    let texts: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}=\"{}\"", escaped(value, true)))
        .collect();
    texts.join(",")
}

/// As Flink's reporter does: what a name may not have becomes `_`.
fn sanitized(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .collect()
}

fn escaped(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quoted { text.replace('"', "\\\"") } else { text }
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        page(&super::super::read(json.as_bytes()).unwrap())
    }

    #[test]
    fn all_kinds_are_shown_as_flinks_reporter_shows_them() {
        let text = shown(
            r#"[{"agent":"shop","metrics":[
                {"scope":[],"name":"numOfDivergences","kind":"counter","count":3},
                {"scope":[["action","handle"]],"name":"numOfActionsExecutedPerSec","kind":"meter","count":9,"rate":1.5},
                {"scope":[["a"],["b","c"]],"name":"level","kind":"gauge","value":2.25},
                {"scope":[],"name":"on","kind":"gauge","value":true},
                {"scope":[],"name":"state","kind":"gauge","value":"warm"},
                {"scope":[],"name":"nothing","kind":"gauge","value":null},
                {"scope":[["action","handle"]],"name":"actionLatencyUs","kind":"histogram","count":2,
                 "quantiles":{"0.5":10,"0.99":20.5}}]}]"#,
        );
        let expected = [
            "# HELP flink_agents_a_b_level level (the agent's own)",
            "# TYPE flink_agents_a_b_level gauge",
            "flink_agents_a_b_level{agent=\"shop\",b=\"c\"} 2.25",
        ];
        assert!(text.starts_with(&expected.join("\n")), "{text}");
        for line in [
            "flink_agents_numOfDivergences{agent=\"shop\"} 3",
            "# TYPE flink_agents_numOfDivergences gauge",
            "flink_agents_action_numOfActionsExecutedPerSec{agent=\"shop\",action=\"handle\"} 1.5",
            "flink_agents_on{agent=\"shop\"} 1",
            "# TYPE flink_agents_action_actionLatencyUs summary",
            "flink_agents_action_actionLatencyUs_count{agent=\"shop\",action=\"handle\"} 2",
            "flink_agents_action_actionLatencyUs{agent=\"shop\",action=\"handle\",quantile=\"0.99\"} 20.5",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("warm") && !text.contains("nothing"), "{text}");
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn texts_are_escaped_and_names_made_fit() {
        let text = shown(
            r#"[{"agent":"a \"b\"\\\n","metrics":[{"scope":[["k é","v"]],"name":"a-b.c","kind":"counter","count":-1}]}]"#,
        );
        assert!(
            text.contains(r#"flink_agents_k___a_b_c{agent="a \"b\"\\\n",k__="v"} -1"#),
            "{text}"
        );
    }

    #[test]
    fn what_clashes_leaves_the_page_readable() {
        let text = shown(
            r#"[{"agent":"a","metrics":[
                {"scope":[],"name":"x","kind":"counter","count":1},
                {"scope":[],"name":"x","kind":"gauge","value":2},
                {"scope":[],"name":"x","kind":"histogram","count":2,"quantiles":{}},
                {"scope":[["agent","inner"]],"name":"y","kind":"counter","count":5},
                {"scope":[["agent_x"]],"name":"y","kind":"counter","count":6}]}]"#,
        );
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "flink_agents_agent_x_y{agent=\"a\"} 6",
                "flink_agents_agent_y{agent=\"inner\"} 5",
                "flink_agents_x{agent=\"a\"} 1",
            ]
        );
    }

    #[test]
    fn agents_share_a_page() {
        let text = shown(
            r#"[{"agent":"a","metrics":[{"scope":[],"name":"x","kind":"counter","count":1}]},
                {"agent":"b","metrics":[{"scope":[],"name":"x","kind":"counter","count":2}]}]"#,
        );
        assert_eq!(text.matches("# TYPE flink_agents_x gauge").count(), 1, "{text}");
        assert!(
            text.contains("{agent=\"a\"} 1\nflink_agents_x{agent=\"b\"} 2\n"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        let refusal = super::super::read(b"[{}]").unwrap_err().to_string();
        assert!(refusal.contains("agent"), "{refusal}");
    }

    #[test]
    fn numbers_that_are_none_are_written_as_prometheus_does() {
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(number(f64::NEG_INFINITY), "-Inf");
        assert_eq!(number(1e21), "1000000000000000000000");
    }
}
