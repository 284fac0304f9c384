package org.apache.flink.agents.api.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.resource.ResourceType;
import org.junit.jupiter.api.Test;

class ToolsTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    static class Methods {
        @org.apache.flink.agents.api.annotation.Tool(description = "Adds two integers")
        public static int add(@ToolParam(description = "first") int a, Integer b) {
            return a + b;
        }

        public static String all(
                String s,
                long l,
                double d,
                boolean flag,
                List<String> list,
                @ToolParam(name = "renamed", required = false) Float f,
                @ToolParam(injected = true) String tenant,
                @ToolParam(injected = true, source = ToolParameterSource.CONFIG, key = "my.key")
                        String secret) {
            return "";
        }

        public static void parts(Size size, Order order, int[] numbers, Map<String, Integer> map, Object any) {}

        public void notStatic() {}
    }

    enum Size {
        SMALL,
        LARGE
    }

    /** What an argument is read as. */
    public static final class Order {
        public String article;
        public List<Integer> amounts;
    }

    @Test
    void modelsAreToldWhatIsInClassesListsAndEnums() {
        assertThat(ToolSchemas.inputSchemaOf(method("parts"), Set.of()))
                .isEqualTo(
                        "{\"type\":\"object\",\"properties\":{"
                                + "\"size\":{\"type\":\"string\",\"enum\":[\"SMALL\",\"LARGE\"]},"
                                + "\"order\":{\"type\":\"object\",\"properties\":{\"article\":{\"type\":\"string\"},"
                                + "\"amounts\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}},"
                                + "\"numbers\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
                                + "\"map\":{\"type\":\"object\"},\"any\":{\"type\":\"object\"}},"
                                + "\"required\":[]}");
    }

    private static Method method(String name) {
        for (final Method method : Methods.class.getDeclaredMethods()) {
            if (method.getName().equals(name)) {
                return method;
            }
        }
        throw new AssertionError(name);
    }

    @Test
    void metadataOfAMethodIsThatOfTheSample() throws Exception {
        final JsonNode sample =
                MAPPER.readTree(
                        MAPPER.readTree(
                                        new File(
                                                System.getProperty("basedir", "."),
                                                "../../e2e-test/conformance/plan-samples/0.3.1/java-small-agent.plan.json"))
                                .at("/resource_providers/tool/add/serializedResource")
                                .asText());
        final ToolMetadata metadata = ToolSchemas.metadataOf(method("add"), Set.of());
        assertThat(MAPPER.writeValueAsString(metadata)).isEqualTo(sample.get("metadata").toString());
        assertThat(MAPPER.treeToValue(sample.get("metadata"), ToolMetadata.class)).isEqualTo(metadata);
    }

    @Test
    void schemaHidesInjectedParametersAndMapsTypes() {
        assertThat(ToolSchemas.inputSchemaOf(method("all"), Set.of("flag")))
                .isEqualTo(
                        "{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"string\"},"
                                + "\"l\":{\"type\":\"integer\"},\"d\":{\"type\":\"number\"},"
                                + "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"renamed\":{\"type\":\"number\"}},"
                                + "\"required\":[]}");
        assertThat(ToolSchemas.injectionsOf(method("all")))
                .isEqualTo(
                        Map.of(
                                "tenant",
                                ToolParameterInjection.fromSensoryMemory("tenant"),
                                "secret",
                                ToolParameterInjection.fromConfig("my.key")));
    }

    @Test
    void onlyStaticMethodsBecomeTools() {
        final FunctionTool tool = Tool.fromMethod(method("add"));
        assertThat(tool.getFunc()).isEqualTo(JavaFunction.fromMethod(method("add")));
        assertThat(tool.getResourceType()).isEqualTo(ResourceType.TOOL);
        assertThat(tool.getInjectedArgs()).isEmpty();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Tool.fromMethod(method("notStatic")))
                .withMessageContaining("not static");
    }

    @Test
    void injectionsMustFitTheFunction() {
        final JavaFunction all = JavaFunction.fromMethod(method("all"));
        final ToolParameterInjection injection = ToolParameterInjection.fromConfig(null);
        ToolParameterInjectionValidator.validate(all, Map.of("s", injection, "renamed", injection), "t");
        ToolParameterInjectionValidator.validate(all, null, "t");
        ToolParameterInjectionValidator.validate(
                new PythonFunction("m", "f"), Map.of("anything", injection), "t");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ToolParameterInjectionValidator.validate(all, Map.of("nope", injection), "t"))
                .withMessageContaining("'nope'")
                .withMessageContaining("renamed");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ToolParameterInjectionValidator.validate(all, Map.of("tenant", injection), "t"))
                .withMessageContaining("twice");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                ToolParameterInjectionValidator.validate(
                                        new JavaFunction("no.such.C", "m", List.of()),
                                        Map.of("a", injection),
                                        "t"))
                .withMessageContaining("no.such.C");
        assertThat(injection.withDefaultKey("p").getKey()).isEqualTo("p");
        assertThat(ToolParameterInjection.fromConfig("k").withDefaultKey("p").getKey()).isEqualTo("k");
    }

    @Test
    void injectionJsonIsSourceAndKey() throws Exception {
        final ToolParameterInjection injection = ToolParameterInjection.fromShortTermMemory("a.b");
        final String json = MAPPER.writeValueAsString(injection);
        assertThat(json).isEqualTo("{\"source\":\"short_term_memory\",\"key\":\"a.b\"}");
        assertThat(MAPPER.readValue(json, ToolParameterInjection.class)).isEqualTo(injection);
    }

    @Test
    void parametersAreConvertedByTheirText() {
        final ToolParameters parameters =
                new ToolParameters(Map.of("n", "42", "d", 3.0, "list", new ArrayList<>(List.of(1))));
        parameters.addParameter("null", null);
        assertThat(parameters.getParameter("n", int.class)).isEqualTo(42);
        assertThat(parameters.getParameter("n", Long.class)).isEqualTo(42L);
        assertThat(parameters.getParameter("d", double.class)).isEqualTo(3.0);
        assertThat(parameters.getParameter("d", String.class)).isEqualTo("3.0");
        assertThat(parameters.getParameter("n", Boolean.class)).isFalse();
        assertThat((Object) parameters.getParameter("list", List.class)).isEqualTo(List.of(1));
        assertThat(parameters.getParameter("null", Integer.class)).isNull();
        assertThat(parameters.getParameter("absent", Integer.class)).isNull();
        assertThat(parameters.hasParameter("null")).isTrue();
        assertThat(parameters.hasParameter("absent")).isFalse();
        assertThat(parameters.size()).isEqualTo(4);
        assertThatExceptionOfType(NumberFormatException.class)
                .isThrownBy(() -> parameters.getParameter("d", int.class));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parameters.getParameter("n", Map.class))
                .withMessageContaining("'n'");
    }

    @Test
    void responsesAreResultsOrErrors() throws Exception {
        final ToolResponse ok = ToolResponse.success(3, 12L, "add");
        assertThat(MAPPER.writeValueAsString(ok))
                .isEqualTo(
                        "{\"result\":3,\"success\":true,\"error\":null,\"execution_time_ms\":12,\"tool_name\":\"add\"}");
        assertThat(MAPPER.readValue(MAPPER.writeValueAsString(ok), ToolResponse.class)).isEqualTo(ok);
        assertThat(ok.getResult(Integer.class)).isEqualTo(3);
        assertThatExceptionOfType(ClassCastException.class).isThrownBy(() -> ok.getResult(String.class));
        assertThat(ok.getResultAsString()).isEqualTo("3");

        assertThat(ToolResponse.error(new IllegalStateException("bad")).getError()).isEqualTo("bad");
        final ToolResponse failed = ToolResponse.error(new NullPointerException());
        assertThat(failed.getError()).isEqualTo("java.lang.NullPointerException");
        assertThat(failed.isError()).isTrue();
        assertThat(failed.getResultAsString()).isEqualTo(failed.getError());
    }

    @Test
    void typesHaveNames() {
        assertThat(ToolType.fromString("MCP")).isEqualTo(ToolType.MCP);
        assertThat(ToolType.REMOTE_FUNCTION).hasToString("remote_function");
        assertThatIllegalArgumentException().isThrownBy(() -> ToolType.fromString("x"));
    }
}
