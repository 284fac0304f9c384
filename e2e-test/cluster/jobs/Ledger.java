package jobs;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * What calls and the test tell each other, by files of one directory: {@code ledger}, a line for all that calls do; {@code
 * gate}, the number of the first input whose calls may not end; {@code fail}, which lets one call fail, that then removes it.
 *
 * <p>By streams of files, which do not mind that the thread is interrupted.
 */
final class Ledger {
    private static final long LOOK_AGAIN_MILLIS = 10;
    private final File ledger;
    private final File gate;
    private final File fail;

    Ledger(final String directory) {
        ledger = new File(directory, "ledger");
        gate = new File(directory, "gate");
        fail = new File(directory, "fail");
    }

    /** Adds a line, whole whoever else does the same. */
    void note(final String what, final String which) throws IOException {
        try (OutputStream out = new FileOutputStream(ledger, true)) {
            out.write((what + ' ' + which + '\n').getBytes(StandardCharsets.US_ASCII));
        }
    }

    /** Waits until calls of this input may end; fails if the test wants a call to. */
    void awaitGate(final long input) throws IOException, InterruptedException {
        while (!isOpen(input)) {
            Thread.sleep(LOOK_AGAIN_MILLIS);
        }
    }

    private boolean isOpen(final long input) throws IOException {
        if (fail.delete()) {
            throw new IllegalStateException("failed on purpose");
        }
        try (InputStream in = new FileInputStream(gate)) {
            return input < Long.parseLong(new String(in.readAllBytes(), StandardCharsets.US_ASCII));
        } catch (final FileNotFoundException e) {
            return false;
        }
    }
}
