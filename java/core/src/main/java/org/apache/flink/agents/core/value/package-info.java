/**
 * Values in binary form: what snapshots, memory and journals hold. The format is shared with the Rust core; its table of
 * tags is in the core's {@code value} module and in {@code docs/adr/0003-value-codec.md}.
 */
package org.apache.flink.agents.core.value;
