//! The few JNI functions used, each wrapped once.

use crate::errors::Failure;
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jintArray, jobject, jsize};
use std::ffi::CString;

/// The JNI environment of the current call.
#[derive(Clone, Copy)]
pub(crate) struct Env(*mut JNIEnv);

impl Env {
    /// # Safety
    /// `raw` is the environment the JVM passed to the native that is running, on its thread.
    pub(crate) unsafe fn new(raw: *mut JNIEnv) -> Env {
        Env(raw)
    }

    /// The raw environment, for the few functions that are used in one place only.
    pub(crate) fn raw(self) -> *mut JNIEnv {
        self.0
    }

    /// Raises a Java exception; the native has to return at once.
    #[cold]
    pub(crate) fn raise(self, failure: &Failure) {
        // A text with a NUL inside cannot be a C string.
        let text = CString::new(failure.text.replace('\0', "\\0")).unwrap_or_default();
        let modified = to_modified_utf8(&text);
        // SAFETY: `self.0` is valid for this call (see `new`); both strings are NUL-terminated and outlive the calls.
        unsafe {
            let functions = *self.0;
            let mut class: jclass = ((*functions).v1_1.FindClass)(self.0, failure.kind.class().as_ptr());
            if class.is_null() {
                ((*functions).v1_1.ExceptionClear)(self.0);
                class = ((*functions).v1_1.FindClass)(self.0, c"java/lang/IllegalStateException".as_ptr());
            }
            if !class.is_null() {
                ((*functions).v1_1.ThrowNew)(self.0, class, modified.as_ptr());
            }
        }
    }

    /// Copies a Java `byte[]`.
    pub(crate) fn bytes(self, array: jbyteArray) -> Result<Vec<u8>, Failure> {
        if array.is_null() {
            return Err(Failure::argument("a byte array is null"));
        }
        // SAFETY: the JVM passed a live `byte[]`; the region read is exactly its length, into a buffer of that length.
        unsafe {
            let functions = *self.0;
            let length = ((*functions).v1_1.GetArrayLength)(self.0, array);
            let mut bytes = vec![0u8; length as usize];
            ((*functions).v1_1.GetByteArrayRegion)(self.0, array, 0, length, bytes.as_mut_ptr().cast());
            Ok(bytes)
        }
    }

