package org.example.embedding;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Adds up the orders of each customer and reports totals of 100 and more. Which step runs on which event stands in {@code
 * order-totals.plan.json}.
 */
public final class OrderTotals {
    private OrderTotals() {}

    /** The plan, JSON in UTF-8. */
    public static byte[] plan() {
        try (InputStream in = OrderTotals.class.getResourceAsStream("order-totals.plan.json")) {
            return in.readAllBytes();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The code of the plan's actions. */
    public static Map<String, Step> steps() {
        return Map.of("add", OrderTotals::add, "report", OrderTotals::report);
    }

    private static void add(final Map<String, Object> order, final StepContext context) throws Exception {
        final Object before = context.recall("orders.total");
        final double total = (before == null ? 0 : (Double) before) + (Double) order.get("amount");
        context.remember("orders.total", total);
        // Not Map.of: this map is sent downstream, and Kryo cannot copy every kind of map that refuses changes.
        final Map<String, Object> event = new LinkedHashMap<>();
        event.put("customer", order.get("customer"));
        event.put("total", total);
        context.send("order.total", event);
    }

    private static void report(final Map<String, Object> event, final StepContext context) {
        context.output(event);
    }
}
