//! Arguments that commands share: the configuration a job has, from its file, from `-Dagent.…`, and from the command itself.

use flink_agents_core::config::{self, ConfigMap, Sources};
use flink_agents_core::plan::RawJson;
use std::path::{Path, PathBuf};

/// The directory of Flink's configuration.
const DIRECTORY: &str = "FLINK_CONF_DIR";
/// Its file, under the names it has had.
const FILES: [&str; 2] = ["config.yaml", "flink-conf.yaml"];
const PREFIX: &str = "agent.";

/// What is known of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    file: Option<PathBuf>,
    dynamic: Vec<(String, RawJson)>,
    /// Keys without the prefix; they win.
    own: Vec<(String, RawJson)>,
}

fn text(value: &str) -> RawJson {
    RawJson::from_value(&serde_json::Value::from(value))
}

impl Configuration {
    /// Takes an argument if it is `--config` or `-D`; says whether it was.
    ///
    /// # Errors
    /// When it is one of them, and wrong.
    pub(crate) fn take<'a>(&mut self, word: &str, rest: &mut impl Iterator<Item = &'a String>) -> Result<bool, String> {
        if let Some(file) = value_of("--config", word, rest)? {
            self.file = Some(PathBuf::from(file));
            return Ok(true);
        }
        let Some(property) = word.strip_prefix("-D") else {
            return Ok(false);
        };
        let property = match property {
            "" => rest.next().ok_or("-D needs a property: -Dagent.<option>=<value>")?,
            attached => attached,
        };
        let pair = property.split_once('=').filter(|(key, _)| key.starts_with(PREFIX));
        let (key, value) = pair.ok_or_else(|| {
            format!("-D{property} is no option of an agent: those are given as -D{PREFIX}<option>=<value>")
        })?;
        self.dynamic.push((key.to_owned(), text(value)));
        Ok(true)
    }

    /// Sets an option, by its key without the prefix, above all that comes from elsewhere.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.own.push((key.to_owned(), text(value)));
    }

    /// Name and text of the configuration file; none if none is named.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub(crate) fn source(&self) -> Result<Option<(String, String)>, String> {
        let directory = std::env::var_os(DIRECTORY).filter(|name| !name.is_empty());
        let file = match (&self.file, directory) {
            (Some(file), _) => file.clone(),
            (None, Some(directory)) => in_directory(Path::new(&directory))?,
            (None, None) => return Ok(None),
        };
        let text = std::fs::read_to_string(&file).map_err(|error| {
            let remedy = if error.kind() == std::io::ErrorKind::InvalidData {
                "save it as UTF-8"
            } else {
                "name a file, and let the user who runs this command read it"
            };
            let file = file.display();
            format!("the configuration file {file} cannot be read ({error}): {remedy}")
        })?;
        Ok(Some((file.display().to_string(), text)))
    }

    /// Everything merged, and warnings about keys that are probably misspelt.
    pub(crate) fn read(self) -> Result<(ConfigMap, Vec<String>), String> {
        let sources = Sources {
            file: self.source()?,
            dynamic: self.dynamic,
            environment: self.own,
        };
        config::load(&sources).map_err(|error| error.to_string())
    }
}

fn in_directory(directory: &Path) -> Result<PathBuf, String> {
    let mut files = FILES.iter().map(|name| directory.join(name));
    files.find(|file| file.is_file()).ok_or_else(|| {
        format!(
            "{DIRECTORY} is {}, which has neither {} nor {}; correct it, unset it, or name a file by --config",
            directory.display(),
            FILES[0],
            FILES[1]
        )
    })
}

/// The value of an option that has one, given as `--name value` or `--name=value`; none if the word is another.
///
/// # Errors
/// When the value is missing.
pub(crate) fn value_of<'a>(
    name: &str,
    word: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<Option<String>, String> {
    let Some(tail) = word.strip_prefix(name) else {
        return Ok(None);
    };
    match tail.strip_prefix('=') {
        Some(value) => Ok(Some(value.to_owned())),
        None if tail.is_empty() => match rest.next() {
            Some(value) => Ok(Some(value.clone())),
            None => Err(format!("{name} needs a value")),
        },
        None => Ok(None),
    }
}
