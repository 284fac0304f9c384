package io.github.flinkagents.examples.market;

import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Locale;

/** What a company's share cost at the beginning of a month, as a line of {@code stocks.csv} tells it. A Flink POJO. */
public class Price {
    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("MMM d yyyy", Locale.ENGLISH);

    /** The company, as in {@code IBM}. */
    public String company;

    /** The month, as in {@code 2008-10}. */
    public String month;

    /** The price, dollars. */
    public double dollars;

    /** Needed by Flink and Jackson. */
    public Price() {}

    /** Creates a price. */
    public Price(final String company, final String month, final double dollars) {
        this.company = company;
        this.month = month;
        this.dollars = dollars;
    }

    /**
     * Reads a line {@code symbol,date,price}, such as {@code IBM,Oct 1 2008,90.24}.
     *
     * @throws IllegalArgumentException if it is not such a line
     */
    public static Price parse(final String line) {
        final String[] fields = line.split(",");
        try {
            if (fields.length == 3) {
                final LocalDate day = LocalDate.parse(fields[1], DATE);
                return new Price(fields[0], day.toString().substring(0, 7), Double.parseDouble(fields[2]));
            }
        } catch (DateTimeParseException | NumberFormatException e) {
            throw new IllegalArgumentException("Not a price: '" + line + "': " + e.getMessage(), e);
        }
        throw new IllegalArgumentException("Not a price: '" + line + "'; expected symbol,date,price");
    }

    /** Returns the company. */
    public String company() {
        return company;
    }
}
