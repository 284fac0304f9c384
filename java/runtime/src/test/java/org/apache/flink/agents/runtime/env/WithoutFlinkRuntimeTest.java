package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.junit.jupiter.api.Test;

/** A local run on a class path with Flink's core and metrics API only. */
class WithoutFlinkRuntimeTest {

    private static final List<String> ABSENT =
            List.of("org.apache.flink.runtime.", "org.apache.flink.streaming.", "org.apache.flink.table.");

    /** The same class path without what a plain JVM need not have; loads the native library for itself. */
    private static URLClassLoader plainJvm() throws IOException {
        final List<URL> urls = new ArrayList<>();
        for (final String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            urls.add(new File(entry).toURI().toURL());
        }
        return new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader()) {
            @Override
            protected Class<?> findClass(final String name) throws ClassNotFoundException {
                if (ABSENT.stream().anyMatch(name::startsWith)) {
                    throw new ClassNotFoundException(name + " is kept away by this test");
                }
                return super.findClass(name);
            }
        };
    }

    /** Uses what local runs have: conditions, memory with POJOs, metrics. */
    public static class Shop extends Agent {
        @Action("type == '_input_event' && input.startsWith('t')")
        public static void tea(final Event event, final RunnerContext ctx) throws Exception {
            final MemoryObject known = ctx.getShortTermMemory().get("last");
            final Order order = known == null ? new Order() : (Order) known.getValue();
            order.count++;
            ctx.getShortTermMemory().set("last", order);
            ctx.getActionMetricGroup().getCounter("orders").inc();
            ctx.getActionMetricGroup().getHistogram("counts").update(order.count);
            ctx.getActionMetricGroup().getMeter("rate").markEvent();
            ctx.sendEvent(new OutputEvent(InputEvent.fromEvent(event).getInput() + " " + order.count));
        }
    }

    /** A POJO by Flink's rules. */
    public static class Order {
        public int count;
    }

    /** Runs inside the other class loader. */
    public static class Main {
        public static List<?> run() throws Exception {
            final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
            final List<Map<String, Object>> outputs =
                    env.fromList(
                                    List.of(
                                            Map.of("k", "a", "v", "tea"),
                                            Map.of("k", "a", "v", "coffee"),
                                            Map.of("k", "a", "v", "toast")))
                            .apply(new Shop())
                            .toList();
            env.execute();
            return outputs;
        }
    }

    @Test
    void aLocalRunNeedsNoClassOfFlinksRuntime() throws Exception {
        final Thread thread = Thread.currentThread();
        final ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader loader = plainJvm()) {
            thread.setContextClassLoader(loader);
            final Object outputs = loader.loadClass(Main.class.getName()).getMethod("run").invoke(null);
            assertThat(outputs).isEqualTo(List.of(Map.of("a", "tea 1"), Map.of("a", "toast 2")));
        } finally {
            thread.setContextClassLoader(before);
        }
    }
}
