package org.apache.flink.agents.runtime.eventlog;

import java.nio.charset.StandardCharsets;
import javax.annotation.Nullable;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.Appender;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.RollingFileAppender;
import org.apache.logging.log4j.core.appender.rolling.DefaultRolloverStrategy;
import org.apache.logging.log4j.core.appender.rolling.RollingFileManager;
import org.apache.logging.log4j.core.appender.rolling.SizeBasedTriggeringPolicy;
import org.apache.logging.log4j.core.config.AppenderRef;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.impl.Log4jLogEvent;
import org.apache.logging.log4j.core.layout.PatternLayout;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives the event log a file of its own: where log4j2 writes the logs, has no logger of exactly that name, and system property
 * {@code log.file} is set, as in Flink's processes, lines go to {@code <log.file>.event-log.log} and nowhere else.
 *
 * <p>Once for each configuration of log4j2, so also after it has read its file again.
 */
final class Log4jSetup {
    static final String APPENDER = "FlinkAgentsEventLogAppender";

    private static final Logger LOG = LoggerFactory.getLogger(Log4jSetup.class);
    private static final String FILE_PROPERTY = "log.file";
    private static final String SUFFIX = ".event-log.log";
    // One file for all jobs of the process, so that options of one job cannot decide.
    private static final String FILE_SIZE = "100MB";
    private static final String FILES = "10";

    /** Whether log4j2 was found missing: looked for once. */
    private static volatile boolean missing;

    private Log4jSetup() {}

    /** Sets the logger up if nobody has. */
    static void ensure() {
        ownFile();
    }

    /** Sets the logger up if nobody has; the file that lines go to, if the appender of this class is the only one they go to. */
    @Nullable
    static LineSink.OwnFile ownFile() {
        if (missing || !writesTheLogs()) {
            return null;
        }
        try {
            return InLog4j.ownFile();
        } catch (final LinkageError | ClassCastException e) {
            LOG.debug("Logs are not written by log4j2: the event log goes where logger {} goes", LineSink.LOGGER, e);
            missing = true;
            return null;
        } catch (final RuntimeException e) {
            LOG.warn("The event log gets no file of its own, and goes where logger {} goes", LineSink.LOGGER, e);
            missing = true;
            return null;
        }
    }

    /** One that is only there must not be woken: it would keep the class loader of the job that woke it. */
    private static boolean writesTheLogs() {
        return LoggerFactory.getILoggerFactory().getClass().getName().startsWith("org.apache.logging.");
    }

    /** Apart, since it can be loaded only where log4j2 is. */
    private static final class InLog4j {
        private static Configuration seen;
        private static LineSink.OwnFile ours;

        private InLog4j() {}

        @Nullable
        static synchronized LineSink.OwnFile ownFile() {
            final LoggerContext context =
                    (LoggerContext) LogManager.getContext(Log4jSetup.class.getClassLoader(), false);
            final Configuration configuration = context.getConfiguration();
            if (configuration == seen) {
                return ours;
            }
            final LoggerConfig configured = configuration.getLoggers().get(LineSink.LOGGER);
            final String file = System.getProperty(FILE_PROPERTY);
            if (configured != null) {
                // Another class loader's copy of this class may have made it.
                ours = ownFileOf(configured);
            } else if (file == null || file.isBlank()) {
                ours = null;
            } else {
                ours = new InFile(add(context, configuration, file + SUFFIX));
            }
            seen = configuration;
            return ours;
        }

        @Nullable
        private static LineSink.OwnFile ownFileOf(final LoggerConfig configured) {
            final Appender appender = configured.getAppenders().get(APPENDER);
            final boolean alone = configured.getAppenders().size() == 1 && !configured.isAdditive();
            return alone && appender instanceof RollingFileAppender ? new InFile((RollingFileAppender) appender) : null;
        }

        private static RollingFileAppender add(final LoggerContext context, final Configuration configuration, final String file) {
            final RollingFileAppender appender =
                    RollingFileAppender.newBuilder()
                            .setName(APPENDER)
                            .setConfiguration(configuration)
                            .withFileName(file)
                            .withFilePattern(file + ".%i")
                            .withPolicy(SizeBasedTriggeringPolicy.createPolicy(FILE_SIZE))
                            .withStrategy(
                                    DefaultRolloverStrategy.newBuilder().withMax(FILES).withConfig(configuration).build())
                            .setLayout(
                                    PatternLayout.newBuilder()
                                            .withPattern("%msg%n")
                                            .withCharset(StandardCharsets.UTF_8)
                                            .withConfiguration(configuration)
                                            .build())
                            .build();
            if (appender == null) {
                throw new IllegalStateException(file + " cannot be opened");
            }
            appender.start();
            configuration.addAppender(appender);
            final AppenderRef[] references = {AppenderRef.createAppenderRef(APPENDER, null, null)};
            final LoggerConfig logger =
                    LoggerConfig.newBuilder()
                            .withAdditivity(false)
                            .withLevel(Level.INFO)
                            .withLoggerName(LineSink.LOGGER)
                            .withIncludeLocation("false")
                            .withRefs(references)
                            .withConfig(configuration)
                            .build();
            logger.addAppender(appender, null, null);
            configuration.addLogger(LineSink.LOGGER, logger);
            context.updateLoggers();
            LOG.info("The event log goes to {}", file);
            return appender;
        }
    }

    /**
     * Writes past layout and encoder, which would copy a block of lines four times: only to come to the same bytes. Nothing of this class stays
     * with log4j, which outlives the job.
     */
    private static final class InFile implements LineSink.OwnFile {
        /** Its policy looks at the file only, though it is asked about an event. */
        private static final LogEvent ANY = Log4jLogEvent.newBuilder().setLoggerName(LineSink.LOGGER).setLevel(Level.INFO).build();

        private final RollingFileAppender appender;

        InFile(final RollingFileAppender appender) {
            this.appender = appender;
        }

        @Override
        public void write(final byte[] lines, final int length) {
            final RollingFileManager manager = appender.getManager();
            manager.checkRollover(ANY);
            manager.writeBytes(lines, 0, length);
            manager.flush();
        }
    }
}
