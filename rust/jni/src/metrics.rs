//! The natives of metrics without Flink: the text page, and its server.
//!
//! *Owned state*: the servers of this copy of the library, by number. They go when Java stops them, at the latest when the library
//! is unloaded.

use crate::cold::plain;
use crate::env::Env;
use crate::errors::Failure;
use flink_agents_runtime::metrics::{self, Server, SnapshotError};
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jlong};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

static SERVERS: Mutex<BTreeMap<i64, Server>> = Mutex::new(BTreeMap::new());

fn servers() -> MutexGuard<'static, BTreeMap<i64, Server>> {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends what is still served.
pub(crate) fn unload() {
    servers().clear();
}

impl From<SnapshotError> for Failure {
    #[cold]
    fn from(error: SnapshotError) -> Self {
        Failure::argument(error.to_string())
    }
}

plain! {
    /// The text page of snapshots: JSON in, text (UTF-8) out.
    fn Java_org_apache_flink_agents_core_Natives_metricsPage(env, snapshots: jbyteArray) -> jbyteArray = std::ptr::null_mut(); {
        env.new_bytes(metrics::page(&metrics::read(&env.bytes(snapshots)?)?).as_bytes())
    }
}

plain! {
    /// Serves the page at a port of 127.0.0.1 (0: any that is free). The port in the lower 16 bits, above it the server's number.
    fn Java_org_apache_flink_agents_core_Natives_metricsServe(_env, port: jint) -> jlong = 0; {
        let port = u16::try_from(port).map_err(|_| Failure::argument(format!("there is no port {port}")))?;
        let server = Server::start(port).map_err(Failure::core)?;
        let mut servers = servers();
        let number = servers.last_key_value().map_or(1, |(last, _)| last + 1);
        let answer = number << 16 | i64::from(server.port());
        servers.insert(number, server);
        Ok(answer)
    }
}

plain! {
    /// What a server shows from now on: snapshots as JSON.
    fn Java_org_apache_flink_agents_core_Natives_metricsPublish(env, server: jlong, snapshots: jbyteArray) -> () = (); {
        let snapshots = env.bytes(snapshots)?;
        if let Some(server) = servers().get(&(server >> 16)) {
            server.publish(snapshots);
        }
        Ok(())
    }
}

plain! {
    /// Ends a server; its port is free afterwards.
    fn Java_org_apache_flink_agents_core_Natives_metricsStop(_env, server: jlong) -> () = (); {
        let stopped = servers().remove(&(server >> 16));
        drop(stopped);
        Ok(())
    }
}
