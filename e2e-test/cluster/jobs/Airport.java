package jobs;

import java.math.BigDecimal;

/** One line of the data: an airport. */
public final class Airport {
    public String code;
    public String state;
    /** Millionths of a degree, the rest cut off. */
    public long latitude;
    /** Not of the data: how long the run of this airport is to be. */
    public long steps;

    public Airport() {}

    static Airport parse(final String line) {
        // A name may hold a comma, in quotes, but code comes before it and the others are counted from the end.
        final String[] columns = line.split(",");
        final Airport airport = new Airport();
        airport.code = columns[0];
        airport.state = columns[columns.length - 4];
        airport.latitude = new BigDecimal(columns[columns.length - 2]).movePointRight(6).longValue();
        return airport;
    }

    int band() {
        return (int) Math.floorDiv(latitude, 10_000_000L);
    }
}
