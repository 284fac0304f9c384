package org.apache.flink.agents.runtime.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.junit.jupiter.api.Test;

/** Inputs have a digest only where it is the same in every JVM. */
class InputDigestTest {
    private static byte[] digest(final TypeInformation<?> type, final Object input) {
        return new InputDigest(type, new ExecutionConfig()).of(input);
    }

    @Test
    void inputsOfStableTypesHaveOne() {
        final TypeInformation<?> pair = Types.TUPLE(Types.STRING, Types.LIST(Types.LONG));
        assertThat(digest(pair, Tuple2.of("a", List.of(1L)))).hasSize(16).isEqualTo(digest(pair, Tuple2.of("a", List.of(1L))));
        assertThat(digest(pair, Tuple2.of("a", List.of(1L)))).isNotEqualTo(digest(pair, Tuple2.of("a", List.of(2L))));
        for (final TypeInformation<?> stable :
                List.of(Types.INT, Types.INSTANT, Types.SQL_DATE, Types.PRIMITIVE_ARRAY(Types.BYTE), Types.ROW(Types.STRING))) {
            assertThat(InputDigest.isStable(stable)).as(stable.toString()).isTrue();
        }
    }

    @Test
    void whatGoesByHashTablesOrByKryoHasNone() {
        assertThat(digest(Types.MAP(Types.STRING, Types.STRING), Map.of("a", "b"))).isNull();
        assertThat(digest(Types.TUPLE(Types.STRING, Types.GENERIC(Object.class)), Tuple2.of("a", "b"))).isNull();
        assertThat(digest(Types.GENERIC(Object.class), "a")).isNull();
    }
}
