package jobs;

import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** A bounded job whose agent answers a key of the configuration with its value. */
public final class ConfigEcho {
    private ConfigEcho() {}

    /** Looks up what it is given. */
    public static final class EchoAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void look(final Event event, final RunnerContext context) {
            final String key = (String) InputEvent.fromEvent(event).getInput();
            context.sendEvent(new OutputEvent(key + "=" + context.getConfig().getStr(key, "absent")));
        }
    }

    /** Arguments: {@code --keys A,B --out DIRECTORY [--set VALUE]}; the latter sets the key {@code set-in-code}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(1);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        agents.getConfig().setInt("set-in-code", arguments.number("set", 0));
        Files.write(
                agents.fromDataStream(env.fromData(arguments.text("keys").split(",")), key -> key)
                        .apply(new EchoAgent())
                        .toDataStream(),
                arguments.text("out"));
        agents.execute("config echo");
    }
}
