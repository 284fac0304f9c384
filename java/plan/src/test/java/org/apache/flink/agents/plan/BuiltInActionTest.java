package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Method;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.function.JavaFunctionUtils;
import org.apache.flink.agents.plan.actions.BuiltInAction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BuiltInActionTest {

    @ParameterizedTest
    @EnumSource
    void theDescriptorNamesAMethodThatSaysWhatIsMissing(BuiltInAction action) throws Exception {
        final Method method = JavaFunctionUtils.resolveMethod(action.getFunction());
        final Event event = new Event(action.getTriggerConditions().get(0));
        assertThatThrownBy(() -> method.invoke(null, event, null))
                .cause()
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining(event.getId().toString())
                .hasMessageContaining(event.getType())
                .hasMessageContaining("a later release")
                .hasMessageContaining("do not send");
    }
}
