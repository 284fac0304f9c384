package org.apache.flink.agents.core.loader;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Short-lived copies of the library under {@code <tmp>/flink-agents-<user>/}, one per load.
 *
 * <p>The JVM loads a file into one class loader only, so each class loader gets its own copy. A copy exists only
 * between its extraction and its mapping: a mapped file can be unlinked. One that is left over comes from a process
 * that died in between, and the next load of any process removes it.
 */
final class PrivateCopies implements AutoCloseable {

    /** A younger copy is left alone: the process that makes it may live in a container with process ids of its own. */
    static final Duration STALE_AFTER = Duration.ofMinutes(1);

    private static final Pattern COPY = Pattern.compile("(\\d{1,18})-[0-9a-f-]{36}-libflink_agents\\.(so|dylib)");
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

    private final Path root;
    private final boolean shared;

    /** @param tmp the directory for temporary files */
    PrivateCopies(final Path tmp) throws IOException {
        final String user = System.getProperty("user.name", "unknown").replaceAll("[^A-Za-z0-9._-]", "_");
        final Path usual = tmp.resolve("flink-agents-" + user);
        try {
            Files.createDirectories(tmp);
            Files.createDirectory(usual, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        } catch (final FileAlreadyExistsException ignored) {
            // The usual case; whether it can be trusted is seen below.
        }
        // In a world-writable /tmp somebody else may have made this directory, or a link, to slip us a library.
        shared = isOurs(usual);
        root = shared ? usual : Files.createTempDirectory(tmp, "flink-agents-" + user + "-");
    }

    Path root() {
        return root;
    }

    /** Writes a new copy that only this user can read. */
    Path create(final InputStream library, final String fileName) throws IOException {
        final Path copy = root.resolve(ProcessHandle.current().pid() + "-" + UUID.randomUUID() + "-" + fileName);
        try {
            Files.createFile(copy, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
            try (OutputStream out = Files.newOutputStream(copy, StandardOpenOption.WRITE)) {
                library.transferTo(out);
            }
            return copy;
        } catch (final IOException | RuntimeException e) {
            Files.deleteIfExists(copy);
            throw e;
        }
    }

    /** Removes copies that processes left which no longer live. Never fails: somebody else may be doing the same. */
    void removeStale(final Instant now) {
        try (DirectoryStream<Path> copies = Files.newDirectoryStream(root)) {
            for (final Path copy : copies) {
                final Matcher name = COPY.matcher(copy.getFileName().toString());
                if (name.matches() && !ProcessHandle.of(Long.parseLong(name.group(1))).isPresent()) {
                    final FileTime modified = Files.getLastModifiedTime(copy, LinkOption.NOFOLLOW_LINKS);
                    if (modified.toInstant().isBefore(now.minus(STALE_AFTER))) {
                        Files.deleteIfExists(copy);
                    }
                }
            }
        } catch (final IOException | DirectoryIteratorException ignored) {
            // A stale copy costs disk space, nothing else; the next load tries again.
        }
    }

    /** Removes the directory if it was made for this load only, and is empty. */
    @Override
    public void close() throws IOException {
        if (!shared) {
            Files.delete(root);
        }
    }

    private static boolean isOurs(final Path directory) throws IOException {
        final PosixFileAttributes attributes =
                Files.readAttributes(directory, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        return attributes.isDirectory()
                && OWNER_ONLY.containsAll(attributes.permissions())
                && attributes.owner().equals(self(directory));
    }

    private static Object self(final Path directory) throws IOException {
        // The owner of a file that this process makes, which is right in containers where user names are not.
        final Path probe = Files.createTempFile(directory.getParent(), "flink-agents-owner-", null);
        try {
            return Files.getOwner(probe, LinkOption.NOFOLLOW_LINKS);
        } finally {
            Files.delete(probe);
        }
    }
}
