package org.apache.flink.agents.embedded;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;

/** Keeps messages. A test that has changed loggers ends with {@code Kept.context().reconfigure()}. */
final class Kept extends AbstractAppender {
    final List<String> messages = Collections.synchronizedList(new ArrayList<>());

    Kept() {
        super("kept", null, null, false, Property.EMPTY_ARRAY);
        start();
    }

    static LoggerContext context() {
        return (LoggerContext) LogManager.getContext(Kept.class.getClassLoader(), false);
    }

    /** What the host's log warns of from now on. */
    static Kept warnings() {
        final Kept kept = new Kept();
        final LoggerConfig logger = new LoggerConfig("org.apache.flink.agents.runtime.host.HostEventLog", Level.WARN, false);
        logger.addAppender(kept, null, null);
        context().getConfiguration().addLogger(logger.getName(), logger);
        context().updateLoggers();
        return kept;
    }

    @Override
    public void append(final LogEvent event) {
        messages.add(event.getMessage().getFormattedMessage());
    }
}
