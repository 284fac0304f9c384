package org.apache.flink.agents.runtime.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DayOfWeek;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.api.common.ExecutionConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job's jar changes between writing and reading: the same class names, compiled anew, in another class loader. */
class SchemaEvolutionTest {

    @TempDir Path temp;

    @Test
    void aPojoMayLoseAndGainFields() throws Exception {
        final ClassLoader before =
                jar("before", "Item", "public class Item { public String id = \"\"; public int gone = 7; }");
        final ClassLoader after =
                jar("after", "Item", "public class Item { public String id = \"\"; public long added = 3; }");
        final Object item = before.loadClass("Item").getConstructor().newInstance();
        item.getClass().getField("id").set(item, "i-1");
        final byte[] bytes = codec(before).encodeOne(List.of(item, 5));

        final Object back = ((List<?>) codec(after).decodeOne(bytes)).get(0);
        assertThat(back.getClass()).isSameAs(after.loadClass("Item"));
        assertThat(back.getClass().getField("id").get(back)).isEqualTo("i-1");

        // What is written from now on has the new layout, and unchanged classes still read the old one.
        final BlobCodec now = codec(after);
        assertThat(now.decodeOne(now.encodeOne(back))).hasSameClassAs(back);
        final Object old = ((List<?>) codec(before).decodeOne(bytes)).get(0);
        assertThat(old.getClass().getField("gone").get(old)).isEqualTo(7);
    }

    @Test
    void aFieldThatChangesItsTypeIsAClearError() throws Exception {
        final ClassLoader before = jar("before", "Item", "public class Item { public int id = 7; }");
        final ClassLoader after = jar("after", "Item", "public class Item { public String id = \"\"; }");
        final byte[] bytes = codec(before).encodeOne(before.loadClass("Item").getConstructor().newInstance());
        assertThatThrownBy(() -> codec(after).decodeOne(bytes))
                .isInstanceOf(MalformedValueException.class)
                .hasMessageContaining("class Item has changed since the value was stored")
                .hasMessageContaining("PojoSerializer cannot follow");
    }

    @Test
    void anEnumMayGainConstantsAndChangeTheirOrder() throws Exception {
        final ClassLoader before = jar("before", "Level", "public enum Level { LOW, HIGH }");
        final ClassLoader after = jar("after", "Level", "public enum Level { NONE, HIGH, LOW }");
        final byte[] bytes = codec(before).encodeOne(before.loadClass("Level").getEnumConstants()[1]);
        assertThat(codec(after).decodeOne(bytes)).hasToString("HIGH");
        final ClassLoader less = jar("less", "Level", "public enum Level { LOW }");
        assertThatThrownBy(() -> codec(less).decodeOne(bytes))
                .isInstanceOf(MalformedValueException.class)
                .hasMessageContaining("Level");
    }

    @Test
    void aPojoThatBecomesGenericIsStillRead() throws Exception {
        final ClassLoader before = jar("before", "Item", "public class Item { public int id = 7; }");
        final ClassLoader after =
                jar("after", "Item", "public class Item { public int id; public final int x; Item(int x) { this.x = x; } }");
        final byte[] bytes = codec(before).encodeOne(before.loadClass("Item").getConstructor().newInstance());
        // Whether Flink can fill such a class or not: either the field is there, or the error names the class.
        try {
            final Object back = codec(after).decodeOne(bytes);
            assertThat(back.getClass().getField("id").get(back)).isEqualTo(7);
        } catch (final MalformedValueException e) {
            assertThat(e).hasMessageContaining("Item");
        }
    }

    @Test
    void aClassThatIsGoneIsNamed() throws Exception {
        final ClassLoader before = jar("before", "Item", "public class Item { public int id = 7; }");
        final byte[] bytes = codec(before).encodeOne(before.loadClass("Item").getConstructor().newInstance());
        assertThatThrownBy(() -> codec(getClass().getClassLoader()).decodeOne(bytes))
                .isInstanceOf(MalformedValueException.class)
                .hasMessageContaining("class Item of a stored value is not in the job's jar any more");
    }

    @Test
    void aValueWrittenByAnotherKryoIsRefusedInsteadOfMisread() {
        final BlobCodec codec = codec(getClass().getClassLoader());
        final byte[] bytes = codec.encodeOne(new StringBuilder("x"));
        final String name = StringBuilder.class.getName();
        // 0xFB, version, count, length of the name, the name; then the version of Kryo.
        final int at = 4 + name.length();
        assertThat(bytes[at]).isIn((byte) 2, (byte) 5);
        bytes[at] = (byte) (7 - bytes[at]);
        assertThatThrownBy(() -> codec.decodeOne(bytes))
                .isInstanceOf(MalformedValueException.class)
                .hasMessageContaining("class java.lang.StringBuilder was written by Kryo " + bytes[at]);

        // Values that Kryo has no part in are read by every line.
        final byte[] plain = codec.encodeOne(DayOfWeek.MONDAY);
        assertThat(plain[4 + DayOfWeek.class.getName().length()]).isZero();
    }

    @Test
    void recordsComeBack() throws Exception {
        assumeThat(Runtime.version().feature()).isGreaterThanOrEqualTo(16);
        final ClassLoader jar = jar("records", "Point", "public record Point(int x, String name) {}");
        final Object point = jar.loadClass("Point").getConstructor(int.class, String.class).newInstance(3, "p");
        final BlobCodec codec = codec(jar);
        assertThat(codec.decodeOne(codec.encodeOne(List.of(point)))).isEqualTo(List.of(point));
    }

    private static BlobCodec codec(final ClassLoader loader) {
        return new BlobCodec(new ExecutionConfig(), loader, List.of(), ForeignValues.REFUSE, false);
    }

    private ClassLoader jar(final String name, final String className, final String source) throws Exception {
        final Path directory = Files.createDirectory(temp.resolve(name));
        final Path file = Files.writeString(directory.resolve(className + ".java"), source);
        final JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        assertThat(compiler.run(null, null, null, "-d", directory.toString(), file.toString())).isZero();
        return new URLClassLoader(new URL[] {directory.toUri().toURL()}, getClass().getClassLoader());
    }
}
