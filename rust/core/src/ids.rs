//! Newtypes for the numbers that cross the boundary between core and host.

/// A key that has unfinished inputs. The host chooses the number (small, reused); it is taken from the first input of
/// the key until the effect [`crate::run::Effect::RunEnded`] says that the key is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeySlot(pub u32);

/// A value the host keeps (an event or a memory value). Handed to the core with an input; the host may reuse the number
/// once [`crate::run::Effect::Release`] has named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueHandle(pub u32);

/// Position of an action in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionId(pub u16);

/// One action of a run: slot and generation, so that a context kept after its action ended is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl TaskId {
    /// The number a host passes around.
    pub fn to_bits(self) -> u64 {
        (u64::from(self.generation) << 32) | u64::from(self.slot)
    }

    /// The inverse of [`TaskId::to_bits`]; any number is allowed, unknown ones are refused where they are used.
    pub fn from_bits(bits: u64) -> TaskId {
        TaskId {
            slot: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// Identity of an event: the 128 bits of its UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u128);

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let b = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (b >> 96) as u32,
            (b >> 80) as u16,
            (b >> 64) as u16,
            (b >> 48) as u16,
            b & 0xffff_ffff_ffff
        )
    }
}

/// Interned text: an event type or a memory path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub u32);
