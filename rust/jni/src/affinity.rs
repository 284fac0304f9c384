//! On which processor a thread goes on. Threads that pass a turn to each other are one piece of work: the next one goes on best where the one before
//! has just stopped. Linux puts a thread that is woken on another processor that is idle, which first has to be woken itself; on virtual machines that takes
//! two to nine times as long as a change of threads on one (ADR 7). Affinity is the only means that a program has to say it.
//!
//! A thread is held only until it goes on: user code runs wherever the process may, and so do threads that it starts, which inherit from it.

#[cfg(target_os = "linux")]
mod system {
    use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};
    use std::sync::OnceLock;

    /// The processors that threads may run on, as the first one that asked had inherited it; none where that cannot be known.
    static ALLOWED: OnceLock<Option<CpuSet>> = OnceLock::new();

    fn allowed() -> Option<&'static CpuSet> {
        ALLOWED.get_or_init(|| sched_getaffinity(None).ok()).as_ref()
    }

    /// The number of the calling thread; 0 where threads cannot be moved.
    pub(super) fn thread_id() -> i32 {
        if allowed().is_none_or(|set| set.count() < 2) {
            return 0;
        }
        gettid().as_raw_nonzero().get()
    }

    pub(super) fn move_here(thread: i32) -> bool {
        let processor = sched_getcpu();
        let (Some(thread), true) = (Pid::from_raw(thread), processor < CpuSet::MAX_CPU) else {
            return false;
        };
        let mut here = CpuSet::new();
        here.set(processor);
        sched_setaffinity(Some(thread), &here).is_ok()
    }

    pub(super) fn move_anywhere() {
        let Some(set) = allowed() else { return };
        if sched_setaffinity(None, set).is_err() {
            // The process was given other processors meanwhile, as containers are. The kernel leaves out those that it does not have.
            let mut all = CpuSet::new();
            (0..CpuSet::MAX_CPU).for_each(|processor| all.set(processor));
            // Where this fails, too, the thread stays where it is, which is right, if slow.
            let _ = sched_setaffinity(None, &all);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn thread_id() -> i32 {
        0
    }

    pub(super) fn move_here(_thread: i32) -> bool {
        false
    }

    pub(super) fn move_anywhere() {}
}

use crate::cold::plain;
use crate::env::Env;
use jni_sys::{JNIEnv, jclass, jint};

plain! {
    /// The number of the calling thread, by which others move it; 0 where threads cannot be moved, or there is one processor only.
    fn Java_org_apache_flink_agents_core_Natives_threadId(env) -> jint = 0; {
        Ok(system::thread_id())
    }
}

plain! {
    /// Has a thread that is about to be woken go on where the caller runs. Not 0 if it will.
    fn Java_org_apache_flink_agents_core_Natives_moveHere(env, thread: jint) -> jint = 0; {
        Ok(jint::from(system::move_here(thread)))
    }
}

plain! {
    /// The calling thread may run wherever the process may.
    fn Java_org_apache_flink_agents_core_Natives_moveAnywhere(env) -> () = (); {
        system::move_anywhere();
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::system;
    use rustix::thread::{sched_getaffinity, sched_getcpu};
    use std::sync::mpsc::channel;

    #[test]
    fn a_thread_is_moved_here_and_runs_anywhere_again() {
        let before = sched_getaffinity(None).expect("the affinity of this thread");
        if before.count() < 2 {
            assert_eq!(system::thread_id(), 0, "there is nowhere to move to");
            return;
        }
        let ((tell, told), (go_on, wait)) = (channel(), channel());
        let other = std::thread::spawn(move || {
            tell.send(system::thread_id()).expect("its number is asked for");
            wait.recv().expect("it is told to go on");
            let (processor, held) = (sched_getcpu(), sched_getaffinity(None).expect("its affinity"));
            system::move_anywhere();
            (processor, held, sched_getaffinity(None).expect("its affinity"))
        });
        let number = told.recv().expect("its number");
        assert_ne!(number, 0);
        assert!(system::move_here(number));
        go_on.send(()).expect("it waits");
        let (processor, held, after) = other.join().expect("it ends");
        assert_eq!(held.count(), 1);
        assert!(held.is_set(processor));
        assert_eq!(after, before);
        assert!(!system::move_here(0), "there is no such thread");
    }
}
