package org.apache.flink.agents.runtime.host;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.listener.EventListener;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.metrics.Counter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The user's listeners. What one throws is logged and counted: listening must not change what the job does. */
public final class EventListeners {
    private static final Logger LOG = LoggerFactory.getLogger(EventListeners.class);

    private final List<EventListener> listeners = new ArrayList<>();
    private final Counter failures;
    private final UserCodeWatch watch;
    private final boolean pythons;
    /** Those whose first failure was logged. */
    private final Set<String> warned = new HashSet<>();

    /**
     * Makes the listeners.
     *
     * @param classNames classes with a public constructor without parameters; those of Python are left to its workers
     * @param userCode where to find them
     * @param failures counts exceptions of listeners
     * @param watch names those that hang
     * @throws IllegalArgumentException naming the class that cannot be made
     */
    EventListeners(
            final List<String> classNames, final ClassLoader userCode, final Counter failures, final UserCodeWatch watch) {
        this.failures = failures;
        this.watch = watch;
        pythons = classNames.stream().anyMatch(PythonNames::isPython);
        for (final String name : classNames) {
            if (PythonNames.isPython(name)) {
                continue;
            }
            try {
                listeners.add((EventListener) Class.forName(name, true, userCode).getConstructor().newInstance());
            } catch (final ReflectiveOperationException | ClassCastException e) {
                throw new IllegalArgumentException(
                        "Option event-listeners names "
                                + name
                                + ", which cannot be made: it must implement EventListener, be in the job's jar, and have a"
                                + " public constructor without parameters ("
                                + e
                                + ")",
                        e);
            }
        }
    }

    /** Whether there are listeners of Python. */
    boolean arePythons() {
        return pythons;
    }

    /** Calls every listener that is Java's, on the calling thread. */
    public void processed(final Object event) {
        if (!listeners.isEmpty()) {
            tell(JavaHost.open(event));
        }
    }

    /** Has a worker call those that are Python's. */
    void processedInPython(final PythonHost worker, final Object event) {
        try {
            worker.listen(event);
        } catch (final UnsupportedValueException e) {
            final String type = event instanceof EncodedEvent ? ((EncodedEvent) event).type() : ((Event) event).getType();
            failed("The listeners of Python", type, e);
        }
    }

    private void tell(final Event event) {
        final EventContext context = new EventContext(event);
        for (final EventListener listener : listeners) {
            watch.begins("Event listener", listener, event.getType());
            try {
                listener.onEventProcessed(context, event);
            } catch (final VirtualMachineError e) {
                throw e;
            } catch (final Throwable e) {
                failed(listener.getClass().getName(), event.getType(), e);
            } finally {
                watch.ends();
            }
        }
    }

    private void failed(final String who, final String type, final Throwable e) {
        failures.inc();
        if (warned.add(who)) {
            LOG.warn("{} failed for event {} (further failures are only counted, by eventListenerFailures)", who, type, e);
        } else {
            LOG.debug("{} failed for event {}", who, type, e);
        }
    }
}
