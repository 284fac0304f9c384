//! JNI library: the core for JVM hosts.

mod version;
