package org.apache.flink.agents.api.function;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FunctionTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    static class Base {
        public static void inherited() {}
    }

    static class Nested extends Base {
        static void method(
                int a, long[] b, String[][] c, Map.Entry<String, Integer> d, boolean e, double f) {}
    }

    @Test
    void everyMethodIsFoundAgainByItsNames() throws Exception {
        for (final Method method : Nested.class.getDeclaredMethods()) {
            if (method.isSynthetic()) {
                continue;
            }
            final JavaFunction function = JavaFunction.fromMethod(method);
            assertThat(function.getQualName()).isEqualTo(FunctionTest.class.getName() + "$Nested");
            assertThat(JavaFunctionUtils.resolveMethod(function)).isEqualTo(method);
        }
        assertThat(
                        JavaFunctionUtils.resolveMethod(
                                new JavaFunction(Nested.class.getName(), "inherited", List.of())))
                .isEqualTo(Base.class.getMethod("inherited"));
    }

    @Test
    void primitivesAndArraysHaveTheNamesOfClassGetName() throws Exception {
        for (final Class<?> type :
                new Class<?>[] {
                    boolean.class, byte.class, short.class, char.class, int.class, long.class,
                    float.class, double.class, void.class, int[].class, String[].class, Map.Entry.class
                }) {
            assertThat(JavaFunctionUtils.resolveParameterType(type.getName())).isEqualTo(type);
        }
    }

    @Test
    void whatDoesNotExistIsAnException() {
        assertThatExceptionOfType(ClassNotFoundException.class)
                .isThrownBy(
                        () -> JavaFunctionUtils.resolveMethod(new JavaFunction("no.C", "m", List.of())));
        assertThatExceptionOfType(NoSuchMethodException.class)
                .isThrownBy(
                        () ->
                                JavaFunctionUtils.resolveMethod(
                                        new JavaFunction(Nested.class.getName(), "m", List.of())));
    }

    @Test
    void functionsAreValuesWithTheJsonNamesOfThePlan() throws Exception {
        final JavaFunction java = new JavaFunction("C", "m", List.of("int"));
        assertThat(MAPPER.writeValueAsString(java))
                .isEqualTo("{\"qualname\":\"C\",\"method_name\":\"m\",\"parameter_types\":[\"int\"]}");
        assertThat(MAPPER.readValue(MAPPER.writeValueAsString(java), JavaFunction.class)).isEqualTo(java);
        final PythonFunction python = new PythonFunction("mod", "C.f");
        assertThat(MAPPER.writeValueAsString(python))
                .isEqualTo("{\"module\":\"mod\",\"qualname\":\"C.f\"}");
        assertThat(MAPPER.readValue(MAPPER.writeValueAsString(python), PythonFunction.class))
                .isEqualTo(python);
        assertThat(python).hasToString("mod:C.f");
    }
}
