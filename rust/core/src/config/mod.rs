//! Configuration: one table of all options, the flat map of values, reading of Flink's configuration files, and the
//! merge of all sources. Everything works on texts and maps; hosts read the files.
//!
//! Precedence: values set on the environment, then `-Dagent.<key>=<value>`, then the file, then the default.

mod error;
mod file;
mod load;
mod map;
mod nearest;
mod options;
mod secret;
mod table;
mod units;

pub use error::ConfigError;
pub use file::{FileValue, flink_text, parse_file};
pub use load::{Sources, load, load_json, merge};
pub use map::ConfigMap;
pub use nearest::{Finding, check_key, check_keys};
pub use options::{Kind, OPTIONS, OptionSpec, find};
pub use secret::{Reference, is_hidden, is_secret};
pub use table::markdown_table;
pub use units::{parse_duration, parse_size};
