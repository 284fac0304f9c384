//! What the event log says: which events are logged and how much of each, and the line that comes of one.
//!
//! Pure: the time of a line and everything else in it comes with the call. Who writes lines, and where to, is the runtime's
//! part. Both languages and both sinks get their lines from [`Lines::write`].

mod json;
mod line;
mod pretty;
mod trace;

pub use line::{Context, Entry, Execution, Lifecycle, Lines, Place};
pub use trace::{CALL, CallReport, Chance, Entity, Problem, Report, Status, Trace};

use crate::config::{ConfigError, ConfigMap};
use crate::ids::Symbol;
use crate::symbols::Symbols;
use rustc_hash::FxHashMap;
use std::sync::Arc;

const TYPE_HEAD: &str = "event-log.type.";
const TYPE_TAIL: &str = ".level";

/// How much of an event is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Off,
    /// The event, what is long in its attributes cut.
    Standard,
    /// The complete event.
    Verbose,
}

impl Level {
    fn of(word: &str) -> Level {
        match word {
            "OFF" => Level::Off,
            "VERBOSE" => Level::Verbose,
            _ => Level::Standard,
        }
    }

    /// As lines show it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Off => "OFF",
            Level::Standard => "STANDARD",
            Level::Verbose => "VERBOSE",
        }
    }
}

/// What level STANDARD keeps of the attributes; 0 switches a rule off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// Characters (UTF-16 code units) of a text.
    pub string: usize,
    /// Elements of an array.
    pub array: usize,
    /// Depth from which objects show scalar fields only; the attributes themselves have depth 1.
    pub depth: usize,
}

impl Truncation {
    /// Keeps everything.
    pub const NONE: Truncation = Truncation {
        string: 0,
        array: 0,
        depth: 0,
    };
}

/// What the configuration says of lines.
#[derive(Debug, Clone)]
pub struct Settings {
    root: Level,
    types: FxHashMap<String, Level>,
    /// What level STANDARD keeps.
    pub truncation: Truncation,
    /// Indented JSON in place of one line for each record.
    pub pretty: bool,
    /// Records of the execution trace besides.
    pub trace: bool,
}

impl Settings {
    /// Reads the options `event-log.*` that are about lines, and `prettyPrint`.
    ///
    /// # Errors
    /// When a value is none of its option.
    pub fn read(config: &ConfigMap) -> Result<Settings, ConfigError> {
        let level = |key: &str| Ok(config.get_enum(key)?.map(Level::of));
        let most = |key: &str| Ok(usize::try_from(config.get_int(key)?.unwrap_or(0)).unwrap_or(0));
        let mut types = FxHashMap::default();
        for (key, _) in config.iter() {
            let event_type = key
                .strip_prefix(TYPE_HEAD)
                .and_then(|rest| rest.strip_suffix(TYPE_TAIL));
            if let Some(event_type) = event_type.filter(|name| !name.is_empty())
                && let Some(level) = level(key)?
            {
                types.insert(event_type.to_owned(), level);
            }
        }
        Ok(Settings {
            root: level("event-log.level")?.unwrap_or(Level::Standard),
            types,
            truncation: Truncation {
                string: most("event-log.standard.max-string-length")?,
                array: most("event-log.standard.max-array-elements")?,
                depth: most("event-log.standard.max-depth")?,
            },
            pretty: config.get_bool("prettyPrint")?.unwrap_or(false),
            trace: config.get_bool("event-log.trace.enabled")?.unwrap_or(false),
        })
    }

    /// The level of an event type: its own, else that of the type cut at its last dot, and so on, else that of the log.
    pub fn level(&self, event_type: &str) -> Level {
        let mut name = event_type;
        loop {
            if let Some(level) = self.types.get(name) {
                return *level;
            }
            match name.rfind('.') {
                Some(dot) => name = &name[..dot],
                None => return self.root,
            }
        }
    }

    /// Whether there is nothing that could be logged.
    pub fn is_off(&self) -> bool {
        self.root == Level::Off && self.types.values().all(|level| *level == Level::Off)
    }
}

/// Levels by the symbols of a machine, so that a type is looked up once.
#[derive(Debug)]
pub struct Levels {
    settings: Settings,
    known: Vec<Option<(Level, Arc<str>)>>,
}

impl Levels {
    /// With nothing looked up yet.
    pub fn new(settings: Settings) -> Levels {
        Levels {
            settings,
            known: Vec::new(),
        }
    }

    /// What they are looked up in.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The level of a type, and its name.
    pub fn of(&mut self, event_type: Symbol, symbols: &Symbols) -> (Level, &Arc<str>) {
        let index = event_type.0 as usize;
        if index >= self.known.len() {
            self.known.resize(index + 1, None);
        }
        let known = self.known[index].get_or_insert_with(|| {
            let name = symbols.shared_name(event_type);
            (self.settings.level(&name), name)
        });
        (known.0, &known.1)
    }

    /// The numbers of these texts may be given out again.
    pub fn forget(&mut self, freed: &[Symbol]) {
        for symbol in freed {
            if let Some(known) = self.known.get_mut(symbol.0 as usize) {
                *known = None;
            }
        }
    }
}
