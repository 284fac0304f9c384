package jobs;

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
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** A bounded job with two agents: one counts the airports of a state, the other those counts by bands of latitude. */
public final class AirportBands {
    private AirportBands() {}

    /** Numbers the airports of its state and passes every fifth on. */
    public static final class StateAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void count(final Event event, final RunnerContext context) throws Exception {
            final Airport airport = (Airport) InputEvent.fromEvent(event).getInput();
            final MemoryObject memory = context.getShortTermMemory();
            final long number = Memory.number(memory, "count") + 1;
            memory.set("count", number);
            context.sendEvent(new Event("numbered", Map.of("airport", airport, "number", number)));
        }

        @Action("type == 'numbered' && number % 5 == 0")
        public static void pass(final Event event, final RunnerContext context) {
            final Airport airport = (Airport) event.getAttr("airport");
            final long number = (Long) event.getAttr("number");
            context.sendEvent(new OutputEvent(new Fifth(airport.band(), airport.state, number)));
        }
    }

    /** What one agent tells the other. */
    public static final class Fifth {
        public int band;
        public String state;
        public long number;

        public Fifth() {}

        Fifth(final int band, final String state, final long number) {
            this.band = band;
            this.state = state;
            this.number = number;
        }
    }

    /** Adds up what it is told, by bands. */
    public static final class BandAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void add(final Event event, final RunnerContext context) throws Exception {
            final Fifth fifth = (Fifth) InputEvent.fromEvent(event).getInput();
            final MemoryObject memory = context.getShortTermMemory();
            final long told = Memory.number(memory, "told") + 1;
            final long sum = Memory.number(memory, "sum") + fifth.number;
            memory.set("told", told);
            memory.set("sum", sum);
            context.sendEvent(
                    new OutputEvent(fifth.band + "," + told + "," + sum + "," + fifth.state + "," + fifth.number));
        }
    }

    /** Arguments: {@code --data FILE --out DIRECTORY [--parallelism N]}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 2));
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        final DataStream<Airport> airports =
                Files.read(env, arguments.text("data")).map(Airport::parse).setParallelism(1);
        final DataStream<Fifth> fifths =
                agents.fromDataStream(Files.spread(airports, airport -> airport.state), airport -> airport.state)
                        .apply(new StateAgent())
                        .toDataStream()
                        .map(Fifth.class::cast)
                        .returns(Fifth.class);
        Files.write(
                agents.fromDataStream(fifths, fifth -> fifth.band).apply(new BandAgent()).toDataStream(),
                arguments.text("out"));
        agents.execute("airport bands");
    }
}
