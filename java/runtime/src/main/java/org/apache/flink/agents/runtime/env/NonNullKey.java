package org.apache.flink.agents.runtime.env;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;

/** The user's key selector, which must not give null: Flink's own message for that names neither agent nor remedy. */
final class NonNullKey<T, K> implements KeySelector<T, K>, ResultTypeQueryable<K> {
    private static final long serialVersionUID = 1L;

    private final String agentName;
    private final KeySelector<T, K> selector;
    private final TypeInformation<K> type;

    NonNullKey(final String agentName, final KeySelector<T, K> selector, final TypeInformation<K> type) {
        this.agentName = agentName;
        this.selector = selector;
        this.type = type;
    }

    @Override
    public K getKey(final T record) throws Exception {
        final K key = selector.getKey(record);
        if (key == null) {
            // Not the record itself: messages end up in logs.
            throw new IllegalArgumentException(
                    "A record for agent '"
                            + agentName
                            + "' has no key: the key selector gave null for a record of class "
                            + (record == null ? "null" : record.getClass().getName())
                            + ". Let the selector give a value for such records, or filter them out before the agent");
        }
        return key;
    }

    @Override
    public TypeInformation<K> getProducedType() {
        return type;
    }
}
