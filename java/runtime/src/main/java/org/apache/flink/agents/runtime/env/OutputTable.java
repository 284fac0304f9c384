package org.apache.flink.agents.runtime.env;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.api.internal.TableEnvironmentInternal;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.Row;

/** Turns the outputs of an agent, objects of any class, into a table with the columns of a schema. */
final class OutputTable {
    private static final String OPERATOR_NAME = "agent-output-to-row";

    private OutputTable() {}

    static Table of(
            final String agentName,
            final DataStream<Object> outputs,
            final Schema schema,
            final StreamTableEnvironment tables) {
        final List<Schema.UnresolvedPhysicalColumn> columns = new ArrayList<>();
        for (final Schema.UnresolvedColumn column : schema.getColumns()) {
            if (column instanceof Schema.UnresolvedPhysicalColumn) {
                columns.add((Schema.UnresolvedPhysicalColumn) column);
            }
        }
        if (columns.isEmpty()) {
            // Nothing says what is in an output: it becomes one column "f0", as for any stream of objects.
            return tables.fromDataStream(outputs, schema);
        }
        final DataTypeFactory types = ((TableEnvironmentInternal) tables).getCatalogManager().getDataTypeFactory();
        final List<ColumnType> columnTypes = new ArrayList<>();
        for (final Schema.UnresolvedPhysicalColumn column : columns) {
            columnTypes.add(columnType(column.getName(), types.createDataType(column.getDataType())));
        }
        final SingleOutputStreamOperator<Row> rows =
                outputs.map(new OutputToRow(agentName, columnTypes))
                        .name(OPERATOR_NAME)
                        .returns(rowType(columnTypes));
        rows.getTransformation()
                .setParallelism(
                        outputs.getTransformation().getParallelism(),
                        outputs.getTransformation().isParallelismConfigured());
        return tables.fromDataStream(rows, schema);
    }

    private static TypeInformation<Row> rowType(final List<ColumnType> columns) {
        return Types.ROW_NAMED(
                columns.stream().map(ColumnType::name).toArray(String[]::new),
                columns.stream().map(OutputTable::information).toArray(TypeInformation[]::new));
    }

    /** The part of a column's type that a task needs, serializable and independent of the planner. */
    static ColumnType columnType(final String name, final DataType type) {
        final LogicalType logical = type.getLogicalType();
        final List<ColumnType> children = new ArrayList<>();
        final ColumnType.Shape shape;
        switch (logical.getTypeRoot()) {
            case ROW:
                shape = ColumnType.Shape.ROW;
                final List<String> names = ((RowType) logical).getFieldNames();
                for (int i = 0; i < names.size(); i++) {
                    children.add(columnType(names.get(i), type.getChildren().get(i)));
                }
                break;
            case ARRAY:
                shape = ColumnType.Shape.ARRAY;
                children.add(columnType("element", type.getChildren().get(0)));
                break;
            case MAP:
                shape = ColumnType.Shape.MAP;
                children.add(columnType("key", type.getChildren().get(0)));
                children.add(columnType("value", type.getChildren().get(1)));
                break;
            case DECIMAL:
                final DecimalType decimal = (DecimalType) logical;
                return ColumnType.decimal(
                        name,
                        logical.asSummaryString(),
                        type.getConversionClass(),
                        logical.isNullable(),
                        decimal.getPrecision(),
                        decimal.getScale());
            default:
                shape = ColumnType.Shape.LEAF;
        }
        final boolean asDeclared =
                shape == ColumnType.Shape.ROW && type.getConversionClass() == Row.class
                        || shape == ColumnType.Shape.MAP && type.getConversionClass() == Map.class
                        || shape == ColumnType.Shape.ARRAY && type.getConversionClass().isArray();
        return asDeclared
                ? new ColumnType(name, logical.asSummaryString(), shape, type.getConversionClass(), logical.isNullable(), children)
                : new ColumnType(
                        name,
                        logical.asSummaryString(),
                        ColumnType.Shape.LEAF,
                        type.getConversionClass(),
                        logical.isNullable(),
                        List.of());
    }

    private static TypeInformation<?> information(final ColumnType column) {
        switch (column.shape()) {
            case ROW:
                return rowType(column.children());
            case ARRAY:
                return column.javaClass().getComponentType().isPrimitive()
                        ? TypeInformation.of(column.javaClass())
                        : Types.OBJECT_ARRAY(information(column.children().get(0)));
            case MAP:
                return Types.MAP(information(column.children().get(0)), information(column.children().get(1)));
            default:
                return TypeInformation.of(column.javaClass());
        }
    }
}
