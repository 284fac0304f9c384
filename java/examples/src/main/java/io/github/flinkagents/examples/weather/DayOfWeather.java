package io.github.flinkagents.examples.weather;

/** What one day was like, as a line of {@code seattle-weather.csv} tells it. A Flink POJO. */
public class DayOfWeather {
    /** The day, as in {@code 2012/01/31}. */
    public String date;

    /** Rain and melted snow, mm. */
    public double precipitation;

    /** The highest temperature, °C. */
    public double warmest;

    /** The lowest temperature, °C. */
    public double coldest;

    /** Wind, m/s, the day's mean. */
    public double wind;

    /** Needed by Flink and Jackson. */
    public DayOfWeather() {}

    /**
     * Reads a line {@code date,precipitation,temp_max,temp_min,wind,weather}.
     *
     * @throws IllegalArgumentException if it is not such a line
     */
    public static DayOfWeather parse(final String line) {
        final String[] fields = line.split(",");
        if (fields.length != 6 || !fields[0].matches("\\d{4}/\\d{2}/\\d{2}")) {
            throw new IllegalArgumentException(
                    "Not a day of weather: '" + line + "'; expected date,precipitation,temp_max,temp_min,wind,weather");
        }
        final DayOfWeather day = new DayOfWeather();
        day.date = fields[0];
        day.precipitation = Double.parseDouble(fields[1]);
        day.warmest = Double.parseDouble(fields[2]);
        day.coldest = Double.parseDouble(fields[3]);
        day.wind = Double.parseDouble(fields[4]);
        return day;
    }

    /** Returns the month of the year, {@code 01} to {@code 12}: days are compared with days of the same month. */
    public String calendarMonth() {
        return date.substring(5, 7);
    }
}
