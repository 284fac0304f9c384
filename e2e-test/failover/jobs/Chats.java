package jobs;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.context.CurrentDurableCall;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.tools.ToolParameterSource;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** An agent that asks a model about each input, has its tool called, which costs something, and asks again. */
public final class Chats {
    private Chats() {}

    /** Sends out what the model says in the end: the receipt of the tool. */
    public static final class ChatAgent extends Agent {
        private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        private static final String PROCESS = String.valueOf(ProcessHandle.current().pid());

        @ChatModelConnection
        public static ResourceDescriptor server() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.VLLM_CONNECTION)
                    .addInitialArgument("api_base_url", "${env:CHATS_MODEL}")
                    // A question that is asked again by the client itself would count as one too many.
                    .addInitialArgument("max_retries", 0)
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor model() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.VLLM_SETUP)
                    .addInitialArgument("connection", "server")
                    .addInitialArgument("model", "scripted")
                    .addInitialArgument("tools", List.of("reserve"))
                    .build();
        }

        @Tool(description = "Reserves what was ordered.")
        public static String reserve(
                @ToolParam(name = "order") final String order,
                @ToolParam(name = "ledger", injected = true, source = ToolParameterSource.CONFIG, key = "chats.ledger") final String ledger)
                throws Exception {
            final HttpRequest request =
                    HttpRequest.newBuilder(URI.create(ledger + "/call/" + order + "/reserve"))
                            .header("Idempotency-Key", CurrentDurableCall.get().idempotencyKey())
                            .header("Process", PROCESS)
                            .POST(BodyPublishers.noBody())
                            .build();
            return CLIENT.send(request, BodyHandlers.ofString()).body();
        }

        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            final String order = (String) InputEvent.fromEvent(event).getInput();
            context.sendEvent(new ChatRequestEvent("model", List.of(ChatMessage.user(order))));
        }

        @Action(EventType.ChatResponseEvent)
        public static void answer(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(ChatResponseEvent.fromEvent(event).getResponse().getContent()));
        }
    }

    static String keyOf(final String order, final int keys) {
        return "k" + Long.parseLong(order.substring(order.indexOf('/') + 1)) % keys;
    }

    /** Arguments: those of {@link Orders}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final int keys = arguments.number("keys", 1);
        final StreamExecutionEnvironment env = Orders.environment(arguments);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        agents.getConfig().setStr("chats.ledger", arguments.text("ledger"));
        final DataStream<String> orders =
                Orders.numbers(env, arguments).map(number -> "java/" + number).returns(Types.STRING).setParallelism(1);
        Orders.write(
                agents.fromDataStream(Files.spread(orders, order -> keyOf(order, keys)), order -> keyOf(order, keys))
                        .apply(new ChatAgent())
                        .toDataStream(),
                arguments);
        agents.execute("chats");
    }
}
