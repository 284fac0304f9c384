package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import org.apache.flink.agents.api.function.JavaFunctionUtils;
import org.apache.flink.agents.plan.actions.BuiltInAction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BuiltInActionTest {

    @ParameterizedTest
    @EnumSource
    void theDescriptorNamesAMethodThatHostsCanCall(BuiltInAction action) throws Exception {
        final Method method = JavaFunctionUtils.resolveMethod(action.getFunction());
        assertThat(Modifier.isStatic(method.getModifiers()) && Modifier.isPublic(method.getModifiers())).isTrue();
        assertThat(BuiltInAction.of(method.getDeclaringClass())).isEqualTo(action);
        assertThat(BuiltInAction.of(BuiltInActionTest.class)).isNull();
    }
}
