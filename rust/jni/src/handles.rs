//! Handles of engines: slot and generation.
//!
//! *Owned state*: every engine of this copy of the library. *Lifecycle*: slots are made in chunks and live until the
//! library is unloaded, so a pointer to one never dangles; engines come and go inside them. *Constraint*: an engine is
//! reached only through [`Guard`], which holds the slot's busy flag.

use crate::engine::Engine;
use crate::errors::Failure;
use std::cell::UnsafeCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

const CHUNK: usize = 64;
const CHUNKS: usize = 1024;

/// Bits of a slot's state: generation (32), open, busy.
const OPEN: u64 = 2;
const BUSY: u64 = 1;

struct Slot {
    /// `generation << 32 | OPEN | BUSY`.
    state: AtomicU64,
    engine: UnsafeCell<Option<Box<Engine>>>,
}

// SAFETY: `engine` is touched only by whoever has set BUSY in `state` (see `Guard` and `open`), one thread at a time,
// and `Engine` is `Send`.
unsafe impl Sync for Slot {}

static TABLE: [AtomicPtr<[Slot; CHUNK]>; CHUNKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS];

/// Slots that are free, and how many exist; taken only to open and close.
static FREE: Mutex<(Vec<u32>, u32)> = Mutex::new((Vec::new(), 0));

fn slot(index: usize) -> Option<&'static Slot> {
    let chunk = TABLE.get(index / CHUNK)?.load(Ordering::Acquire);
    // SAFETY: a chunk is published once, fully made, and freed only when the library is unloaded, when no native runs.
    unsafe { chunk.as_ref() }.map(|chunk| &chunk[index % CHUNK])
}

/// Puts an engine into a slot.
///
/// # Errors
/// When 65,536 engines are open at once.
pub(crate) fn open(engine: Box<Engine>) -> Result<i64, Failure> {
    let mut free = FREE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let index = match free.0.pop() {
        Some(index) => index,
        None => {
            let index = free.1;
            if index as usize >= CHUNK * CHUNKS {
                return Err(Failure::state(
                    "too many open cores in this process; close those no longer used",
                ));
            }
            if (index as usize).is_multiple_of(CHUNK) {
                let chunk: Box<[Slot; CHUNK]> = Box::new(
                    [const {
                        Slot {
                            state: AtomicU64::new(0),
                            engine: UnsafeCell::new(None),
                        }
                    }; CHUNK],
                );
                TABLE[index as usize / CHUNK].store(Box::into_raw(chunk), Ordering::Release);
            }
            free.1 += 1;
            index
        }
    };
    let Some(slot) = slot(index as usize) else {
        return Err(Failure::state("handle table is damaged"));
    };
    // Odd numbers only, so that no handle is 0.
    let generation = (slot.state.load(Ordering::Acquire) >> 32).wrapping_add(1) & 0x7fff_ffff;
    // SAFETY: the slot was on the free list, so it is neither OPEN nor BUSY, and the list's lock is held.
    unsafe { *slot.engine.get() = Some(engine) };
    slot.state.store(generation << 32 | OPEN, Ordering::Release);
    Ok((generation << 32 | u64::from(index) << 1 | 1) as i64)
}

/// An engine in use by one call.
pub(crate) struct Guard {
    slot: &'static Slot,
    idle: u64,
}

impl Guard {
    /// Takes the engine of a handle.
    ///
    /// # Errors
    /// When the handle is closed or made up, or another thread is inside the engine.
    #[inline]
    pub(crate) fn take(handle: i64) -> Result<Guard, Failure> {
        let bits = handle as u64;
        let idle = bits & 0xffff_ffff_0000_0000 | OPEN;
        let Some(slot) = slot((bits as u32 >> 1) as usize).filter(|_| bits & 1 == 1) else {
            return Err(Failure::closed());
        };
        match slot
            .state
            .compare_exchange(idle, idle | BUSY, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => Ok(Guard { slot, idle }),
            Err(found) if found == idle | BUSY => Err(Failure::state(
                "The core is in use by another thread: one caller at a time; user code may touch its context only from the thread that runs its action",
            )),
            Err(_) => Err(Failure::closed()),
        }
    }

    /// The engine.
    #[inline]
    pub(crate) fn engine(&mut self) -> Result<&mut Engine, Failure> {
        // SAFETY: this guard has set BUSY, so no other reference exists while it lives; the result borrows the guard.
        unsafe { &mut *self.slot.engine.get() }
            .as_deref_mut()
            .ok_or_else(Failure::closed)
    }

    /// Takes the engine out and frees the slot.
    pub(crate) fn close(self, handle: i64) -> Option<Box<Engine>> {
        // SAFETY: as in `engine`.
        let engine = unsafe { (*self.slot.engine.get()).take() };
        let mut free = FREE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.slot.state.store(self.idle & !OPEN, Ordering::Release);
        free.0.push(handle as u32 >> 1);
        drop(free);
        std::mem::forget(self);
        engine
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.slot.state.store(self.idle, Ordering::Release);
    }
}

/// Frees everything: the library is being unloaded.
pub(crate) fn unload() {
    let mut free = FREE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for entry in &TABLE {
        let chunk = entry.swap(std::ptr::null_mut(), Ordering::AcqRel);
        if !chunk.is_null() {
            // SAFETY: it came from `Box::into_raw` in `open`, and no native runs during unloading.
            drop(unsafe { Box::from_raw(chunk) });
        }
    }
    *free = (Vec::new(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Box<Engine> {
        Box::new(Engine::open(br#"{"actions":{},"resource_providers":{},"config":{"conf_data":{}}}"#).unwrap())
    }

    #[test]
    fn a_closed_handle_is_refused_and_its_slot_reused_under_another_number() {
        let first = open(engine()).unwrap();
        assert!(Guard::take(first).unwrap().engine().is_ok());
        assert!(Guard::take(first).unwrap().close(first).is_some());
        assert!(Guard::take(first).is_err());
        let second = open(engine()).unwrap();
        assert_ne!(first, second);
        assert!(Guard::take(first).is_err());
        assert!(Guard::take(second).is_ok());
        Guard::take(second).unwrap().close(second);
    }

    #[test]
    fn made_up_handles_are_refused() {
        for handle in [0, 1, -1, i64::MIN, i64::MAX, 0x1_0000_0001, 0x7fff_ffff_ffff_ffff] {
            assert!(Guard::take(handle).is_err(), "{handle:x}");
        }
    }

    #[test]
    fn a_second_caller_is_refused_while_the_first_is_inside() {
        let handle = open(engine()).unwrap();
        let mut inside = Guard::take(handle).unwrap();
        assert!(inside.engine().is_ok());
        let refused = std::thread::spawn(move || Guard::take(handle).err().map(|f| f.text))
            .join()
            .unwrap();
        assert!(refused.is_some_and(|text| text.contains("another thread")));
        drop(inside);
        Guard::take(handle).unwrap().close(handle);
    }
}
