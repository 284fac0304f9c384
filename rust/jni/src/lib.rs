//! The core for JVM hosts: one library, a few typed natives.
//!
//! # Ownership at this boundary
//!
//! * **Who creates, who frees.** `Natives.open` makes an [`engine::Engine`] and gives its handle to Java; `Natives.close`
//!   frees it. Nothing else keeps an engine. Java objects (events, memory values) never cross: Java keeps them in a table
//!   and passes the index; the core tells by a `Release` effect when it no longer refers to one.
//! * **Handles** ([`handles`]) are slot and generation. A handle used after `close`, or made up, is an exception.
//! * **Threads.** An engine has one user at a time. Two threads inside one engine at once is an exception for the second,
//!   not a race: each slot has a busy flag, taken and given back around every call.
//! * **Memory.** Effects are written into a buffer that Java owns (direct memory, address and capacity passed with every
//!   call); attributes are read from such a buffer during the call only. Java must not free it while a call runs. `byte[]`
//!   crosses in cold calls only, and is copied.
//! * **Errors** ([`errors`]) leave as Java exceptions, raised just before the native returns; a panic is caught at the
//!   boundary, closes its engine to further use, and leaves as an exception that names the place.
//! * **Event logs** ([`event_log`]) have handles of their own, so that one is read, and hurried, while its core is in use.
//! * **Model clients** ([`models`]) make calls on threads of their own that know no Java; what they brought is fetched by one that waits.
//! * **One upcall** ([`upcall`]) is made from here: the threads of a Python worker ([`worker`]) and of a journal's store
//!   ([`journal`]) call a `Runnable` when there is something to receive. They are attached as daemons. Those of a worker end
//!   before `workerStop` returns; those of a store make no call for a core that is closed.
//!
//! `unsafe` is confined to this crate, each use with its reason.

mod affinity;
mod builtin;
mod cold;
mod engine;
mod env;
mod errors;
mod event_log;
mod failures;
mod handles;
mod hot;
mod job_state;
mod journal;
mod metrics;
mod models;
mod stores;
mod threads;
mod upcall;
mod version;
mod worker;
