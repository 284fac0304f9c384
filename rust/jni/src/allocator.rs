//! The library's allocator.
//!
//! A chat is hundreds of small allocations, made in one thread and freed in another, which is what glibc's is slow at; so are a
//! journal's records. The JVM, librdkafka, OpenSSL and SQLite keep the C library's.

use libmimalloc_sys::{mi_option_set_enabled, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// mimalloc's `mi_option_destroy_on_exit`, which its crate has no name for.
const DESTROY_ON_EXIT: mi_option_t = 22;

/// The library is being unloaded: its memory goes with it. Each copy would leave a gigabyte of addresses, and the pages in it that
/// were in use, and a TaskManager loads one for each job whose jar has it.
///
/// Not set from the start: a JVM that ends runs the library's destructors while its threads may still be in there.
pub(crate) fn unload() {
    // SAFETY: it sets a number, which is read when the library's destructors run. By then no code of it runs any more.
    unsafe { mi_option_set_enabled(DESTROY_ON_EXIT, true) };
}
