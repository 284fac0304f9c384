package org.apache.flink.agents.runtime.resource;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResourceLanguageTest {
    private static ResourceCache plan(final String type, final String provider) {
        final String json = "{'resource_providers': {'" + type + "': {'it': " + provider + "}}}";
        return new ResourceCache(
                json.replace("\\'", "\\\"").replace('\'', '"').getBytes(StandardCharsets.UTF_8),
                ResourceLanguageTest.class.getClassLoader());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "chat_model | {'__resource_provider_type__': 'JavaResourceProvider'} | JAVA",
                "vector_store | {'__resource_provider_type__': 'PythonResourceProvider'} | PYTHON",
                "tool | {'__resource_provider_type__': 'JavaSerializableResourceProvider', 'serializedResource': '{}'} | JAVA",
                "tool | {'__resource_provider_type__': 'JavaSerializableResourceProvider', 'serializedResource': 'no JSON'} | JAVA",
                "tool | {'__resource_provider_type__': 'JavaSerializableResourceProvider', 'serializedResource':"
                        + " '{\\'function\\': {\\'func_type\\': \\'PythonFunction\\'}}'} | PYTHON",
                "tool | {'__resource_provider_type__': 'PythonSerializableResourceProvider', 'serialized': {}} | PYTHON",
                "tool | {'__resource_provider_type__': 'PythonSerializableResourceProvider', 'serialized':"
                        + " {'func': {'func_type': 'PythonFunction'}}} | PYTHON",
                "tool | {'__resource_provider_type__': 'PythonSerializableResourceProvider', 'serialized':"
                        + " {'func': {'func_type': 'JavaFunction'}}} | JAVA",
            })
    void aResourceIsWhereItsCodeIs(final String type, final String provider, final ResourceLanguage language) {
        final ResourceCache plan = plan(type, provider);
        for (final ResourceLanguage other : ResourceLanguage.values()) {
            assertThat(plan.areIn(other)).as(other.name()).isEqualTo(other == language);
        }
    }

    @Test
    void whatNobodyAsksAcrossDoesNotCount() {
        for (final String type : new String[] {"prompt", "mcp_server", "skills"}) {
            assertThat(plan(type, "{'__resource_provider_type__': 'PythonResourceProvider'}").areIn(ResourceLanguage.PYTHON)).isFalse();
        }
    }
}
