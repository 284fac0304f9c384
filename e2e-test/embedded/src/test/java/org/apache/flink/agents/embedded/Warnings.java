package org.apache.flink.agents.embedded;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;

/** What a class warns of in the log, until it is closed. */
final class Warnings extends AbstractAppender implements AutoCloseable {
    private final List<String> texts = new CopyOnWriteArrayList<>();
    private final Logger logger;

    Warnings(final Class<?> of) {
        super("warnings", null, null, true, Property.EMPTY_ARRAY);
        logger = (Logger) LogManager.getLogger(of);
        start();
        logger.addAppender(this);
    }

    @Override
    public void append(final LogEvent event) {
        if (event.getLevel() == Level.WARN) {
            texts.add(event.getMessage().getFormattedMessage());
        }
    }

    List<String> texts() {
        return texts;
    }

    @Override
    public void close() {
        logger.removeAppender(this);
        stop();
    }
}
