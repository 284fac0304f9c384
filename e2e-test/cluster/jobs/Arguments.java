package jobs;

import java.util.HashMap;
import java.util.Map;

/** Arguments of a program: pairs of {@code --name value}. */
final class Arguments {
    private final Map<String, String> values = new HashMap<>();

    Arguments(final String[] args) {
        for (int i = 0; i + 1 < args.length; i += 2) {
            values.put(args[i].substring(2), args[i + 1]);
        }
    }

    String text(final String name) {
        final String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("Argument --" + name + " is missing");
        }
        return value;
    }

    int number(final String name, final int other) {
        return values.containsKey(name) ? Integer.parseInt(values.get(name)) : other;
    }
}
