/** Values that are not plain data, by Flink's serializers, and the form in which values lie in Flink's state. */
package org.apache.flink.agents.runtime.value;
