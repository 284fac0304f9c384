//! Watermarks and the like wait until everything that arrived before them is finished.
//!
//! The input is a queue of segments, each closed by a marker. Every input counts in the segment that was open when it
//! arrived. A marker is released when its segment is the first and empty.

use crate::run::Marker;
use std::collections::VecDeque;

#[derive(Debug, Default)]
struct Segment {
    unfinished: u64,
    closed_by: Option<Marker>,
}

/// Number of a segment, counted from the start of the machine.
pub(crate) type SegmentId = u64;

#[derive(Debug)]
pub(crate) struct Segments {
    queue: VecDeque<Segment>,
    first: SegmentId,
}

impl Default for Segments {
    fn default() -> Self {
        Segments {
            queue: VecDeque::from([Segment::default()]),
            first: 0,
        }
    }
}

impl Segments {
    /// Counts an input in the open segment.
    pub(crate) fn arrived(&mut self) -> SegmentId {
        let last = self.queue.len() - 1;
        self.queue[last].unfinished += 1;
        self.first + last as u64
    }

    /// Closes the open segment; the marker comes back at once if nothing is before it.
    pub(crate) fn close(&mut self, marker: Marker) -> Option<Marker> {
        if self.queue.len() == 1 && self.queue[0].unfinished == 0 {
            return Some(marker);
        }
        let last = self.queue.len() - 1;
        self.queue[last].closed_by = Some(marker);
        self.queue.push_back(Segment::default());
        None
    }

    /// An input of `segment` is finished; `release` gets the markers that may pass now, in order.
    pub(crate) fn finished(&mut self, segment: SegmentId, mut release: impl FnMut(Marker)) {
        let index = (segment - self.first) as usize;
        self.queue[index].unfinished -= 1;
        while self.queue[0].unfinished == 0
            && let Some(marker) = self.queue[0].closed_by
        {
            release(marker);
            self.queue.pop_front();
            self.first += 1;
        }
    }

    /// Markers held back.
    pub(crate) fn held(&self) -> usize {
        self.queue.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_passes_at_once_when_nothing_is_before_it() {
        let mut segments = Segments::default();
        assert_eq!(segments.close(Marker::Watermark(1)), Some(Marker::Watermark(1)));
        assert_eq!(segments.held(), 0);
    }

    #[test]
    fn markers_pass_in_order_when_all_before_them_is_finished() {
        let mut segments = Segments::default();
        let a = segments.arrived();
        assert_eq!(segments.close(Marker::Watermark(1)), None);
        let b = segments.arrived();
        assert_eq!(segments.close(Marker::Idle(true)), None);
        assert_eq!(segments.close(Marker::Watermark(2)), None);
        let mut out = Vec::new();
        segments.finished(b, |m| out.push(m));
        assert!(out.is_empty());
        segments.finished(a, |m| out.push(m));
        assert_eq!(
            out,
            vec![Marker::Watermark(1), Marker::Idle(true), Marker::Watermark(2)]
        );
        assert_eq!(segments.held(), 0);
    }
}
