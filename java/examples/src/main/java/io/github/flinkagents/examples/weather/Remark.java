package io.github.flinkagents.examples.weather;

/** What the weather agent has to say about a day. A Flink POJO. */
public class Remark {
    /** The day, as in {@code 2012/01/31}. */
    public String date;

    /** Why the day is worth a remark, in plain words. */
    public String reasons;

    /** Needed by Flink and Jackson. */
    public Remark() {}

    /** Creates a remark. */
    public Remark(final String date, final String reasons) {
        this.date = date;
        this.reasons = reasons;
    }

    @Override
    public String toString() {
        return date + ": " + reasons;
    }
}
