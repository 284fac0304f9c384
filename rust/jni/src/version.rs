//! `Natives.version()`: lets the loader refuse a library of another build before anything else is called.
//!
//! It names the release, a hash of the natives with their types (made by `build.rs`), and the layout: what the numbers
//! mean that cross. The layout is raised together with `Natives.LAYOUT` whenever an effect, a result or a flag changes its
//! meaning while the types stay.

use jni_sys::{JNIEnv, jclass, jstring};
use std::ffi::CStr;

macro_rules! version {
    (layout $layout:literal) => {
        concat!(
            env!("CARGO_PKG_VERSION"),
            " (natives ",
            env!("NATIVES_ID"),
            ", layout ",
            $layout,
            ")\0"
        )
    };
}

const VERSION: &CStr = match CStr::from_bytes_with_nul(version!(layout 4).as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version has no NUL inside"),
};

/// `static native String version()`. Returns null, with `OutOfMemoryError` pending, if the JVM has no memory left.
///
/// # Safety
/// Called by the JVM only, with the environment of the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_apache_flink_agents_core_Natives_version(
    env: *mut JNIEnv,
    _class: jclass,
) -> jstring {
    // SAFETY: the JVM passes a valid environment, whose table has all functions of JNI 1.1; the text is ASCII and
    // ends with NUL. Nothing here can panic.
    unsafe { ((**env).v1_1.NewStringUTF)(env, VERSION.as_ptr()) }
}
