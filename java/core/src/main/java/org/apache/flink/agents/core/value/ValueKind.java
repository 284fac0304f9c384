package org.apache.flink.agents.core.value;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Which class is written how. The verdict is by exact class: a subclass may hold more than its parent does, so it is
 * foreign. It is kept with the class itself ({@link ClassValue}), so no class loader is held.
 */
final class ValueKind {

    /** Not plain data. */
    static final byte FOREIGN = -1;

    private static final Map<Class<?>, Byte> BY_CLASS = new HashMap<>();
    private static final Map<String, Byte> BY_NAME = new HashMap<>();

    static {
        // Containers are named by the tag for text keys; the writer changes to the table's tag where keys are not text.
        BY_CLASS.put(String.class, ValueTags.TEXT);
        BY_CLASS.put(Boolean.class, ValueTags.TRUE);
        BY_CLASS.put(Byte.class, ValueTags.I8);
        BY_CLASS.put(Short.class, ValueTags.I16);
        BY_CLASS.put(Integer.class, ValueTags.I32);
        BY_CLASS.put(Long.class, ValueTags.I64);
        BY_CLASS.put(Float.class, ValueTags.F32);
        BY_CLASS.put(Double.class, ValueTags.F64);
        BY_CLASS.put(Character.class, ValueTags.CHAR);
        BY_CLASS.put(BigInteger.class, ValueTags.BIG_INT);
        BY_CLASS.put(BigDecimal.class, ValueTags.BIG_DECIMAL);
        BY_CLASS.put(UUID.class, ValueTags.UUID);
        BY_CLASS.put(Instant.class, ValueTags.INSTANT);
        BY_CLASS.put(LocalDate.class, ValueTags.DATE);
        BY_CLASS.put(LocalTime.class, ValueTags.TIME);
        BY_CLASS.put(LocalDateTime.class, ValueTags.DATE_TIME);
        BY_CLASS.put(OffsetDateTime.class, ValueTags.OFFSET_DATE_TIME);
        BY_CLASS.put(ZonedDateTime.class, ValueTags.ZONED_DATE_TIME);
        BY_CLASS.put(Duration.class, ValueTags.DURATION);
        BY_CLASS.put(ArrayList.class, ValueTags.LIST);
        BY_CLASS.put(LinkedHashMap.class, ValueTags.MAP);
        BY_CLASS.put(HashMap.class, ValueTags.HASH_MAP);
        BY_CLASS.put(LinkedHashSet.class, ValueTags.SET);
        BY_CLASS.put(HashSet.class, ValueTags.HASH_SET);
        BY_CLASS.put(byte[].class, ValueTags.BYTES);
        BY_CLASS.put(Object[].class, ValueTags.OBJECT_ARRAY);
        BY_CLASS.put(String[].class, ValueTags.TEXT_ARRAY);
        BY_CLASS.put(boolean[].class, ValueTags.BOOL_ARRAY);
        BY_CLASS.put(short[].class, ValueTags.I16_ARRAY);
        BY_CLASS.put(int[].class, ValueTags.I32_ARRAY);
        BY_CLASS.put(long[].class, ValueTags.I64_ARRAY);
        BY_CLASS.put(float[].class, ValueTags.F32_ARRAY);
        BY_CLASS.put(double[].class, ValueTags.F64_ARRAY);
        BY_CLASS.put(char[].class, ValueTags.CHAR_ARRAY);

        // Classes of the JDK that cannot be named in code. Those that cannot be modified come back as such.
        for (final String name : Set.of("Arrays$ArrayList", "ArrayList$SubList")) {
            BY_NAME.put("java.util." + name, ValueTags.LIST);
        }
        for (final String name :
                Set.of(
                        "ImmutableCollections$List12",
                        "ImmutableCollections$ListN",
                        "ImmutableCollections$SubList",
                        "Collections$UnmodifiableList",
                        "Collections$UnmodifiableRandomAccessList",
                        "Collections$EmptyList",
                        "Collections$SingletonList",
                        "Collections$CopiesList")) {
            BY_NAME.put("java.util." + name, ValueTags.FROZEN_LIST);
        }
        for (final String name :
                Set.of(
                        "ImmutableCollections$Map1",
                        "ImmutableCollections$MapN",
                        "Collections$UnmodifiableMap",
                        "Collections$EmptyMap",
                        "Collections$SingletonMap")) {
            BY_NAME.put("java.util." + name, ValueTags.FROZEN_MAP);
        }
        for (final String name :
                Set.of(
                        "ImmutableCollections$Set12",
                        "ImmutableCollections$SetN",
                        "Collections$UnmodifiableSet",
                        "Collections$EmptySet",
                        "Collections$SingletonSet")) {
            BY_NAME.put("java.util." + name, ValueTags.FROZEN_SET);
        }
    }

    private static final ClassValue<Byte> KINDS =
            new ClassValue<>() {
                @Override
                protected Byte computeValue(final Class<?> type) {
                    final Byte known = BY_CLASS.get(type);
                    if (known != null) {
                        return known;
                    }
                    return type.getClassLoader() == null ? BY_NAME.getOrDefault(type.getName(), FOREIGN) : FOREIGN;
                }
            };

    private ValueKind() {}

    /** The tag for plain values of this class, or {@link #FOREIGN}. */
    static byte of(final Class<?> type) {
        return KINDS.get(type);
    }
}
