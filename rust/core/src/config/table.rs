//! The documentation of the options, made from the table.

use super::options::{OPTIONS, OptionSpec};

/// `docs/operations/configuration.md`.
pub fn markdown_table() -> String {
    let mut out = String::from(INTRO);
    out.push_str("| Key | Type | Default | Effect |\n|---|---|---|---|\n");
    for option in OPTIONS {
        out.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            option.key,
            option.kind.type_name(),
            default_text(option),
            option.effect
        ));
    }
    out.push_str(OUTRO);
    out
}

fn default_text(option: &OptionSpec) -> String {
    match (option.default, option.default_note) {
        (Some(default), _) => format!("`{default}`"),
        (None, "") => "–".to_owned(),
        (None, note) => note.to_owned(),
    }
}

const INTRO: &str = "\
# Configuration

<!-- Made from the table of options in rust/core/src/config; a test fails when the two differ. -->

Values come from four sources; the first that has one wins:

1. the environment object (`env.getConfig().set(…)`),
2. the command line: `-Dagent.<key>=<value>`,
3. Flink's configuration file: under a top-level `agent:`, nested or with dots at any level, or as flat `agent.<key>: <value>`,
4. the default below.

```yaml
agent:
  job-identifier: demo
  event-log:
    level: VERBOSE
agent.max-in-flight: 500
```

A value may be a text as well as a JSON value: `\"false\"` is false. Words are read without regard to case. Durations take
a unit (`ms`, `s`, `min`, `h`, `d`; a bare number counts milliseconds), sizes too (`kb`, `mb`, `gb`, powers of 1,024; a bare
number counts bytes). A value that does not fit its option is an error that names the key. A key that is nearly one of
these is reported with the one that was probably meant; any other key is kept for your own code. Options of parts that
this version does not have yet are read and checked, but have no effect. Rust, Java and Python read values alike.

The file is the one in the directory that `FLINK_CONF_DIR` names: `config.yaml`, or the older `flink-conf.yaml`; next to each other, the
one that Flink reads. Without the variable there is none, and runs without Flink go by the defaults. `env.getConfig(path)` (`get_config` in Python) of a run without Flink reads
any file of that form. Values are collected where the job is submitted, and travel in the plan: the configuration of the cluster's
machines has no effect on agents. `flink-agents doctor` checks a configuration ([doctor.md](doctor.md)).

## Secrets

A value that is `${env:NAME}` or `${file:PATH}` as a whole refers to an environment variable, or to the content of a file without the end of
its last line. It is looked up where it is used, in the processes of the tasks: by `ctx.config` (`getConfig()` in Java), when a resource is
made (its arguments, at whatever depth), and by the Kafka store. The plan, and so Flink's Web UI and all logs, have the reference
only; a reference that leads nowhere is an error that names it.

```yaml
agent:
  kafka.properties.sasl.password: ${file:/etc/secrets/kafka}
  OpenAIChatModelConnection.api_key: ${env:OPENAI_API_KEY}
```

Of a key whose name says that it is a secret (`password`, `secret`, `token`, `api-key`, `credential`, …) no message shows the value.

## Options

";

const OUTRO: &str = "
A key may have a part in angle brackets that you choose: the name of an action, an event type, a property.
Python resources also take defaults for their constructor's arguments from `<ResourceClassName>.<argument>`, such as
`OllamaChatModelConnection.base_url`; the descriptor's own arguments win.
";
