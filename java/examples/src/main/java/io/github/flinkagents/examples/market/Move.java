package io.github.flinkagents.examples.market;

/** How a company's share did in a month: what the first agent says and the second one hears. A Flink POJO. */
public class Move {
    /** The company, as in {@code IBM}. */
    public String company;

    /** The month, as in {@code 2008-10}. */
    public String month;

    /** The change against the month before, per cent. */
    public double percent;

    /** {@code rose}, {@code fell} or {@code steady}. */
    public String verdict;

    /** Needed by Flink and Jackson. */
    public Move() {}

    /** Creates a move. */
    public Move(final String company, final String month, final double percent, final String verdict) {
        this.company = company;
        this.month = month;
        this.percent = percent;
        this.verdict = verdict;
    }

    /** Returns the month. */
    public String month() {
        return month;
    }
}
