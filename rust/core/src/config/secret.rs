//! Which values are secrets, and how a value refers to one that lies elsewhere.

/// What a value of the form `${env:NAME}` or `${file:PATH}` refers to. Hosts look it up where the value is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// An environment variable.
    Env(&'a str),
    /// The content of a file, without the end of its last line.
    File(&'a str),
}

impl<'a> Reference<'a> {
    /// The reference that `value` is; `None` for any other text.
    pub fn of(value: &'a str) -> Option<Reference<'a>> {
        let inner = value.trim().strip_prefix("${")?.strip_suffix('}')?;
        match inner.split_once(':')? {
            (_, "") => None,
            ("env", name) => Some(Reference::Env(name)),
            ("file", path) => Some(Reference::File(path)),
            _ => None,
        }
    }
}

/// Parts of keys whose values are secrets: those of Flink's own list, and what models, stores and brokers call theirs.
const PARTS: &[&str] = &[
    "password",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "servicekey",
    "credential",
    "jaas",
    "keypem",
    "authparams",
    "basicauth",
    "bearer",
    "httpheaders",
    "otlpheaders",
    "token",
];

/// Whether messages must not show a value: a secret that lies there itself, and not a reference to one.
pub fn is_hidden(key: &str, value: &str) -> bool {
    is_secret(key) && Reference::of(value).is_none()
}

/// Whether the value of `key` is a secret, by the key's name: such values are not shown.
pub fn is_secret(key: &str) -> bool {
    let letters: String = key
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect();
    // `max_tokens` counts something.
    let letters = letters.replace("tokens", "");
    PARTS.iter().any(|part| letters.contains(part))
}
