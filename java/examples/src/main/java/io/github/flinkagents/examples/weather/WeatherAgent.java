package io.github.flinkagents.examples.weather;

import java.time.Month;
import java.time.format.TextStyle;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/**
 * Reads the weather day by day and remarks on days that are out of the ordinary. Its key is the month of the year, so
 * that January is compared with Januaries.
 *
 * <pre>
 * day ──> compare ──(record)──> explain ──┐ reasons, in sensory memory
 *    └──> heavyRain (30 mm or more) ──────┤
 *         compare ──(day_read)──> remark <┘ ──> Remark
 * </pre>
 *
 * <p>Short-term memory keeps the records of the month, from day to day and across failures; sensory memory keeps the
 * reasons found for one day, until that day is done.
 */
public class WeatherAgent extends Agent {
    private enum Kind {
        WETTEST("wettest", "mm of rain", 1),
        WARMEST("warmest", "°C", 1),
        COLDEST("coldest", "°C", -1),
        WINDIEST("windiest", "m/s of wind", 1);

        private final String word;
        private final String unit;
        private final int sign;

        Kind(final String word, final String unit, final int sign) {
            this.word = word;
            this.unit = unit;
            this.sign = sign;
        }

        private double of(final DayOfWeather day) {
            switch (this) {
                case WETTEST:
                    return day.precipitation;
                case WARMEST:
                    return day.warmest;
                case COLDEST:
                    return day.coldest;
                default:
                    return day.wind;
            }
        }
    }

    /** Compares the day with the records of its month, and keeps the new ones. */
    @Action(EventType.InputEvent)
    public static void compare(final Event event, final RunnerContext context) throws Exception {
        final DayOfWeather day = (DayOfWeather) InputEvent.fromEvent(event).getInput();
        final MemoryObject memory = context.getShortTermMemory();
        final String year = day.date.substring(0, 4);
        // The first year is only learned from: it sets records every other day.
        if (!memory.isExist("first-year")) {
            memory.set("first-year", year);
        }
        final boolean learning = year.equals(memory.get("first-year").getValue());

        for (final Kind kind : Kind.values()) {
            final double value = kind.of(day);
            final MemoryObject record = memory.get("records." + kind.word);
            if (record == null) {
                memory.set("records." + kind.word + ".value", value);
                memory.set("records." + kind.word + ".date", day.date);
                continue;
            }
            final double before = (Double) record.get("value").getValue();
            final String since = (String) record.get("date").getValue();
            final double margin = (value - before) * kind.sign;
            if (margin > 0) {
                record.set("value", value);
                record.set("date", day.date);
                if (!learning) {
                    context.sendEvent(
                            new Event(
                                    "record",
                                    Map.of(
                                            "date", day.date,
                                            "kind", kind.name(),
                                            "value", value,
                                            "margin", margin,
                                            "before", before,
                                            "since", since)));
                }
            }
        }
        context.sendEvent(new Event("day_read", Map.of("date", day.date)));
    }

    /** Takes note of a day with much rain, record or not. */
    @Action("type == EventType.InputEvent && input.precipitation >= 30.0")
    public static void heavyRain(final Event event, final RunnerContext context) throws Exception {
        final DayOfWeather day = (DayOfWeather) InputEvent.fromEvent(event).getInput();
        final MemoryObject memory = context.getShortTermMemory();
        final MemoryObject counted = memory.get("heavy-rain-days");
        final int count = 1 + (counted == null ? 0 : (Integer) counted.getValue());
        memory.set("heavy-rain-days", count);
        context.getSensoryMemory()
                .set(
                        "reasons.rain",
                        String.format(
                                Locale.ROOT,
                                "heavy rain, %.1f mm (no. %d of the %s days with 30 mm or more)",
                                day.precipitation,
                                count,
                                monthName(day.date)));
    }

    /** Explains a record that is broken clearly; by less than one unit it is not worth a word. */
    @Action("type == 'record' && margin >= 1.0")
    public static void explain(final Event event, final RunnerContext context) throws Exception {
        final Kind kind = Kind.valueOf((String) event.getAttr("kind"));
        context.getSensoryMemory()
                .set(
                        "reasons." + kind.word,
                        String.format(
                                Locale.ROOT,
                                "the %s %s day so far, %.1f %s (before: %.1f on %s)",
                                kind.word,
                                monthName((String) event.getAttr("date")),
                                (Double) event.getAttr("value"),
                                kind.unit,
                                (Double) event.getAttr("before"),
                                event.getAttr("since")));
    }

    /** Says what was found, once all is known about the day; most days there is nothing to say. */
    @Action("day_read")
    public static void remark(final Event event, final RunnerContext context) throws Exception {
        final MemoryObject found = context.getSensoryMemory().get("reasons");
        if (found == null) {
            return;
        }
        final List<String> reasons = new ArrayList<>();
        for (final String name : found.getFieldNames()) {
            reasons.add((String) found.get(name).getValue());
        }
        // Fields have no order of their own.
        reasons.sort(null);
        context.sendEvent(
                new OutputEvent(new Remark((String) event.getAttr("date"), String.join("; ", reasons))));
    }

    private static String monthName(final String date) {
        return Month.of(Integer.parseInt(date.substring(5, 7))).getDisplayName(TextStyle.FULL, Locale.ENGLISH);
    }
}
