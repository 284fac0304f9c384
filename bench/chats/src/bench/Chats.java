package bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.ReActAgent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * What chats cost, in a job of one subtask on an embedded cluster; the scripted model server, which answers after 200 ms, is a process
 * of its own:
 *
 * <pre>
 * Chats SERVER chats WARM SECS  a chat for each record: how many a second, and the CPU of each
 * Chats SERVER react WARM SECS  a ReActAgent for each record, with three rounds of tools: how many runs a second
 * Chats SERVER waiting N        so many chats wait: the memory of each
 * </pre>
 *
 * <p>With {@code secure-} before its name, such as {@code secure-chats}, client and server speak HTTP/2 over TLS, as clouds do.
 */
public final class Chats {
    private static final LongAdder ASKED = new LongAdder();
    private static final LongAdder DONE = new LongAdder();
    private static final AtomicLong MOST = new AtomicLong();
    private static final int IN_FLIGHT = 2000;
    private static final long KEYS = 100_000;
    private static final String SECURE = "secure-";
    private static final String TEXT = "Five stars.";

    private Chats() {}

    /** Asks about each record. */
    public static final class Asks extends Agent {
        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            ASKED.increment();
            final Object number = InputEvent.fromEvent(event).getInput();
            context.sendEvent(new ChatRequestEvent("model", List.of(ChatMessage.user("How many stars has review " + number + "?"))));
        }

