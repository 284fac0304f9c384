/** Where the lines of the event log go when it is written by SLF4J, and the user's own event loggers. */
package org.apache.flink.agents.runtime.eventlog;
