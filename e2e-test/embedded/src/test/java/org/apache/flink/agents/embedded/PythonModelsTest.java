package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.agents.integrations.ModelServer;
import org.apache.flink.agents.runtime.env.PythonEntry;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Built-in actions of Python agents in a worker; all else of them is tested in python/tests/models. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonModelsTest {
    @AfterEach
    void noWorkerIsLeft() {
        PythonTools.awaitNoWorkers();
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "blocking"})
    void aModelIsAskedAndItsToolCalled(final String model) throws Exception {
        final int keys = 20;
        try (Harness<String, byte[]> harness = PythonTools.job("Asks").open()) {
            for (int i = 0; i < keys; i++) {
                harness.in(PythonTools.record("k" + i, List.of(model, 21)));
            }
            assertThat(PythonTools.decode(harness.await(keys))).hasSize(keys).containsOnly("it is 42");
        }
    }

    @Test
    void allWorkersOfAJobShareTheLimitOfAConnection() throws Exception {
        final int chats = 160;
        final String script = "{'rules': [{'answers': [{'text': 'said $last', 'delay_ms': 100}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final DataGeneratorSource<byte[]> source =
                    new DataGeneratorSource<>(
                            index -> PythonTools.record("k" + index, "q" + index),
                            chats,
                            RateLimiterStrategy.noOp(),
                            PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
            final DataStream<byte[]> records =
                    Cluster.env(2, new Configuration())
                            .fromSource(source, WatermarkStrategy.noWatermarks(), "records")
                            .setParallelism(1);
            final List<Object> outputs =
                    Cluster.run(
                            PythonEntry.connect(
                                            records.rebalance().map(record -> record).returns(byte[].class),
                                            PythonTools.plan("Limited", Map.of("python.workers", 2)),
                                            PythonTools.environment(Map.of("LIMITED_SERVER", server.url() + "/v1")))
                                    .map(PythonTools::decode)
                                    .returns(Types.GENERIC(Object.class)));
            assertThat(outputs)
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(0, chats).mapToObj(index -> "said q" + index).collect(Collectors.toList()));
            // Four workers, each with a fourth of it; that they have it all at some moment tells that none is idle for the others.
            assertThat(server.mostAtOnce()).isEqualTo(8);
        }
    }
}