        @Action(EventType.ChatResponseEvent)
        public static void answer(final Event event, final RunnerContext context) {
            MOST.accumulateAndGet(ASKED.sum() - DONE.sum(), Math::max);
            context.sendEvent(new OutputEvent(ChatResponseEvent.fromEvent(event).getResponse().getContent()));
        }
    }

    /** What the model looks up. */
    public static final class Shop {
        private Shop() {}

        @org.apache.flink.agents.api.annotation.Tool(description = "Tells how many of an article there are.")
        public static int stock(@ToolParam(name = "article") final int article) {
            return article * 2;
        }
    }

    /** Counts what comes out, all of it the same answer. */
    private static final class Count implements MapFunction<Object, Object> {
        private static final long serialVersionUID = 1L;

        @Override
        public Object map(final Object output) {
            if (!TEXT.equals(output)) {
                throw new IllegalStateException("not the answer of the script: " + output);
            }
            DONE.increment();
            return output;
        }
    }

    /** The scripted model server. */
    private static final class Server implements AutoCloseable {
        final Process process;
        final String url;
        /** Null without TLS. */
        final Path certificate;

        Server(final String program, final String script, final boolean secure) throws IOException {
            certificate = secure ? Files.createTempFile("chats-", ".pem") : null;
            final List<String> command = new ArrayList<>(List.of(program, "--script", script));
            if (secure) {
                command.addAll(List.of("--tls", certificate.toString()));
            }
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            url = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)).readLine();
        }

        long cpuNanos() {
            return process.toHandle().info().totalCpuDuration().orElse(Duration.ZERO).toNanos();
        }

        @Override
        public void close() {
            process.destroyForcibly();
            if (certificate != null) {
                certificate.toFile().delete();
            }
        }
    }

    private static ResourceDescriptor connection(final Server server) {
        final ResourceDescriptor.Builder connection =
                ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.VLLM_CONNECTION)
                        .addInitialArgument("api_base_url", server.url + "/v1")
                        .addInitialArgument("timeout", 7200);
        if (server.certificate != null) {
            connection.addInitialArgument("ca_file", server.certificate.toString());
        }
        return connection.build();
    }

    private static ResourceDescriptor model(final List<String> tools) {
        return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.VLLM_SETUP)
                .addInitialArgument("connection", "server")
                .addInitialArgument("model", "scripted")
                .addInitialArgument("tools", tools)
                .build();
    }

    private static final class Job extends EmbeddedJob {
        Job(final Server server, final Agent agent, final long records, final int maxInFlight) throws Exception {
            super(Map.of());
            final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
            agents.getConfig().setStr("event-log.level", "OFF");
            agents.getConfig().setInt("max-in-flight", maxInFlight);
            agent.addResource("server", ResourceType.CHAT_MODEL_CONNECTION, connection(server));
            agents.fromDataStream(env.fromSequence(0, records), new Key(KEYS))
                    .apply(agent)
                    .toDataStream()
                    .map(new Count())
                    .sinkTo(new DiscardingSink<>());
            submit();
        }

        /** A job that has failed has nothing to measure. */
        void checkRunning() throws Exception {
            final JobStatus status = cluster.getJobStatus(id).get();
            if (status != JobStatus.RUNNING && status != JobStatus.CREATED && status != JobStatus.INITIALIZING) {
                throw new IllegalStateException("the job is " + status);
            }
        }
    }

    private static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static void print(final String format, final Object... values) {
        System.out.println("CHATS " + String.format(Locale.ROOT, format, values));
    }

    /** @param chats of each run */
    private static void throughput(final String[] args, final Server server, final Agent agent, final int chats) throws Exception {
        try (Job job = new Job(server, agent, Long.MAX_VALUE / 2, IN_FLIGHT)) {
            Thread.sleep(1000L * Integer.parseInt(args[1]));
            MOST.set(0);
            final long done = DONE.sum();
            final long begin = System.nanoTime();
            final long cpu = cpuNanos();
            final long serverCpu = server.cpuNanos();
            Thread.sleep(1000L * Integer.parseInt(args[2]));
            final double seconds = (System.nanoTime() - begin) / 1e9;
            final double runs = DONE.sum() - done;
            job.checkRunning();
            if (runs == 0) {
                throw new IllegalStateException("no run has ended within " + seconds + " s");
            }
            final double ownCpu = (cpuNanos() - cpu) / 1e3 / runs / chats;
            final double itsCpu = (server.cpuNanos() - serverCpu) / 1e3 / runs / chats;
            print("%s runs_per_s=%.0f chats_per_s=%.0f cpu_us_per_chat=%.1f server_cpu_us_per_chat=%.1f%s",
                    args[0], runs / seconds, runs * chats / seconds, ownCpu, itsCpu,
                    // What a ReActAgent asks is counted by nobody here.
                    MOST.get() == 0 ? "" : " most_in_flight=" + MOST.get());
        }
    }

    /** Used on the heap and beside it; the heap itself is there from the start. */
    private static long[] memory() throws Exception {
        for (int i = 0; i < 5; i++) {
            System.gc();
            Thread.sleep(200);
        }
        long resident = 0;
        for (final String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                resident = Long.parseLong(line.replaceAll("\\D", "")) * 1024;
            }
        }
        return new long[] {ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed(), resident};
    }

    private static void awaitAsked(final Job job, final long chats) throws Exception {
        while (ASKED.sum() < chats) {
            job.checkRunning();
            Thread.sleep(20);
        }
        // They are on their way to the server.
        Thread.sleep(3000);
    }

    private static void waiting(final String program, final String name, final int chats) throws Exception {
        final String script = "{\"forgets\": true, \"rules\": [{\"answers\": [{\"text\": \"x\", \"delay_ms\": 7200000}]}]}";
        try (Server server = new Server(program, script, name.startsWith(SECURE))) {
            final long[][] used = new long[3][];
            final int few = 100;
            // The first time pays for what all need, among it 64 MiB of network buffers, which the JVM frees after the next cluster has its own.
            for (int i = 0; i < 3; i++) {
                final int count = i < 2 ? few : few + chats;
                final long before = ASKED.sum();
                final Agent agent = new Asks();
                agent.addResource("model", ResourceType.CHAT_MODEL, model(List.of()));
                try (Job job = new Job(server, agent, count - 1, count + 1)) {
                    awaitAsked(job, before + count);
                    used[i] = memory();
                }
            }
            final double heap = (used[2][0] - used[1][0]) / 1024.0 / chats;
            final double beside = (used[2][1] - used[1][1]) / 1024.0 / chats;
            print("%s chats=%d kib_per_chat=%.1f heap_kib=%.1f beside_kib=%.1f", name, chats, heap + beside, heap, beside);
        }
    }

    private static void measure(final String program, final String[] args) throws Exception {
        if (args[0].endsWith("waiting")) {
            waiting(program, args[0], Integer.parseInt(args[1]));
            return;
        }
        final String answer = "{\"answers\": [{\"text\": \"" + TEXT + "\", \"delay_ms\": 200}]}";
        final String call = "{\"when\": {\"round\": %d}, \"answers\": [{\"tool_calls\": [{\"name\": \"stock\", \"arguments\": {\"article\": %d}}],"
                + " \"delay_ms\": 200}]}, ";
        final StringBuilder rules = new StringBuilder();
        final boolean react = args[0].endsWith("react");
        for (int round = 0; react && round < 3; round++) {
            rules.append(String.format(Locale.ROOT, call, round, round));
        }
        try (Server server = new Server(program, "{\"forgets\": true, \"rules\": [" + rules + answer + "]}", args[0].startsWith(SECURE))) {
            if (react) {
                final Agent agent = new ReActAgent(model(List.of("stock")), null, null);
                agent.addResource("stock", ResourceType.TOOL, Tool.fromMethod(Shop.class.getMethod("stock", int.class)));
                throughput(args, server, agent, 4);
            } else {
                final Agent agent = new Asks();
                agent.addResource("model", ResourceType.CHAT_MODEL, model(List.of()));
                throughput(args, server, agent, 1);
            }
        }
    }

    public static void main(final String[] args) {
        int status = 1;
        try {
            measure(args[0], java.util.Arrays.copyOfRange(args, 1, args.length));
            status = 0;
        } catch (final Exception e) {
            e.printStackTrace();
        }
        // Chats of hours are under way, and a cluster that failed has threads.
        System.exit(status);
    }
}
