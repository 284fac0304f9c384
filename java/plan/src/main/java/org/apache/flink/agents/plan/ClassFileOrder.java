package org.apache.flink.agents.plan;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;

/**
 * The members of a class in the order of the class file, which is that of the source.
 *
 * <p>Reflection promises no order, and the order of actions decides which of two actions for the same
 * event runs first; two JVMs that compile the same agent must agree. Classes without a class file
 * (made at run time) are sorted by name instead.
 */
final class ClassFileOrder {
    private static final int MAGIC = 0xCAFEBABE;

    private ClassFileOrder() {}

    /** Returns the methods that {@code type} itself declares, without those the compiler added. */
    static Method[] methodsOf(Class<?> type) {
        final Method[] methods =
                Arrays.stream(type.getDeclaredMethods())
                        .filter(method -> !method.isSynthetic())
                        .toArray(Method[]::new);
        final Map<String, Integer> places = placesOf(type);
        Arrays.sort(
                methods,
                Comparator.comparingInt((Method m) -> placeOf(places, key(m)))
                        .thenComparing(ClassFileOrder::key));
        return methods;
    }

    /** Returns the fields that {@code type} itself declares, without those the compiler added. */
    static Field[] fieldsOf(Class<?> type) {
        final Field[] fields =
                Arrays.stream(type.getDeclaredFields())
                        .filter(field -> !field.isSynthetic())
                        .toArray(Field[]::new);
        final Map<String, Integer> places = placesOf(type);
        Arrays.sort(
                fields,
                Comparator.comparingInt((Field f) -> placeOf(places, f.getName()))
                        .thenComparing(Field::getName));
        return fields;
    }

    private static int placeOf(Map<String, Integer> places, String key) {
        return places.getOrDefault(key, Integer.MAX_VALUE);
    }

    private static String key(Method method) {
        final StringBuilder key = new StringBuilder(method.getName()).append('(');
        for (final Class<?> parameter : method.getParameterTypes()) {
            key.append(descriptor(parameter));
        }
        return key.append(')').append(descriptor(method.getReturnType())).toString();
    }

    private static String descriptor(Class<?> type) {
        if (type == void.class) {
            return "V";
        }
        // The name of an array class contains the descriptor of its element type.
        final String ofArray = java.lang.reflect.Array.newInstance(type, 0).getClass().getName();
        return ofArray.substring(1).replace('.', '/');
    }

    /** Returns the place of each field (by name) and method (by name and descriptor), or nothing. */
    private static Map<String, Integer> placesOf(Class<?> type) {
        final String file = type.getName().substring(type.getName().lastIndexOf('.') + 1) + ".class";
        try (InputStream bytes = type.getResourceAsStream(file)) {
            return bytes == null ? Map.of() : read(new DataInputStream(bytes));
        } catch (IOException e) {
            // Unreadable or unknown to this reader: names give an order that is as stable.
            return Map.of();
        }
    }

    private static Map<String, Integer> read(DataInputStream in) throws IOException {
        if (in.readInt() != MAGIC) {
            throw new IOException("not a class file");
        }
        in.readInt();
        final String[] texts = readTexts(in);
        skip(in, 6);
        skip(in, 2L * in.readUnsignedShort());
        final Map<String, Integer> places = new HashMap<>();
        readMembers(in, texts, places, false);
        readMembers(in, texts, places, true);
        return places;
    }

    /** Reads the constant pool, of which only the texts matter here. */
    private static String[] readTexts(DataInputStream in) throws IOException {
        final String[] texts = new String[in.readUnsignedShort()];
        for (int i = 1; i < texts.length; i++) {
            final int tag = in.readUnsignedByte();
            switch (tag) {
                case 1:
                    texts[i] = in.readUTF();
                    break;
                case 5:
                case 6:
                    // Long and double take two places in the pool.
                    skip(in, 8);
                    i++;
                    break;
                case 3:
                case 4:
                case 9:
                case 10:
                case 11:
                case 12:
                case 17:
                case 18:
                    skip(in, 4);
                    break;
                case 15:
                    skip(in, 3);
                    break;
                case 7:
                case 8:
                case 16:
                case 19:
                case 20:
                    skip(in, 2);
                    break;
                default:
                    throw new IOException("unknown constant " + tag);
            }
        }
        return texts;
    }

    private static void readMembers(
            DataInputStream in, String[] texts, Map<String, Integer> places, boolean methods)
            throws IOException {
        final int count = in.readUnsignedShort();
        for (int i = 0; i < count; i++) {
            skip(in, 2);
            final String name = texts[in.readUnsignedShort()];
            final String descriptor = texts[in.readUnsignedShort()];
            places.put(methods ? name + descriptor : name, i);
            final int attributes = in.readUnsignedShort();
            for (int a = 0; a < attributes; a++) {
                skip(in, 2);
                skip(in, Integer.toUnsignedLong(in.readInt()));
            }
        }
    }

    private static void skip(DataInputStream in, long bytes) throws IOException {
        for (long left = bytes; left > 0; ) {
            final long skipped = in.skip(left);
            if (skipped > 0) {
                left -= skipped;
            } else {
                in.readByte();
                left--;
            }
        }
    }
}
