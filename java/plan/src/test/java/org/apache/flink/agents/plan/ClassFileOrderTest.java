package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;

class ClassFileOrderTest {
    /** Constants of every kind that a compiler writes, and members in no alphabetical order. */
    static final class Members {
        static final long ZULU = 0x7fff_ffff_ffffL;
        static final double YANKEE = 1.5e300;
        static float xray = 2.5f;
        static int[][] whiskey = {{70_000}};

        static void zulu() {
            final IntSupplier lambda = () -> (int) ZULU + whiskey.length;
            System.setProperty("x", "y" + lambda.getAsInt() + YANKEE);
        }

        static void yankee(int a, long[] b, String[][] c) {}

        static void yankee(int a) {}

        static String xray() {
            return "x";
        }

        static void alpha() {}
    }

    @Test
    void membersComeInTheOrderOfTheSource() {
        assertThat(Arrays.stream(ClassFileOrder.methodsOf(Members.class)).map(Method::toString))
                .extracting(text -> text.substring(text.indexOf("Members.") + 8))
                .containsExactly(
                        "zulu()",
                        "yankee(int,long[],java.lang.String[][])",
                        "yankee(int)",
                        "xray()",
                        "alpha()");
        assertThat(Arrays.stream(ClassFileOrder.fieldsOf(Members.class)).map(Field::getName))
                .containsExactly("ZULU", "YANKEE", "xray", "whiskey");
    }

    @Test
    void membersOfAClassWithoutReadableClassFileComeByName() throws Exception {
        for (final byte[] shown : new byte[][] {null, {}, {1, 2, 3, 4, 5}, header(), cut()}) {
            final Class<?> hidden = new Hiding(shown).loadClass(Members.class.getName());
            assertThat(hidden).isNotSameAs(Members.class);
            assertThat(Arrays.stream(ClassFileOrder.methodsOf(hidden)).map(Method::getName))
                    .containsExactly("alpha", "xray", "yankee", "yankee", "zulu");
        }
    }

    private static byte[] header() {
        return new byte[] {(byte) 0xCA, (byte) 0xFE, (byte) 0xBA, (byte) 0xBE, 0, 0, 0, 55, 0, 9, 99};
    }

    private static byte[] cut() throws Exception {
        final byte[] whole = bytes();
        return Arrays.copyOf(whole, whole.length / 2);
    }

    private static byte[] bytes() throws Exception {
        try (InputStream in = Members.class.getResourceAsStream("ClassFileOrderTest$Members.class")) {
            return in.readAllBytes();
        }
    }

    /** Loads the class anew, but shows other bytes, or none, to who asks for the class file. */
    private static final class Hiding extends ClassLoader {
        private final byte[] shown;

        Hiding(byte[] shown) {
            super(ClassFileOrderTest.class.getClassLoader());
            this.shown = shown;
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.equals(Members.class.getName())) {
                return super.loadClass(name, resolve);
            }
            final Class<?> known = findLoadedClass(name);
            if (known != null) {
                return known;
            }
            try {
                final byte[] bytes = bytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (Exception e) {
                throw new ClassNotFoundException(name, e);
            }
        }

        @Override
        public InputStream getResourceAsStream(String name) {
            return shown == null ? null : new ByteArrayInputStream(shown);
        }
    }
}
