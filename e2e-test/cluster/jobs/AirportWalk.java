package jobs;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A slow job for interruptions. Each input is a run of many steps, so that runs are unfinished at most checkpoints, and
 * each output tells all that the key remembers: a lost, repeated or reordered input or step changes every later one.
 */
public final class AirportWalk {
    private AirportWalk() {}

    /** Walks {@code steps} steps for every airport. */
    public static final class WalkAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            final Airport airport = (Airport) InputEvent.fromEvent(event).getInput();
            final MemoryObject memory = context.getShortTermMemory();
            memory.set("begun", Memory.number(memory, "begun") + 1);
            context.getSensoryMemory().set("airport", airport);
            context.sendEvent(new Event("step", Map.of("left", (long) context.getConfig().getInt("walk.steps", 0))));
        }

        @Action("type == 'step' && left > 0")
        public static void step(final Event event, final RunnerContext context) throws Exception {
            final long left = (Long) event.getAttr("left");
            final MemoryObject memory = context.getSensoryMemory();
            memory.set("walked", Memory.number(memory, "walked") + left);
            context.sendEvent(new Event("step", Map.of("left", left - 1)));
        }

        @Action("type == 'step' && left == 0")
        public static void end(final Event event, final RunnerContext context) throws Exception {
            final Airport airport = (Airport) context.getSensoryMemory().get("airport").getValue();
            final long walked = Memory.number(context.getSensoryMemory(), "walked");
            final MemoryObject memory = context.getShortTermMemory();
            final long ended = Memory.number(memory, "ended") + 1;
            final long trace = Memory.number(memory, "trace") * 31 + airport.code.hashCode() + walked;
            final long north = memory.isExist("far.north")
                    ? Math.max(Memory.number(memory, "far.north"), airport.latitude)
                    : airport.latitude;
            memory.set("ended", ended);
            memory.set("trace", trace);
            memory.set("far.north", north);
            context.sendEvent(
                    new OutputEvent(
                            String.join(
                                    ",",
                                    airport.state,
                                    airport.code,
                                    String.valueOf(Memory.number(memory, "begun")),
                                    String.valueOf(ended),
                                    String.valueOf(trace),
                                    String.valueOf(north))));
        }
    }

    /** Gives the lines of a list by number, from the beginning again after the last. */
    static final class Line implements GeneratorFunction<Long, Airport> {
        private static final long serialVersionUID = 1L;
        private final String[] lines;

        Line(final List<String> lines) {
            this.lines = lines.toArray(new String[0]);
        }

        @Override
        public Airport map(final Long number) {
            return Airport.parse(lines[(int) (number % lines.length)]);
        }
    }

    /**
     * Arguments: {@code --data FILE --out DIRECTORY --rate PER_SECOND --count N --steps N [--parallelism N]}; checkpoints
     * are configured where the job is submitted.
     */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final List<String> lines = java.nio.file.Files.readAllLines(java.nio.file.Path.of(arguments.text("data")));
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        env.setMaxParallelism(64);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        agents.getConfig().setInt("walk.steps", arguments.number("steps", 0));
        final DataGeneratorSource<Airport> source =
                new DataGeneratorSource<>(
                        new Line(lines.subList(1, lines.size())),
                        arguments.number("count", lines.size() - 1),
                        RateLimiterStrategy.perSecond(arguments.number("rate", 1000)),
                        TypeInformation.of(Airport.class));
        final DataStream<Airport> airports =
                env.fromSource(source, WatermarkStrategy.noWatermarks(), "airports").setParallelism(1);
        Files.write(
                agents.fromDataStream(Files.spread(airports, airport -> airport.state), airport -> airport.state)
                        .apply(new WalkAgent())
                        .toDataStream(),
                arguments.text("out"));
        agents.execute("airport walk");
    }
}
