package io.github.flinkagents.examples.market;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
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
 * The second of two agents: hears what the first one says of each company and remarks on months in which nearly all
 * moved together. Its key is the month. Whatever order the companies come in, it says the same.
 */
public class MarketAgent extends Agent {
    private static final String GOOGLE_JOINS = "2004-09";

    /** Collects the companies of a month until all are there. */
    @Action(EventType.InputEvent)
    public static void collect(final Event event, final RunnerContext context) throws Exception {
        final Move move = (Move) InputEvent.fromEvent(event).getInput();
        final MemoryObject memory = context.getShortTermMemory();
        memory.set("moves." + move.company, String.format(Locale.ROOT, "%s %+.1f %%", move.company, move.percent));
        final int fell = add(memory, "fell", move.verdict.equals("fell"));
        final int rose = add(memory, "rose", move.verdict.equals("rose"));
        if (memory.get("moves").getFieldNames().size() == companiesIn(move.month)) {
            context.sendEvent(new Event("month_complete", Map.of("month", move.month, "fell", fell, "rose", rose)));
        }
    }

    /** Four or all companies fell. */
    @Action("type == 'month_complete' && fell >= 4")
    public static void warn(final Event event, final RunnerContext context) throws Exception {
        say(event, context, "a bad month for all", event.getAttr("fell") + " companies lost 5 % or more");
    }

    /** Four or all companies rose. */
    @Action("type == 'month_complete' && rose >= 4")
    public static void cheer(final Event event, final RunnerContext context) throws Exception {
        say(event, context, "a good month for all", event.getAttr("rose") + " companies gained 5 % or more");
    }

    private static void say(final Event event, final RunnerContext context, final String what, final String why)
            throws Exception {
        final MemoryObject moves = context.getShortTermMemory().get("moves");
        final List<String> each = new ArrayList<>();
        for (final String company : moves.getFieldNames()) {
            each.add((String) moves.get(company).getValue());
        }
        // Fields have no order of their own.
        each.sort(null);
        context.sendEvent(
                new OutputEvent(event.getAttr("month") + ": " + what + ", " + why + " (" + String.join(", ", each) + ")"));
    }

    private static int add(final MemoryObject memory, final String name, final boolean one) throws Exception {
        final MemoryObject counted = memory.get(name);
        final int count = (counted == null ? 0 : (Integer) counted.getValue()) + (one ? 1 : 0);
        memory.set(name, count);
        return count;
    }

    private static int companiesIn(final String month) {
        return month.compareTo(GOOGLE_JOINS) < 0 ? 4 : 5;
    }
}
