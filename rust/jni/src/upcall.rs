//! The one way in which this library calls Java: a `Runnable` that wakes whoever has to look.

use crate::env::Env;
use crate::errors::Failure;
use jni_sys::{JNI_VERSION_1_8, JNIEnv, JavaVM, JavaVMAttachArgs, jmethodID, jobject};
use std::cell::RefCell;
use std::ffi::CStr;

/// A Java `Runnable` that may be called from any thread.
pub(crate) struct Upcall {
    /// What the threads are called in the JVM.
    thread: &'static CStr,
    vm: *mut JavaVM,
    runnable: jobject,
    run: jmethodID,
}

// SAFETY: a JavaVM and a global reference may be used by every thread; a method id is a plain number.
unsafe impl Send for Upcall {}
// SAFETY: as above.
unsafe impl Sync for Upcall {}

impl Upcall {
    /// `thread`: what those that call are called in the JVM.
    pub(crate) fn new(env: Env, runnable: jobject, thread: &'static CStr) -> Result<Upcall, Failure> {
        let raw = env.raw();
        // SAFETY: the environment is that of the running native; the names are those of java.lang.Runnable.
        unsafe {
            let functions = *raw;
            let class = ((*functions).v1_1.FindClass)(raw, c"java/lang/Runnable".as_ptr());
            if class.is_null() {
                return Err(Failure::core("java.lang.Runnable was not found"));
            }
            let run = ((*functions).v1_1.GetMethodID)(raw, class, c"run".as_ptr(), c"()V".as_ptr());
            let mut vm = std::ptr::null_mut();
            if ((*functions).v1_1.GetJavaVM)(raw, &mut vm) != 0 || run.is_null() || runnable.is_null() {
                return Err(Failure::argument(
                    "There is nothing to call when the library has something to say",
                ));
            }
            let runnable = ((*functions).v1_1.NewGlobalRef)(raw, runnable);
            Ok(Upcall {
                thread,
                vm,
                runnable,
                run,
            })
        }
    }

    pub(crate) fn call(&self) {
        if let Some(env) = attached(self.vm, self.thread) {
            // SAFETY: the environment belongs to this thread; the reference lives as long as this object.
            unsafe {
                let functions = *env;
                ((*functions).v1_1.CallVoidMethod)(env, self.runnable, self.run);
                // Whoever is woken has nobody to throw to.
                if ((*functions).v1_2.ExceptionCheck)(env) {
                    ((*functions).v1_1.ExceptionClear)(env);
                }
            }
        }
    }
}

impl Drop for Upcall {
    fn drop(&mut self) {
        if let Some(env) = attached(self.vm, self.thread) {
            // SAFETY: made by `NewGlobalRef` and not used afterwards.
            unsafe { ((**env).v1_1.DeleteGlobalRef)(env, self.runnable) };
        }
    }
}

/// Detaches a thread from the JVM when it ends: the JVM counts on it.
struct Attachment(*mut JavaVM);

impl Drop for Attachment {
    fn drop(&mut self) {
        // SAFETY: made by the thread that ends here, which runs no Java code any more.
        unsafe { ((**self.0).v1_1.DetachCurrentThread)(self.0) };
    }
}

thread_local! {
    static ATTACHMENT: RefCell<Option<Attachment>> = const { RefCell::new(None) };
}

/// The environment of this thread, which is attached as a daemon if the JVM does not know it yet.
fn attached(vm: *mut JavaVM, thread: &'static CStr) -> Option<*mut JNIEnv> {
    let mut env = std::ptr::null_mut();
    // SAFETY: the JVM lives as long as this library is loaded; the arguments live during the calls.
    unsafe {
        if ((**vm).v1_2.GetEnv)(vm, &mut env, JNI_VERSION_1_8) == 0 {
            return Some(env.cast());
        }
        let mut arguments = JavaVMAttachArgs {
            version: JNI_VERSION_1_8,
            name: thread.as_ptr().cast_mut(),
            group: std::ptr::null_mut(),
        };
        if ((**vm).v1_4.AttachCurrentThreadAsDaemon)(vm, &mut env, (&raw mut arguments).cast()) != 0 {
            return None;
        }
    }
    ATTACHMENT.with(|slot| *slot.borrow_mut() = Some(Attachment(vm)));
    Some(env.cast())
}
