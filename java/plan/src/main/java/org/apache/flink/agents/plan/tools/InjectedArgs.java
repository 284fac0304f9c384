package org.apache.flink.agents.plan.tools;

import java.util.Map;
import org.apache.flink.agents.api.tools.ToolParameterInjection;

/** A tool some of whose parameters the framework fills in. */
public interface InjectedArgs {

    /** Returns which parameters the framework fills in and from where, keys given; unmodifiable. */
    Map<String, ToolParameterInjection> getInjectedArgs();
}
