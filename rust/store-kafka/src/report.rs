//! What is worth a warning waits here until the host's own thread takes it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Told what is worth a warning, in one sentence or two. Called on threads of the store; must not wait.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// Warnings of a store that nobody has taken yet.
#[derive(Default)]
pub struct Reports {
    any: AtomicBool,
    texts: Mutex<VecDeque<String>>,
}

impl Reports {
    /// Puts what it is told here.
    pub fn report(self: &Arc<Self>) -> Report {
        let reports = Arc::clone(self);
        Arc::new(move |text| {
            let mut texts = reports.texts.lock().unwrap_or_else(PoisonError::into_inner);
            texts.push_back(text.to_owned());
            reports.any.store(true, Ordering::Release);
        })
    }

    /// The next one. Costs next to nothing where there is none.
    pub fn take(&self) -> Option<String> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.pop_front();
        self.any.store(!texts.is_empty(), Ordering::Release);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_once_and_in_their_order() {
        let reports = Arc::new(Reports::default());
        assert_eq!(reports.take(), None);
        let report = reports.report();
        report("one");
        report("two");
        assert_eq!(reports.take().as_deref(), Some("one"));
        report("three");
        assert_eq!(reports.take().as_deref(), Some("two"));
        assert_eq!(reports.take().as_deref(), Some("three"));
        assert_eq!(reports.take(), None);
    }
}
