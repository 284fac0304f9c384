/** Finds, checks and loads the native library. */
package org.apache.flink.agents.core.loader;
