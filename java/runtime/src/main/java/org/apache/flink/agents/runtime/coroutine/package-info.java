/** User code that can be left in the middle and gone on with, on every JVM. */
package org.apache.flink.agents.runtime.coroutine;
