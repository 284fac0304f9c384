package org.apache.flink.agents.integrations.chatmodels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.time.DayOfWeek;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.OutputSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.junit.jupiter.api.Test;

class OutputSchemasTest {
    /** Has a part of its own kind. */
    public static final class Node {
        public String label;
        public List<Node> children;
    }

    /** What is in lists and maps, under other names and of several kinds. */
    public static final class Order {
        @JsonProperty("order_number")
        @JsonPropertyDescription("Seven digits.")
        public long number;

        public double[] prices;
        public BigDecimal total;
        public boolean paid;
        public DayOfWeek day;
        public Map<String, Integer> counts;
        public Node tree;
        public Object anything;
        @JsonIgnore public String hidden;

        public String getReadOnly() {
            return "never read";
        }
    }

    private static void schemaIs(final Object schema, final String json) throws Exception {
        final ObjectMapper mapper = new ObjectMapper();
        assertThat(mapper.<com.fasterxml.jackson.databind.JsonNode>valueToTree(OutputSchemas.jsonSchemaOf(schema)))
                .isEqualTo(mapper.readTree(json.replace('\'', '"')));
    }

    @Test
    void aClassIsWhatJacksonReads() throws Exception {
        schemaIs(
                Order.class,
                "{'type': 'object', 'properties': {"
                        + "'order_number': {'type': 'integer', 'description': 'Seven digits.'},"
                        + "'prices': {'type': 'array', 'items': {'type': 'number'}},"
                        + "'total': {'type': 'number'},"
                        + "'paid': {'type': 'boolean'},"
                        + "'day': {'type': 'string', 'enum':"
                        + " ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY']},"
                        + "'counts': {'type': 'object', 'additionalProperties': {'type': 'integer'}},"
                        + "'tree': {'$ref': '#/$defs/Node'},"
                        + "'anything': {}},"
                        + "'required':"
                        + " ['prices', 'total', 'paid', 'day', 'counts', 'tree', 'anything', 'order_number'],"
                        + "'additionalProperties': false,"
                        + "'$defs': {'Node': {'type': 'object', 'properties': {'label': {'type': 'string'},"
                        + "'children': {'type': 'array', 'items': {'$ref': '#/$defs/Node'}}},"
                        + "'required': ['label', 'children'], 'additionalProperties': false}}}");
        assertThat(OutputSchemas.nameOf(Order.class)).isEqualTo("Order");
    }

    @Test
    void aClassThatContainsItselfRefersToItself() throws Exception {
        schemaIs(
                Node.class,
                "{'type': 'object', 'properties': {'label': {'type': 'string'},"
                        + "'children': {'type': 'array', 'items': {'$ref': '#/$defs/Node'}}},"
                        + "'required': ['label', 'children'], 'additionalProperties': false,"
                        + "'$defs': {'Node': {'type': 'object', 'properties': {'label': {'type': 'string'},"
                        + "'children': {'type': 'array', 'items': {'$ref': '#/$defs/Node'}}},"
                        + "'required': ['label', 'children'], 'additionalProperties': false}}}");
    }

    @Test
    void aRowIsItsFields() throws Exception {
        final RowTypeInfo row =
                new RowTypeInfo(
                        new TypeInformation<?>[] {Types.LONG, Types.STRING, Types.BIG_DEC, Types.BOOLEAN, Types.CHAR},
                        new String[] {"stars", "why", "price", "sure", "mark"});
        schemaIs(
                new OutputSchema(row),
                "{'type': 'object', 'properties': {'stars': {'type': 'integer'}, 'why': {'type': 'string'},"
                        + "'price': {'type': 'number'}, 'sure': {'type': 'boolean'}, 'mark': {'type': 'string'}},"
                        + "'required': ['stars', 'why', 'price', 'sure', 'mark'], 'additionalProperties': false}");
        assertThat(OutputSchemas.nameOf(new OutputSchema(row))).isEqualTo("row");
    }

    @Test
    void anythingElseIsRefused() {
        assertThatThrownBy(() -> OutputSchemas.jsonSchemaOf("Order"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a class or an OutputSchema, not a java.lang.String");
    }
}
