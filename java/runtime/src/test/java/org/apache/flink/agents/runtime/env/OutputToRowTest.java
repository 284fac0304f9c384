package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.sql.Timestamp;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.junit.jupiter.api.Test;

class OutputToRowTest {

    private static ColumnType column(final String name, final DataType type) {
        return OutputTable.columnType(name, type);
    }

    private static Row convert(final Object output, final ColumnType... columns) {
        return new OutputToRow("Shop", Arrays.asList(columns)).map(output);
    }

    private static void refused(final Object output, final List<ColumnType> columns, final String... fragments) {
        assertThatThrownBy(() -> new OutputToRow("Shop", columns).map(output))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'Shop'")
                .hasMessageContainingAll(fragments);
    }

    private static final ColumnType NAME = column("name", DataTypes.STRING());
    private static final ColumnType COUNT = column("count", DataTypes.BIGINT());

    /** A bean of a class that is not public. */
    static class Bean {
        public boolean open = true;
        private final String name;

        Bean(final String name) {
            this.name = name;
        }

        public String getName() {
            return name;
        }

        public long getCount() {
            return 5;
        }

        public static String getClassName() {
            return "static, so no property";
        }
    }

    @Test
    void rowsGoByNameOrByPosition() {
        final Row named = Row.withNames();
        named.setField("count", 5L);
        named.setField("name", "tea");
        assertThat(convert(named, NAME, COUNT)).isEqualTo(Row.of("tea", 5L));
        assertThat(convert(Row.of("tea", 5L), NAME, COUNT)).isEqualTo(Row.of("tea", 5L));
        assertThat(convert(Tuple2.of("tea", 5L), NAME, COUNT)).isEqualTo(Row.of("tea", 5L));
    }

    @Test
    void beansGoByPropertyAndMapsByKey() {
        assertThat(convert(new Bean("tea"), COUNT, NAME, column("open", DataTypes.BOOLEAN())))
                .isEqualTo(Row.of(5L, "tea", true));
        assertThat(convert(Map.of("name", "tea", "count", 5, "more", 1), NAME, COUNT)).isEqualTo(Row.of("tea", 5L));
        assertThat(convert(Map.of("count", 5), NAME, COUNT)).isEqualTo(Row.of(null, 5L));
        assertThat(convert(new Bean("tea"), NAME)).isEqualTo(Row.of("tea"));
    }

    @Test
    void aSingleColumnTakesScalars() {
        assertThat(convert(5, COUNT)).isEqualTo(Row.of(5L));
        assertThat(convert("tea", column("f0", DataTypes.STRING()))).isEqualTo(Row.of("tea"));
        assertThat(convert(null, NAME)).isEqualTo(Row.of((Object) null));
        final ColumnType map = column("m", DataTypes.MAP(DataTypes.STRING(), DataTypes.INT()));
        assertThat(convert(Map.of("a", 1L), map)).isEqualTo(Row.of(Map.of("a", 1)));
        assertThat(convert(Map.of("m", Map.of("a", 1)), map)).isEqualTo(Row.of(Map.of("a", 1)));
        final Row array = convert(List.of(1, 2), column("a", DataTypes.ARRAY(DataTypes.INT())));
        assertThat((Object[]) array.getField(0)).containsExactly(1, 2);
        final Row primitive = convert(List.of(1L, 2L), column("a", DataTypes.ARRAY(DataTypes.INT()).bridgedTo(int[].class)));
        assertThat((int[]) primitive.getField(0)).containsExactly(1, 2);
    }

    @Test
    void nestedRowsAreMadeOfWhatIsThere() {
        final ColumnType nested =
                column("item", DataTypes.ROW(DataTypes.FIELD("name", DataTypes.STRING()), DataTypes.FIELD("count", DataTypes.INT())));
        assertThat(convert(Map.of("item", new Bean("tea")), nested)).isEqualTo(Row.of(Row.of("tea", 5)));
        refused(Map.of("item", Map.of("count", "many")), List.of(nested), "\"item.count\"", "INT", "java.lang.String");
    }

