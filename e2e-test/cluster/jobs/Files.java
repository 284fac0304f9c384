package jobs;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;

/** Text in and out. */
final class Files {
    private Files() {}

    /** The lines of a file in their order, without the first, which names the columns. */
    static SingleOutputStreamOperator<String> read(final StreamExecutionEnvironment env, final String file) {
        final FileSource<String> source =
                FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path(file)).build();
        return env.fromSource(source, WatermarkStrategy.noWatermarks(), "lines")
                .setParallelism(1)
                .filter(new SkipFirst())
                .setParallelism(1);
    }

    /** Spreads records of one subtask over all, those of a key in their order: agents run where their input does. */
    static <T, K> DataStream<T> spread(final DataStream<T> records, final KeySelector<T, K> key) {
        return records.keyBy(key).filter(record -> true);
    }

    /** Writes what a stream has as lines; a file gets its final name when a checkpoint has covered it. */
    static void write(final DataStream<Object> lines, final String directory) {
        lines.map(String::valueOf)
                .returns(Types.STRING)
                .sinkTo(
                        FileSink.forRowFormat(new Path(directory), new SimpleStringEncoder<String>())
                                .withRollingPolicy(OnCheckpointRollingPolicy.build())
                                .build());
    }
}
