package org.apache.flink.agents.core.loader;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrivateCopiesTest {

    private static final long DEAD = 99_999_999_999L;

    @TempDir Path temp;

    @Test
    void copiesAreUniqueAndOnlyTheOwnerCanReachThem() throws Exception {
        final PrivateCopies copies = new PrivateCopies(temp);
        final Path first = copies.create(new ByteArrayInputStream(new byte[] {1}), "libflink_agents.so");
        final Path second = copies.create(new ByteArrayInputStream(new byte[] {2}), "libflink_agents.so");
        assertThat(first).isNotEqualTo(second).hasBinaryContent(new byte[] {1});
        assertThat(Files.getPosixFilePermissions(copies.root())).isEqualTo(PosixFilePermissions.fromString("rwx------"));
        assertThat(Files.getPosixFilePermissions(first)).isEqualTo(PosixFilePermissions.fromString("rwx------"));
        assertThat(new PrivateCopies(temp).root()).isEqualTo(copies.root());
    }

    @Test
    void onlyOldCopiesOfDeadProcessesAreRemoved() throws Exception {
        final PrivateCopies copies = new PrivateCopies(temp);
        final Instant now = Instant.now();
        final Instant old = now.minusSeconds(120);
        final Path stale = file(copies, DEAD, "libflink_agents.so", old);
        final Path young = file(copies, DEAD, "libflink_agents.so", now);
        final Path living = file(copies, ProcessHandle.current().pid(), "libflink_agents.so", old);
        final Path foreign = file(copies, DEAD, "other.so", old);
        copies.removeStale(now);
        assertThat(stale).doesNotExist();
        assertThat(young).exists();
        assertThat(living).exists();
        assertThat(foreign).exists();
    }

    @Test
    void aDirectoryThatOthersCanWriteToIsNotUsed() throws Exception {
        final Path shared = new PrivateCopies(temp).root();
        Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString("rwxrwxrwx"));
        final Path other;
        try (PrivateCopies copies = new PrivateCopies(temp)) {
            other = copies.root();
            assertThat(other).isNotEqualTo(shared);
            assertThat(Files.getPosixFilePermissions(other)).isEqualTo(PosixFilePermissions.fromString("rwx------"));
        }
        assertThat(other).doesNotExist();
        assertThat(shared).exists();
    }

    @Test
    void aLinkInPlaceOfTheDirectoryIsNotFollowed() throws Exception {
        final Path shared = new PrivateCopies(temp).root();
        Files.delete(shared);
        final Path trap = Files.createDirectory(temp.resolve("trap"));
        Files.setPosixFilePermissions(trap, PosixFilePermissions.fromString("rwx------"));
        Files.createSymbolicLink(shared, trap);
        assertThat(new PrivateCopies(temp).root()).isNotEqualTo(shared);
    }

    private static Path file(final PrivateCopies copies, final long pid, final String name, final Instant modified)
            throws Exception {
        final Path file = Files.createFile(copies.root().resolve(pid + "-" + UUID.randomUUID() + "-" + name));
        return Files.setLastModifiedTime(file, FileTime.from(modified));
    }
}
