package org.apache.flink.agents.runtime.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResourceCacheTest {
    /** What happened, in order; the tests of a class run one after another. */
    private static final List<String> LOG = new ArrayList<>();

    @AfterEach
    void forget() {
        LOG.clear();
    }

    /** A store that asks for those it is told to when it is opened. */
    public static class Store extends Resource {
        private final String name;
        private final List<String> needs;
        private final String fail;

        public Store(ResourceDescriptor descriptor, ResourceContext context) {
            super(descriptor, context);
            name = descriptor.getArgument("name", "?");
            needs = descriptor.getArgument("needs", List.of());
            fail = descriptor.getArgument("fail", "");
            fail("make");
            LOG.add("make " + name);
        }

        private void fail(String when) {
            if (fail.contains(when)) {
                throw new IllegalArgumentException("cannot " + when + " " + name);
            }
        }

        @Override
        public ResourceType getResourceType() {
            return ResourceType.VECTOR_STORE;
        }

        @Override
        public void open() throws Exception {
            for (final String need : needs) {
                resourceContext.getResource(need, ResourceType.VECTOR_STORE);
            }
            fail("open");
            LOG.add("open " + name + " by " + Thread.currentThread().getContextClassLoader());
        }

        @Override
        public void close() {
            LOG.add("close " + name);
            fail("close");
        }

        FlinkAgentsMetricGroup group() {
            return getMetricGroup();
        }
    }

    public abstract static class Abstract extends Store {
        public Abstract(ResourceDescriptor descriptor, ResourceContext context) {
            super(descriptor, context);
        }
    }

    public static class NoConstructor extends Store {
        public NoConstructor() {
            super(new ResourceDescriptor("x", null), null);
        }
    }

    public static class AskingForSkills extends Store {
        public AskingForSkills(ResourceDescriptor descriptor, ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public void open() throws Exception {
            resourceContext.generateAvailableSkillsPrompt(List.of("pdf"));
        }
    }

    // ---- secrets ---------------------------------------------------------------------------

    @Test
    void referencesInArgumentsAreLookedUpWhenTheResourceIsMade(@TempDir final Path directory) throws Exception {
        final Path secret = Files.writeString(directory.resolve("secret"), "hunter2\n");
        final String reference = "${file:" + secret + "}";
        final Agent agent =
                new Agent()
                        .addResource(
                                "s",
                                ResourceType.VECTOR_STORE,
                                new ResourceDescriptor(
                                        Store.class.getName(), Map.of("name", reference, "headers", Map.of("auth", List.of(reference)))));
        assertThat(new String(plan(agent), StandardCharsets.UTF_8)).contains("${file:").doesNotContain("hunter2");
        try (ResourceCache cache = cache(agent)) {
            cache.get("s", ResourceType.VECTOR_STORE);
        }
        assertThat(LOG).contains("make hunter2", "close hunter2");
        refused(
                new Agent()
                        .addResource(
                                "s",
                                ResourceType.VECTOR_STORE,
                                new ResourceDescriptor(
                                        Store.class.getName(), Map.of("x", Map.of("keys", List.of("a", "${env:NO_SUCH_VARIABLE}"))))),
                "argument 'x.keys[1]'",
                "environment variable NO_SUCH_VARIABLE",
                "Set the variable");
    }

    // ---- what is refused -------------------------------------------------------------------

    @Test
    void aPlanThatIsNoJsonObjectIsRefused() {
        for (final String plan : new String[] {"", "{", "[]", "\"x\""}) {
            assertThatThrownBy(() -> cache(plan))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("The resources of the plan cannot be read");
        }
    }

    @Test
    void anUnknownResourceNamesThoseThatExist() throws Exception {
        final ResourceCache cache =
                cache(new Agent().addResource("p", ResourceType.PROMPT, Prompt.fromText("x")));
        assertThatThrownBy(() -> cache.get("q", ResourceType.PROMPT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Resource not found: 'q' of type prompt. Of this type the plan has [p].");
        assertThatThrownBy(() -> cache.get("p", ResourceType.TOOL))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the plan has none; a resource of this name is of type [prompt]");
        assertThatThrownBy(() -> cache.get(null, ResourceType.TOOL))
                .hasMessageStartingWith("Resource not found");
        assertThatThrownBy(() -> cache.get("p", null)).hasMessageStartingWith("Resource not found");
    }

    @Test
    void aClassThatCannotBeUsedIsNamedWithTheReason() {
        refused(store("no.such.Clazz"), "needs class no.such.Clazz", "cannot be loaded by", "lib/");
        refused(
                store(ResourceName.VectorStore.MILVUS_VECTOR_STORE),
                "This release of flink-agents-rs does not contain it yet");
        refused(store(String.class.getName()), "java.lang.String (loaded by null)", "no subclass");
        refused(store(NoConstructor.class.getName()), "no public constructor (ResourceDescriptor");
        refused(store(Abstract.class.getName()), "is abstract");
        refused(
                new Agent()
                        .addResource(
                                "s",
                                ResourceType.VECTOR_STORE,
                                descriptor(Prompt.LocalPrompt.class.getName())),
                "no public constructor");
    }

    @Test
    void aResourceOfAnotherTypeThanDeclaredIsRefused() throws Exception {
        final ResourceCache cache =
                cache(
                        new Agent()
                                .addResource(
                                        "m", ResourceType.CHAT_MODEL, descriptor(Store.class.getName())));
        assertThatThrownBy(() -> cache.get("m", ResourceType.CHAT_MODEL))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("Declare it as that");
    }

    @Test
    void aFailingConstructorOrOpenNamesTheResourceAndKeepsTheCause() throws Exception {
        final Agent agent = new Agent();
        add(agent, "a", Map.of("fail", "make"));
        add(agent, "b", Map.of("fail", "open"));
        final ResourceCache cache = cache(agent);
        assertThatThrownBy(() -> cache.get("a", ResourceType.VECTOR_STORE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("'a' of type vector_store cannot be made")
                .hasMessageContaining("cannot make a")
                .hasCauseInstanceOf(IllegalArgumentException.class);
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> cache.get("b", ResourceType.VECTOR_STORE))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("cannot be opened: cannot open b");
        }
        assertThat(LOG).containsExactly("make b", "close b", "make b", "close b");
    }

    @Test
    void aResourceThatNeedsItselfShowsTheWay() throws Exception {
        final Agent agent = new Agent();
        add(agent, "a", Map.of("needs", List.of("b")));
        add(agent, "b", Map.of("needs", List.of("a")));
        final ResourceCache cache = cache(agent);
        assertThatThrownBy(() -> cache.get("a", ResourceType.VECTOR_STORE))
                .isInstanceOf(IllegalStateException.class)
                .rootCause()
                .hasMessageContaining(
                        "needs itself: vector_store/a -> vector_store/b -> vector_store/a.");
    }

    @Test
    void unknownProvidersAreRefusedByName() {
        final ResourceCache fromPython =
                cache(
                        "{'resource_providers':{'prompt':{"
                                + "'q':{'__resource_provider_type__':'RubyProvider'},"
                                + "'r':{'__resource_provider_type__':'JavaResourceProvider'}}}}");
        assertThatThrownBy(() -> fromPython.get("q", ResourceType.PROMPT))
                .hasMessageContaining("unknown __resource_provider_type__ 'RubyProvider'");
        assertThatThrownBy(() -> fromPython.get("r", ResourceType.PROMPT))
                .hasMessageContaining("descriptor");
    }

    @Test
    void serializedResourcesThatCannotBeReadAreNamed() {
        final String head =
                "{'resource_providers':{'prompt':{'p':{'__resource_provider_type__':"
                        + "'JavaSerializableResourceProvider','clazz':'"
                        + Prompt.LocalPrompt.class.getName()
                        + "','serializedResource':";
        for (final String body : new String[] {"'null'", "''", "'{'", "'{\\\"@class\\\":\\\"x.Y\\\"}'", "3"}) {
            assertThatThrownBy(() -> cache(head + body + "}}}}").get("p", ResourceType.PROMPT))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("Resource 'p' of type prompt");
        }
    }

    @Test
    void skillsWaitForALaterRelease() throws Exception {
        final Agent agent = store(AskingForSkills.class.getName());
        assertThatThrownBy(() -> cache(agent).get("s", ResourceType.VECTOR_STORE))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("Skills [pdf]")
                .hasMessageContaining("a later release");
    }

    // ---- what works ------------------------------------------------------------------------

    @Test
    void resourcesAreMadeOnceInTheUsersClassLoaderAndClosedInReverse() throws Exception {
        final Agent agent = new Agent();
        add(agent, "a", Map.of("needs", List.of("b", "c")));
        add(agent, "b", Map.of());
        add(agent, "c", Map.of("needs", List.of("b")));
        final ClassLoader before = Thread.currentThread().getContextClassLoader();
        try (URLClassLoader user =
                new URLClassLoader(new URL[0], before) {
                    @Override
                    public String toString() {
                        return "user";
                    }
                }) {
            final ResourceCache cache = new ResourceCache(plan(agent), user);
            assertThat(LOG).isEmpty();
            final Resource first = cache.get("a", ResourceType.VECTOR_STORE);
            assertThat(cache.get("a", ResourceType.VECTOR_STORE)).isSameAs(first);
            assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(before);
            cache.close();
            cache.close();
            assertThat(LOG)
                    .containsExactly(
                            "make a", "make b", "open b by user", "make c", "open c by user",
                            "open a by user", "close a", "close c", "close b");
            assertThatThrownBy(() -> cache.get("a", ResourceType.VECTOR_STORE))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("after the operator closed");
        }
    }

    @Test
    void threadsThatAskAtTheSameTimeGetTheSameResource() throws Exception {
        final Agent agent = new Agent();
        add(agent, "a", Map.of("needs", List.of("b")));
        add(agent, "b", Map.of());
        final ResourceCache cache = cache(agent);
        final CyclicBarrier start = new CyclicBarrier(8);
        final ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            final List<Future<Resource>> got = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                final String name = i % 2 == 0 ? "a" : "b";
                got.add(
                        threads.submit(
                                () -> {
                                    start.await();
                                    return cache.get(name, ResourceType.VECTOR_STORE);
                                }));
            }
            for (int i = 2; i < 8; i++) {
                assertThat(got.get(i).get()).isSameAs(got.get(i % 2).get());
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(LOG).hasSize(4).contains("make a", "make b");
    }

    @Test
    void allAreClosedEvenIfOneFails() throws Exception {
        final Agent agent = new Agent();
        add(agent, "a", Map.of("fail", "close"));
        add(agent, "b", Map.of());
        add(agent, "c", Map.of("fail", "close"));
        final ResourceCache cache = cache(agent);
        for (final String name : List.of("a", "b", "c")) {
            cache.get(name, ResourceType.VECTOR_STORE);
        }
        LOG.clear();
        assertThatThrownBy(cache::close)
                .hasMessageContaining("vector_store/c cannot be closed: cannot close c")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        assertThat(LOG).containsExactly("close c", "close b", "close a");
    }

    @Test
    void theMetricGroupIsThatOfTheLastUser() throws Exception {
        final Agent agent = new Agent();
        add(agent, "a", Map.of());
        final ResourceCache cache = cache(agent);
        final FlinkAgentsMetricGroup group =
                (FlinkAgentsMetricGroup)
                        java.lang.reflect.Proxy.newProxyInstance(
                                getClass().getClassLoader(),
                                new Class<?>[] {FlinkAgentsMetricGroup.class},
                                (proxy, method, args) -> null);
        final Store store = (Store) cache.get("a", ResourceType.VECTOR_STORE, group);
        assertThat(store.group()).isSameAs(group);
    }

    @Test
    void aPythonPlanNamesTheJavaClassByArgument() throws Exception {
        final ResourceCache cache =
                cache(
                        "{'resource_providers':{'vector_store':{'s':{"
                                + "'__resource_provider_type__':'JavaResourceProvider','descriptor':{"
                                + "'target_module':'flink_agents.api.x','target_clazz':'JavaVectorStore',"
                                + "'arguments':{'java_clazz':'"
                                + Store.class.getName()
                                + "','name':'n'}}}}}}");
        assertThat(cache.get("s", ResourceType.VECTOR_STORE)).isInstanceOf(Store.class);
        assertThat(LOG.get(0)).isEqualTo("make n");
    }

    public static class WithTool extends Agent {
        @Tool(description = "adds")
        public static int add(@ToolParam(name = "a") int a, @ToolParam(name = "b") int b) {
            return a + b;
        }
    }

    @Test
    void promptsAndToolsOfAPlanWork() throws Exception {
        final Agent agent =
                new WithTool().addResource("p", ResourceType.PROMPT, Prompt.fromText("hi {n}"));
        try (ResourceCache cache = cache(agent)) {
            final Prompt prompt = (Prompt) cache.get("p", ResourceType.PROMPT);
            assertThat(prompt.formatString(Map.of("n", "you"))).isEqualTo("hi you");
            final org.apache.flink.agents.api.tools.Tool tool =
                    (org.apache.flink.agents.api.tools.Tool) cache.get("add", ResourceType.TOOL);
            assertThat(tool.call(new ToolParameters(Map.of("a", 2, "b", 3))).getResult())
                    .isEqualTo(5);
        }
    }

    private static void add(Agent agent, String name, Map<String, Object> arguments) {
        final ResourceDescriptor.Builder builder =
                ResourceDescriptor.Builder.newBuilder(Store.class.getName())
                        .addInitialArgument("name", name);
        arguments.forEach(builder::addInitialArgument);
        agent.addResource(name, ResourceType.VECTOR_STORE, builder.build());
    }

    private static ResourceDescriptor descriptor(String clazz) {
        return ResourceDescriptor.Builder.newBuilder(clazz).build();
    }

    private static Agent store(String clazz) {
        return new Agent().addResource("s", ResourceType.VECTOR_STORE, descriptor(clazz));
    }

    private static void refused(Agent agent, String... texts) {
        assertThatThrownBy(() -> cache(agent).get("s", ResourceType.VECTOR_STORE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("Resource 's' of type vector_store")
                .hasMessageContainingAll(texts);
    }

    private static ResourceCache cache(Agent agent) {
        return new ResourceCache(plan(agent), ResourceCacheTest.class.getClassLoader());
    }

    private static byte[] plan(Agent agent) {
        return AgentPlan.compile(agent, null, new AgentConfiguration()).toJson();
    }

    private static ResourceCache cache(String json) {
        return new ResourceCache(
                json.replace('\'', '"').getBytes(StandardCharsets.UTF_8),
                ResourceCacheTest.class.getClassLoader());
    }
}