    /// Copies the first `length` bytes of a Java `byte[]`.
    pub(crate) fn leading_bytes(self, array: jbyteArray, length: jint) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.leading_bytes_into(array, length, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies the first `length` bytes of a Java `byte[]` in place of what is in `bytes`.
    pub(crate) fn leading_bytes_into(
        self,
        array: jbyteArray,
        length: jint,
        bytes: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if array.is_null() {
            return Err(Failure::argument("a byte array is null"));
        }
        // SAFETY: as in `bytes`; the region is checked against the array's length.
        unsafe {
            let functions = *self.0;
            if length < 0 || length > ((*functions).v1_1.GetArrayLength)(self.0, array) {
                return Err(Failure::argument("a byte array is shorter than it is said to be"));
            }
            bytes.resize(length as usize, 0);
            ((*functions).v1_1.GetByteArrayRegion)(self.0, array, 0, length, bytes.as_mut_ptr().cast());
            Ok(())
        }
    }

    /// Copies bytes to the beginning of a Java `byte[]`; nothing and false if it is too short for them.
    pub(crate) fn fill(self, array: jbyteArray, bytes: &[u8]) -> Result<bool, Failure> {
        if array.is_null() {
            return Err(Failure::argument("a byte array is null"));
        }
        // SAFETY: as in `bytes`; the region is checked against the array's length, which is no more than a `jsize`.
        unsafe {
            let functions = *self.0;
            let room = ((*functions).v1_1.GetArrayLength)(self.0, array);
            if bytes.len() > room.max(0) as usize {
                return Ok(false);
            }
            ((*functions).v1_1.SetByteArrayRegion)(self.0, array, 0, bytes.len() as jsize, bytes.as_ptr().cast());
            Ok(true)
        }
    }

    /// Address of a direct buffer's memory.
    pub(crate) fn address(self, buffer: jobject) -> Result<i64, Failure> {
        if buffer.is_null() {
            return Err(Failure::argument("a buffer is null"));
        }
        // SAFETY: the JVM passed a live `ByteBuffer`; for one that is not direct it answers null.
        let address = unsafe { ((**self.0).v1_4.GetDirectBufferAddress)(self.0, buffer) };
        if address.is_null() {
            return Err(Failure::argument("the buffer is not direct"));
        }
        Ok(address as i64)
    }

    /// Length of a Java `byte[]`.
    pub(crate) fn length(self, array: jbyteArray) -> Result<usize, Failure> {
        if array.is_null() {
            return Err(Failure::argument("a byte array is null"));
        }
        // SAFETY: the JVM passed a live `byte[]`.
        let length = unsafe { ((**self.0).v1_1.GetArrayLength)(self.0, array) };
        Ok(length as usize)
    }

    /// Copies a Java `int[]`.
    pub(crate) fn ints(self, array: jintArray) -> Result<Vec<jint>, Failure> {
        if array.is_null() {
            return Err(Failure::argument("an int array is null"));
        }
        // SAFETY: as in `bytes`.
        unsafe {
            let functions = *self.0;
            let length = ((*functions).v1_1.GetArrayLength)(self.0, array);
            let mut ints = vec![0; length as usize];
            ((*functions).v1_1.GetIntArrayRegion)(self.0, array, 0, length, ints.as_mut_ptr());
            Ok(ints)
        }
    }

    /// A new Java `byte[]`; null, with an `OutOfMemoryError` pending, if the JVM has no room.
    pub(crate) fn new_bytes(self, bytes: &[u8]) -> Result<jbyteArray, Failure> {
        let length = jsize::try_from(bytes.len())
            .map_err(|_| Failure::core("the result is larger than 2 GiB, more than a Java array holds"))?;
        // SAFETY: the region written is exactly the new array's length.
        unsafe {
            let functions = *self.0;
            let array = ((*functions).v1_1.NewByteArray)(self.0, length);
            if !array.is_null() {
                ((*functions).v1_1.SetByteArrayRegion)(self.0, array, 0, length, bytes.as_ptr().cast());
            }
            Ok(array)
        }
    }

    /// A new Java `int[]`, as [`Env::new_bytes`].
    pub(crate) fn new_ints(self, ints: &[jint]) -> Result<jintArray, Failure> {
        let length =
            jsize::try_from(ints.len()).map_err(|_| Failure::core("more than 2^31 numbers for one Java array"))?;
        // SAFETY: as in `new_bytes`.
        unsafe {
            let functions = *self.0;
            let array = ((*functions).v1_1.NewIntArray)(self.0, length);
            if !array.is_null() {
                ((*functions).v1_1.SetIntArrayRegion)(self.0, array, 0, length, ints.as_ptr());
            }
            Ok(array)
        }
    }
}

/// `ThrowNew` reads "modified UTF-8": characters above U+FFFF as two three-byte surrogates.
fn to_modified_utf8(text: &CString) -> CString {
    let Ok(text) = text.to_str() else { return text.clone() };
    if text.chars().all(|c| (c as u32) < 0x10000) {
        return CString::new(text).unwrap_or_default();
    }
    let mut bytes = Vec::with_capacity(text.len() + 16);
    for c in text.chars() {
        let mut units = [0u16; 2];
        let units = c.encode_utf16(&mut units);
        if let [high, low] = units {
            for unit in [*high, *low] {
                bytes.extend_from_slice(&[
                    0xe0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3f) as u8,
                    0x80 | (unit & 0x3f) as u8,
                ]);
            }
        } else {
            let mut utf8 = [0u8; 4];
            bytes.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
        }
    }
    CString::new(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_outside_the_basic_plane_become_two_surrogates() {
        let out = to_modified_utf8(&CString::new("a😀ä").unwrap());
        assert_eq!(out.as_bytes(), [b'a', 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0xc3, 0xa4]);
    }
}
