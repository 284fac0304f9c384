package io.github.flinkagents.examples.weather;

import io.github.flinkagents.examples.TextFiles;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * One agent in a Flink job: Seattle's weather, day by day, and a remark on each day out of the ordinary.
 *
 * <pre>flink run -c io.github.flinkagents.examples.weather.WeatherJob examples.jar seattle-weather.csv output/</pre>
 */
public final class WeatherJob {
    private WeatherJob() {}

    /** Runs the job: {@code <input file> <output directory>}. */
    public static void main(final String[] args) throws Exception {
        if (args.length != 2) {
            throw new IllegalArgumentException("Usage: WeatherJob <seattle-weather.csv> <output directory>");
        }
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        TextFiles.write(remarks(env, agents, args[0]), args[1]);
        agents.execute("Seattle weather");
    }

    /** Builds the job without its end: from a file of days to the agent's remarks. */
    public static DataStream<Remark> remarks(
            final StreamExecutionEnvironment env, final AgentsExecutionEnvironment agents, final String input) {
        final DataStream<DayOfWeather> days =
                TextFiles.read(env, input, "date,", DayOfWeather::parse, DayOfWeather.class);
        return agents.fromDataStream(days, DayOfWeather::calendarMonth)
                .apply(new WeatherAgent())
                .toDataStream()
                .map(Remark.class::cast)
                .returns(Types.POJO(Remark.class));
    }
}
