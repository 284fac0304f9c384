package io.github.flinkagents.examples.market;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/**
 * The first of two agents: remembers a company's last price and judges each month's change. Its key is the company; it
 * says one {@link Move} for each month but the first.
 */
public class CompanyAgent extends Agent {

    /** Compares a price with the one before. */
    @Action(EventType.InputEvent)
    public static void compare(final Event event, final RunnerContext context) throws Exception {
        final Price price = (Price) InputEvent.fromEvent(event).getInput();
        final MemoryObject last = context.getShortTermMemory().get("last-price");
        if (last != null) {
            final double percent = 100 * (price.dollars / (Double) last.getValue() - 1);
            context.sendEvent(
                    new Event("move", Map.of("company", price.company, "month", price.month, "percent", percent)));
        }
        context.getShortTermMemory().set("last-price", price.dollars);
    }

    /** A month in which the share lost a twentieth or more. */
    @Action("type == 'move' && percent <= -5.0")
    public static void fell(final Event event, final RunnerContext context) {
        say(event, context, "fell");
    }

    /** A month in which the share gained a twentieth or more. */
    @Action("type == 'move' && percent >= 5.0")
    public static void rose(final Event event, final RunnerContext context) {
        say(event, context, "rose");
    }

    /** Any other month. */
    @Action("type == 'move' && percent > -5.0 && percent < 5.0")
    public static void steady(final Event event, final RunnerContext context) {
        say(event, context, "steady");
    }

    private static void say(final Event event, final RunnerContext context, final String verdict) {
        context.sendEvent(
                new OutputEvent(
                        new Move(
                                (String) event.getAttr("company"),
                                (String) event.getAttr("month"),
                                (Double) event.getAttr("percent"),
                                verdict)));
    }
}
