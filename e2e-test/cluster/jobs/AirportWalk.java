package jobs;

import java.io.File;
import java.io.IOException;
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
            context.sendEvent(new Event("step", Map.of("left", airport.steps)));
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
            // How many steps a run has must not show, for it may differ when the run is repeated; a lost step must.
            final long walked = Memory.number(context.getSensoryMemory(), "walked");
            final long surplus = walked - airport.steps * (airport.steps + 1) / 2;
            final MemoryObject memory = context.getShortTermMemory();
            final long ended = Memory.number(memory, "ended") + 1;
            failOnce(context.getConfig().getStr("walk.fail-once", null), airport);
            final long trace = Memory.number(memory, "trace") * 31 + airport.code.hashCode() + surplus;
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

    /** Fails at one airport, unless the file exists, which it makes. */
    private static void failOnce(final String file, final Airport airport) throws IOException {
        if (file != null && airport.code.equals("BWI") && new File(file).createNewFile()) {
            throw new IllegalStateException("no way through " + airport.code);
        }
    }

    /** Gives the lines of a list by number, again and again; with few steps once a file exists. */
    static final class Line implements GeneratorFunction<Long, Airport> {
        private static final long serialVersionUID = 1L;
        private static final long FEW = 3;
        private final String[] lines;
        private final long steps;
        private final String release;

        Line(final List<String> lines, final long steps, final String release) {
            this.lines = lines.toArray(new String[0]);
            this.steps = steps;
            this.release = release;
        }

        @Override
        public Airport map(final Long number) {
            final Airport airport = Airport.parse(lines[(int) (number % lines.length)]);
            airport.steps = new File(release).exists() ? FEW : steps;
            return airport;
        }
    }

    /**
     * Arguments: {@code --data FILE --out DIRECTORY --count N --steps N --release FILE [--first N] [--parallelism N]}, see
     * {@link Throttle}; checkpoints are configured where the job is submitted.
     */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final List<String> lines = java.nio.file.Files.readAllLines(java.nio.file.Path.of(arguments.text("data")));
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        env.setMaxParallelism(64);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        final String release = arguments.text("release");
        final DataGeneratorSource<Airport> source =
                new DataGeneratorSource<>(
                        new Line(lines.subList(1, lines.size()), arguments.number("steps", 0), release),
                        arguments.number("count", lines.size() - 1),
                        new Throttle(arguments.number("first", 1000), release),
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
