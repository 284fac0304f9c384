package org.apache.flink.agents.api.listener;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;

/**
 * Is told of every event before actions are chosen for it. Listeners are named in the option {@code
 * event-listeners} and need a public constructor without parameters. They are called on the thread
 * of the operator, so they should be quick. What they throw is logged and counted.
 */
public interface EventListener {

    /** Called for an event; it must not change it. */
    void onEventProcessed(EventContext context, Event event);
}
