package org.apache.flink.agents.runtime.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.listener.EventListener;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.SimpleCounter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A listener that hangs is named, once, and when it comes back that is said, too. */
@Timeout(60)
class UserCodeWatchTest {
    private static final long LIMIT = TimeUnit.MILLISECONDS.toNanos(20);

    private final BlockingQueue<String> said = new LinkedBlockingQueue<>();

    /** Waits for the test. */
    public static final class Hanging implements EventListener {
        static final CountDownLatch GO_ON = new CountDownLatch(1);

        @Override
        public void onEventProcessed(final EventContext context, final Event event) {
            try {
                GO_ON.await();
            } catch (final InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Throws what is not even an exception. */
    public static final class Throwing implements EventListener {
        @Override
        public void onEventProcessed(final EventContext context, final Event event) {
            throw new NoClassDefFoundError("gone");
        }
    }

    @Test
    void aListenerThatHangsIsNamedWithWhereItIs() throws InterruptedException {
        final Counter failures = new SimpleCounter();
        try (UserCodeWatch watch = new UserCodeWatch(LIMIT, said::add)) {
            final EventListeners listeners =
                    new EventListeners(
                            List.of(Throwing.class.getName(), Hanging.class.getName()), getClass().getClassLoader(), failures, watch);
            final Thread task = new Thread(() -> listeners.processed(new Event("my.step")), "task");
            task.start();
            assertThat(said.take())
                    .startsWith("Event listener " + Hanging.class.getName() + ", told of my.step, has not come back for ")
                    .contains("The subtask waits for it", Hanging.class.getName() + ".onEventProcessed(");
            Hanging.GO_ON.countDown();
            assertThat(said.take()).startsWith("Event listener " + Hanging.class.getName()).contains("has come back, after at most ");
            task.join();
        }
        assertThat(failures.getCount()).isEqualTo(1);
        assertThat(said).isEmpty();
    }

    @Test
    void thatManyAreQuickIsNotTakenForOneThatHangs() {
        try (UserCodeWatch watch = new UserCodeWatch(LIMIT, said::add)) {
            for (final long end = System.nanoTime() + 10 * LIMIT; System.nanoTime() < end; ) {
                watch.begins("Event listener", this, "my.step");
                watch.ends();
            }
        }
        assertThat(said).isEmpty();
    }
}
