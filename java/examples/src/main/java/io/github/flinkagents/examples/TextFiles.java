package io.github.flinkagents.examples;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Text files as the ends of a job. */
public final class TextFiles {
    private TextFiles() {}

    /**
     * Reads a file, a record a line, in the order of the lines.
     *
     * @param header how the first line begins, which is left out
     * @param parser makes a record of a line
     * @param type the class of the records, a Flink POJO
     */
    public static <T> DataStream<T> read(
            final StreamExecutionEnvironment env,
            final String file,
            final String header,
            final MapFunction<String, T> parser,
            final Class<T> type) {
        // One subtask up to the keys: with more, the lines of a key would overtake one another.
        return env.fromSource(
                        FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path(file)).build(),
                        WatermarkStrategy.noWatermarks(),
                        "lines of " + new Path(file).getName())
                .setParallelism(1)
                .filter(line -> !line.startsWith(header))
                .setParallelism(1)
                .map(parser)
                .returns(Types.POJO(type))
                .setParallelism(1);
    }

    /** Writes a stream to a directory, a line a record. Files are complete when the job has ended. */
    public static void write(final DataStream<?> records, final String directory) {
        // The sink finishes its files at a checkpoint.
        if (!records.getExecutionEnvironment().getCheckpointConfig().isCheckpointingEnabled()) {
            records.getExecutionEnvironment().enableCheckpointing(Duration.ofSeconds(10).toMillis());
        }
        records.map(Object::toString)
                .returns(Types.STRING)
                .sinkTo(FileSink.forRowFormat(new Path(directory), new SimpleStringEncoder<String>()).build())
                .name("files in " + directory);
    }
}
