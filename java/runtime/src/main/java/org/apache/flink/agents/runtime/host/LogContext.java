package org.apache.flink.agents.runtime.host;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.flink.agents.api.Event;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.slf4j.helpers.NOPMDCAdapter;

/**
 * What a line in the log belongs to, in SLF4J's {@code MDC}: job and subtask on every thread of a subtask, and while an action runs
 * also operator, agent, action, key, event and run.
 *
 * <p>Setting it for each action costs more than many an action. So it is set only where something shows it: if Log4j 2 logs,
 * where the pattern of an appender asks for it or an appender has no pattern; with other loggers always. That is looked at when
 * the host is made.
 *
 * <p><i>Threads</i>: {@link #enters} and {@link #leaves} by the thread on which the action runs.
 */
final class LogContext {
    static final String JOB = "flink-agents-job";
    static final String SUBTASK = "flink-agents-subtask";
    static final String OPERATOR = "flink-agents-operator";
    static final String AGENT = "flink-agents-agent";
    static final String ACTION = "flink-agents-action";
    static final String KEY = "flink-agents-key";
    static final String EVENT = "flink-agents-event";
    static final String RUN = "flink-agents-run";

    private static final Logger LOG = LoggerFactory.getLogger(LogContext.class);
    /** The whole context, or one of these. */
    private static final Pattern ASKS = Pattern.compile("%[-.\\d]*(?:X|mdc|MDC)(?!\\{)|flink-agents-");

    private final PlanServices services;
    private final String operator;
    private final boolean isShown;
    /** Ids of the input events of the runs that began last, two numbers for each slot. */
    private long[] runs = new long[64];

    LogContext(final PlanServices services) {
        this(services, isShown());
    }

    LogContext(final PlanServices services, final boolean isShown) {
        this.services = services;
        this.isShown = isShown;
        operator = services.taskName();
    }

    /** From now on this thread is the subtask's: what it starts before {@link #opened} is called inherits all of this. */
    void open() {
        put(JOB, services.jobId());
        put(SUBTASK, Integer.toString(services.subtask()));
        put(OPERATOR, operator);
        put(AGENT, services.agentName());
    }

    /** What this thread does from now on may be another operator's of the same subtask. */
    void opened() {
        MDC.remove(OPERATOR);
        MDC.remove(AGENT);
    }

    /** The thread is no longer the subtask's. */
    void close() {
        opened();
        MDC.remove(JOB);
        MDC.remove(SUBTASK);
    }

    /** Remembers the run that begins with an event. By the host's thread. */
    void begins(final int slot, final Event trigger) {
        if (isShown && trigger.getUpstreamEventId() == null) {
            if (runs.length < 2 * slot + 2) {
                runs = Arrays.copyOf(runs, Math.max(2 * runs.length, 2 * slot + 2));
            }
            runs[2 * slot] = trigger.getId().getMostSignificantBits();
            runs[2 * slot + 1] = trigger.getId().getLeastSignificantBits();
        }
    }

    /** The input event of a slot's run; null if the run was begun by another attempt. By the host's thread. */
    String run(final int slot) {
        if (!isShown || runs.length < 2 * slot + 2 || (runs[2 * slot] | runs[2 * slot + 1]) == 0) {
            return null;
        }
        return new UUID(runs[2 * slot], runs[2 * slot + 1]).toString();
    }

    boolean isOn() {
        return isShown;
    }

    /** An action begins on this thread. */
    void enters(final String action, final String key, final Event trigger, final String run) {
        put(OPERATOR, operator);
        put(AGENT, services.agentName());
        put(ACTION, action);
        put(KEY, key);
        put(EVENT, String.valueOf(trigger.getId()));
        put(RUN, run);
    }

    /** It has ended, or left this thread. */
    void leaves() {
        opened();
        MDC.remove(ACTION);
        MDC.remove(KEY);
        MDC.remove(EVENT);
        MDC.remove(RUN);
    }

    /** The same work, showing what it belongs to on the thread on which it is run. */
    Runnable carrying(final ActionContext action, final Runnable work) {
        return !isShown
                ? work
                : () -> {
                    action.enters(this);
                    try {
                        work.run();
                    } finally {
                        leaves();
                    }
                };
    }

    private static void put(final String name, final String value) {
        if (value != null) {
            MDC.put(name, value);
        }
    }

    /** Whether a line in the log may show any of it. */
    private static boolean isShown() {
        final Object adapter = MDC.getMDCAdapter();
        if (adapter == null || adapter instanceof NOPMDCAdapter) {
            return false;
        }
        if (!adapter.getClass().getName().startsWith("org.apache.logging.")) {
            return true;
        }
        try {
            return anyLayoutShows(LOG.getClass().getClassLoader());
        } catch (final ReflectiveOperationException | RuntimeException | LinkageError e) {
            LOG.debug("What appenders show of the context of log lines cannot be found out, so it is always set", e);
            return true;
        }
    }

    /** Log4j 2 is what Flink brings, and no dependency: which classes there are depends on where this runs. */
    private static boolean anyLayoutShows(final ClassLoader loader) throws ReflectiveOperationException {
        final String core = "org.apache.logging.log4j.core.";
        final Object context =
                Class.forName("org.apache.logging.log4j.LogManager", true, loader)
                        .getMethod("getContext", boolean.class)
                        .invoke(null, false);
        final Object config = call(loader, core + "LoggerContext", "getConfiguration", context);
        final Map<?, ?> appenders = (Map<?, ?>) call(loader, core + "config.Configuration", "getAppenders", config);
        final Class<?> patterns = Class.forName(core + "layout.PatternLayout", false, loader);
        final Method pattern = patterns.getMethod("getConversionPattern");
        for (final Object appender : appenders.values()) {
            final Object layout = call(loader, core + "Appender", "getLayout", appender);
            if (layout != null && (!patterns.isInstance(layout) || asks((String) pattern.invoke(layout)))) {
                return true;
            }
        }
        return false;
    }

    /** Whether a pattern of Log4j's shows any of it. */
    static boolean asks(final String pattern) {
        return pattern != null && ASKS.matcher(pattern).find();
    }

    private static Object call(final ClassLoader loader, final String type, final String method, final Object target)
            throws ReflectiveOperationException {
        return Class.forName(type, false, loader).getMethod(method).invoke(target);
    }
}
