//! Ids of events: random UUIDs of version 4 from a generator that is fast rather than secret.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyInt};
use std::sync::{Mutex, PoisonError};

/// xoshiro256++ by Blackman and Vigna, seeded by the operating system.
struct Generator {
    state: [u64; 4],
    process: u32,
}

static GENERATOR: Mutex<Generator> = Mutex::new(Generator {
    state: [0; 4],
    process: 0,
});

impl Generator {
    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    fn seed(&mut self, py: Python<'_>) -> PyResult<()> {
        let seed = py
            .import("os")?
            .call_method1("urandom", (32,))?
            .cast_into::<PyBytes>()?;
        for (word, bytes) in self.state.iter_mut().zip(seed.as_bytes().as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        self.process = std::process::id();
        Ok(())
    }
}

/// The 128 bits of a fresh id.
pub(crate) fn random_bits(py: Python<'_>) -> PyResult<u128> {
    let mut generator = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    // A forked child has its parent's state: it would give the same ids.
    if generator.process != std::process::id() {
        generator.seed(py)?;
    }
    let bits = u128::from(generator.next()) << 64 | u128::from(generator.next());
    let version = 0x4_u128 << 76;
    let variant = 0b10_u128 << 62;
    Ok(bits & !(0xf << 76) & !(0b11 << 62) | version | variant)
}

/// The int of 128 bits.
pub(crate) fn to_int(py: Python<'_>, bits: u128) -> PyResult<Bound<'_, PyInt>> {
    Ok(py
        .get_type::<PyInt>()
        .call_method1(
            pyo3::intern!(py, "from_bytes"),
            (PyBytes::new(py, &bits.to_be_bytes()), pyo3::intern!(py, "big")),
        )?
        .cast_into::<PyInt>()?)
}

/// The 128 bits of an int.
pub(crate) fn to_bits(id: &Bound<'_, PyInt>) -> PyResult<u128> {
    let py = id.py();
    let bytes = id.call_method1(pyo3::intern!(py, "to_bytes"), (16, pyo3::intern!(py, "big")))?;
    let mut array = [0; 16];
    array.copy_from_slice(bytes.cast::<PyBytes>()?.as_bytes());
    Ok(u128::from_be_bytes(array))
}

struct Parts {
    class: Py<PyAny>,
    new: Py<PyAny>,
    set_int: Py<PyAny>,
    set_safety: Py<PyAny>,
    safety: Py<PyAny>,
}

/// UUID's constructor checks its arguments one by one, and takes as long as the rest of an event. Its objects have two
/// slots; they are set past `__setattr__`, which refuses.
fn parts(py: Python<'_>) -> PyResult<&'static Parts> {
    static PARTS: PyOnceLock<Parts> = PyOnceLock::new();
    PARTS.get_or_try_init(py, || {
        let module = py.import("uuid")?;
        let class = module.getattr("UUID")?;
        let slot = |name: &str| -> PyResult<Py<PyAny>> { Ok(class.getattr(name)?.getattr("__set__")?.unbind()) };
        Ok(Parts {
            new: py.import("builtins")?.getattr("object")?.getattr("__new__")?.unbind(),
            set_int: slot("int")?,
            set_safety: slot("is_safe")?,
            safety: module.getattr("SafeUUID")?.getattr("unknown")?.unbind(),
            class: class.unbind(),
        })
    })
}

/// The UUID with these 128 bits.
#[pyfunction]
pub(crate) fn uuid_of<'py>(py: Python<'py>, bits: &Bound<'py, PyInt>) -> PyResult<Bound<'py, PyAny>> {
    let parts = parts(py)?;
    let id = parts.new.bind(py).call1((&parts.class,))?;
    parts.set_int.bind(py).call1((&id, bits))?;
    parts.set_safety.bind(py).call1((&id, &parts.safety))?;
    Ok(id)
}

/// The 128 bits of a UUID.
pub(crate) fn bits_of(id: &Bound<'_, PyAny>) -> PyResult<u128> {
    let number = id.getattr(pyo3::intern!(id.py(), "int"))?;
    to_bits(number.cast::<PyInt>()?)
}

/// A fresh random UUID of version 4; not for secrets.
#[pyfunction]
pub(crate) fn random_uuid(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    uuid_of(py, &to_int(py, random_bits(py)?)?)
}
