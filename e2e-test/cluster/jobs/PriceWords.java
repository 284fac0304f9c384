package jobs;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.FunctionTool;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * An agent in Java whose model and tool are in Python ({@code price_words.py}); and a model in Java for an agent in Python ({@code
 * java_words.py}). Both models ask for the tool {@code words}, and then say what it said.
 */
public final class PriceWords {
    private PriceWords() {}

    /** A model that is no more than this. */
    public static final class Teller extends BaseChatModelConnection {
        public Teller(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public ChatMessage chat(
                final List<ChatMessage> messages, final List<Tool> tools, final Map<String, Object> parameters) {
            final ChatMessage last = messages.get(messages.size() - 1);
            if (last.getRole() == MessageRole.TOOL) {
                return ChatMessage.assistant("Java says " + last.getContent());
            }
            final Map<String, Object> call =
                    Map.of("name", tools.get(0).getName(), "arguments", Map.of("cents", Integer.parseInt(last.getContent())));
            return new ChatMessage(
                    MessageRole.ASSISTANT, "", List.of(Map.of("id", "1", "type", "function", "function", call)), new HashMap<>());
        }
    }

    /** How it is asked. */
    public static final class Setup extends BaseChatModelSetup {
        public Setup(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return new HashMap<>();
        }
    }

    /** The tool of the agent in Python. */
    public static String words(final int cents) {
        return cents / 100 + " dollars " + cents % 100;
    }

    /** Has high prices told by the model. */
    public static final class WordsAgent extends Agent {
        public WordsAgent() {
            addResource("words", ResourceType.TOOL, new FunctionTool(new PythonFunction("price_words", "words")));
        }

        @ChatModelConnection
        public static ResourceDescriptor connection() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION)
                    .addInitialArgument("pythonClazz", "price_words.Teller")
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor model() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP)
                    .addInitialArgument("pythonClazz", "price_words.Setup")
                    .addInitialArgument("connection", "connection")
                    .addInitialArgument("model", "m")
                    .addInitialArgument("tools", List.of("words"))
                    .build();
        }

        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) throws Exception {
            final StockAlerts.Quote quote = (StockAlerts.Quote) InputEvent.fromEvent(event).getInput();
            if (quote.cents > 20000) {
                context.getSensoryMemory().set("what", quote.symbol + "," + quote.month);
                context.sendEvent(new ChatRequestEvent("model", List.of(ChatMessage.user(Long.toString(quote.cents)))));
            }
        }

        @Action(EventType.ChatResponseEvent)
        public static void tell(final Event event, final RunnerContext context) throws Exception {
            final String said = ChatResponseEvent.fromEvent(event).getResponse().getContent();
            context.sendEvent(new OutputEvent(context.getSensoryMemory().get("what").getValue() + ": " + said));
        }
    }

    /** Arguments: {@code --data FILE --out DIRECTORY}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        final DataStream<StockAlerts.Quote> quotes =
                Files.read(env, arguments.text("data")).map(StockAlerts.Quote::parse).setParallelism(1);
        Files.write(
                agents.fromDataStream(quotes, quote -> quote.symbol).apply(new WordsAgent()).toDataStream(),
                arguments.text("out"));
        agents.execute("Java with a model in Python");
    }
}