    @Test
    void valuesAreConvertedWhereNothingIsLost() {
        assertThat(ColumnValues.convert(5L, Integer.class)).isEqualTo(5);
        assertThat(ColumnValues.convert(1L << 40, Integer.class)).isNull();
        assertThat(ColumnValues.convert(2.0, Integer.class)).isEqualTo(2);
        assertThat(ColumnValues.convert(2.5, Integer.class)).isNull();
        assertThat(ColumnValues.convert(5, Double.class)).isEqualTo(5.0);
        assertThat(ColumnValues.convert((1L << 53) + 1, Double.class)).isNull();
        assertThat(ColumnValues.convert(0.1f, Double.class)).isEqualTo((double) 0.1f);
        assertThat(ColumnValues.convert(0.1, Float.class)).isEqualTo(0.1f);
        assertThat(ColumnValues.convert(1 / 3.0, Float.class)).isNull();
        assertThat(ColumnValues.convert(new BigDecimal("0.1"), Double.class)).isEqualTo(0.1);
        assertThat(ColumnValues.convert(new BigDecimal("19.99"), Float.class)).isEqualTo(19.99f);
        assertThat(ColumnValues.convert(new BigDecimal("1e400"), Double.class)).isNull();
        assertThat(ColumnValues.convert(new BigDecimal("1e-400"), Double.class)).isNull();
        assertThat(ColumnValues.convert(new BigDecimal("9007199254740993"), Double.class)).isNull();
        assertThat(ColumnValues.convert(0.1, BigDecimal.class)).isEqualTo(new BigDecimal("0.1"));
        assertThat(ColumnValues.convert(0.1f, BigDecimal.class)).isEqualTo(new BigDecimal("0.1"));
        assertThat(ColumnValues.convert(Double.NaN, Double.class)).isEqualTo(Double.NaN);
        assertThat(ColumnValues.convert(Float.NaN, Integer.class)).isNull();
        assertThat(ColumnValues.convert(7, BigDecimal.class)).isEqualTo(new BigDecimal(7));
        assertThat(ColumnValues.convert(5, int.class)).isEqualTo(5);
        assertThat(ColumnValues.convert("5", Integer.class)).isNull();
        assertThat(ColumnValues.convert(5, String.class)).isNull();
        assertThat(ColumnValues.convert(new StringBuilder("x"), String.class)).isEqualTo("x");
        assertThat(ColumnValues.convert(Thread.State.NEW, String.class)).isEqualTo("NEW");
        final LocalDateTime time = LocalDateTime.of(2024, 5, 6, 7, 8);
        assertThat(ColumnValues.convert(Timestamp.valueOf(time), LocalDateTime.class)).isEqualTo(time);
        assertThat(ColumnValues.convert(time, Timestamp.class)).isEqualTo(Timestamp.valueOf(time));
    }

    @Test
    void decimalsKeepEveryDigitOrAreRefused() {
        final ColumnType price = column("price", DataTypes.DECIMAL(5, 2));
        final BigDecimal cents = new BigDecimal("999.99");
        assertThat(convert(cents, price)).isEqualTo(Row.of(cents));
        assertThat(convert(-999.99, price)).isEqualTo(Row.of(cents.negate()));
        assertThat(convert(Map.of("price", 7), price)).isEqualTo(Row.of(new BigDecimal("7.00")));
        assertThat(convert(new BigDecimal("1.500"), price)).isEqualTo(Row.of(new BigDecimal("1.50")));
        assertThat(convert(new BigDecimal("0E+3"), price)).isEqualTo(Row.of(new BigDecimal("0.00")));
        assertThat(convert(new BigDecimal("1e2"), price)).isEqualTo(Row.of(new BigDecimal("100.00")));
        // Flink would make null of the first ones and round the others.
        refused(new BigDecimal("1000"), List.of(price), "\"price\"", "DECIMAL(5, 2)", "1000", "3 digits before");
        refused(Map.of("price", 1e300), List.of(price), "\"price\"", "DECIMAL(5, 2)", "1.0E+300");
        refused(new BigDecimal("1.005"), List.of(price), "\"price\"", "DECIMAL(5, 2)", "1.005", "2 after");
        refused(1 / 3.0, List.of(price), "\"price\"", "DECIMAL(5, 2)", "0.3333");
        refused(List.of(1, 1000), List.of(column("all", DataTypes.ARRAY(DataTypes.DECIMAL(5, 2)))), "\"all[1]\"", "1000");
        refused(Map.of("count", 1L << 40), List.of(column("count", DataTypes.INT())), "\"count\"", "INT", "1099511627776");
    }

    @Test
    void whatDoesNotFitNamesAgentColumnAndWhatCame() {
        refused("tea", List.of(COUNT), "\"count\"", "BIGINT", "java.lang.String");
        refused(Map.of("name", 5), List.of(NAME, COUNT), "\"name\"", "STRING", "java.lang.Integer");
        refused(Row.of("tea"), List.of(NAME, COUNT), "1 fields", "2 columns");
        refused(Row.withNames(), List.of(NAME, COUNT), "no such field");
        refused(new Bean("tea"), List.of(NAME, column("price", DataTypes.INT())), "\"price\"", "Bean", "[count, name, open]");
        refused(Row.ofKind(RowKind.DELETE, "tea", 5L), List.of(NAME, COUNT), "DELETE");
        refused(null, List.of(NAME, COUNT), "the output is null");
        refused(Collections.singletonMap("name", null), List.of(column("name", DataTypes.STRING().notNull())), "\"name\"", "null");
        refused(Map.of(), List.of(NAME, column("count", DataTypes.INT().notNull())), "\"count\"", "no such key");
    }
}
