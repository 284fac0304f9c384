package jobs;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;

/** What {@link PendingCalls} and its twin in Python take in: {@code key/number}, held back by a {@link Throttle}. */
public final class PendingInputs {
    private PendingInputs() {}

    /** Numbers with their keys. */
    static final class Input implements GeneratorFunction<Long, String> {
        private static final long serialVersionUID = 1L;
        private final int keys;

        Input(final int keys) {
            this.keys = keys;
        }

        @Override
        public String map(final Long number) {
            return "k" + number % keys + "/" + number;
        }
    }

    /**
     * The source, for parallelism 1.
     *
     * @param keys that take turns
     * @param count inputs in all
     * @param first inputs that come at once after every start
     * @param release the file that lets the others come
     */
    public static DataGeneratorSource<String> source(final int keys, final int count, final int first, final String release) {
        return new DataGeneratorSource<>(new Input(keys), count, new Throttle(first, release), Types.STRING);
    }
}
