//! Virtual threads whose scheduler is ours. The JVM has had them since 21, in no public class: the JNI reaches what no
//! option of the command line opens, and says so when a JVM has it no more (ADR 7).

use crate::cold::plain;
use crate::env::Env;
use jni_sys::{JNIEnv, jclass, jobject, jstring, jvalue};

// Names of the Java types, for the check that both sides declare the same.
#[allow(non_camel_case_types)]
type jexecutor = jobject;
#[allow(non_camel_case_types)]
type jthread = jobject;
#[allow(non_camel_case_types)]
type jrunnable = jobject;

plain! {
    /// A virtual thread, not started, that runs wherever its scheduler runs what it is given. Null where the JVM has none.
    fn Java_org_apache_flink_agents_core_Natives_newVirtualThread(env, scheduler: jexecutor, name: jstring, body: jrunnable) -> jthread = std::ptr::null_mut(); {
        // SAFETY: the environment and the references are those of this call; a method is called with the types it was looked up by.
        Ok(unsafe { new_virtual_thread(env.raw(), scheduler, name, body) })
    }
}

plain! {
    /// The scheduler of all other virtual threads. Null where the JVM has none, or has it elsewhere.
    fn Java_org_apache_flink_agents_core_Natives_virtualThreadScheduler(env) -> jexecutor = std::ptr::null_mut(); {
        // SAFETY: the environment is that of this call.
        Ok(unsafe { default_scheduler(env.raw()) })
    }
}

/// # Safety
/// `env` is that of the running native.
unsafe fn default_scheduler(env: *mut JNIEnv) -> jobject {
    // SAFETY: see above; after each call that may have thrown, the exception is cleared before anything else is called.
    unsafe {
        let functions = *env;
        let class: jclass = ((*functions).v1_1.FindClass)(env, c"java/lang/VirtualThread".as_ptr());
        if class.is_null() {
            ((*functions).v1_1.ExceptionClear)(env);
            return std::ptr::null_mut();
        }
        for signature in [
            c"Ljava/util/concurrent/ForkJoinPool;",
            c"Ljava/util/concurrent/Executor;",
        ] {
            let field =
                ((*functions).v1_1.GetStaticFieldID)(env, class, c"DEFAULT_SCHEDULER".as_ptr(), signature.as_ptr());
            if field.is_null() {
                ((*functions).v1_1.ExceptionClear)(env);
            } else {
                return ((*functions).v1_1.GetStaticObjectField)(env, class, field);
            }
        }
        std::ptr::null_mut()
    }
}

/// # Safety
/// `env` is that of the running native, and the others are its arguments.
unsafe fn new_virtual_thread(env: *mut JNIEnv, scheduler: jobject, name: jobject, body: jobject) -> jobject {
    // SAFETY: see above; after each call that may have thrown, the exception is cleared before anything else is called.
    unsafe {
        let functions = *env;
        let class: jclass = ((*functions).v1_1.FindClass)(env, c"java/lang/ThreadBuilders".as_ptr());
        if class.is_null() {
            ((*functions).v1_1.ExceptionClear)(env);
            return std::ptr::null_mut();
        }
        let signature = c"(Ljava/util/concurrent/Executor;Ljava/lang/String;ILjava/lang/Runnable;)Ljava/lang/Thread;";
        let method =
            ((*functions).v1_1.GetStaticMethodID)(env, class, c"newVirtualThread".as_ptr(), signature.as_ptr());
        if method.is_null() {
            ((*functions).v1_1.ExceptionClear)(env);
            return std::ptr::null_mut();
        }
        let arguments = [
            jvalue { l: scheduler },
            jvalue { l: name },
            jvalue { i: 0 },
            jvalue { l: body },
        ];
        let thread = ((*functions).v1_1.CallStaticObjectMethodA)(env, class, method, arguments.as_ptr());
        if ((*functions).v1_2.ExceptionCheck)(env) {
            ((*functions).v1_1.ExceptionClear)(env);
            return std::ptr::null_mut();
        }
        thread
    }
}
