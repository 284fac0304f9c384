//! Values that must not be seen.

use std::fmt;

/// A key or password. Its `Debug` and `Display` show three stars; only [`Secret::reveal`] gives the text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the header that it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The text with this secret cut out wherever it stands.
    ///
    /// Servers like to repeat a wrong key in their answer. Texts of fewer than four characters are no secrets, and to
    /// cut them out would leave nothing readable.
    pub(crate) fn cut_from(&self, text: &str) -> String {
        if self.0.len() < 4 {
            text.to_owned()
        } else {
            text.replace(&self.0, "***")
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
