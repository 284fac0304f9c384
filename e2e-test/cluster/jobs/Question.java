package jobs;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallable;

/** A call that ends when the test lets it; its ledger has when it begins, ends, and is given up. */
class Question implements DurableCallable<String> {
    final Ledger ledger;
    final long input;
    final String name;

    /**
     * @param input the number of the input
     * @param part tells the calls of an input apart
     */
    Question(final Ledger ledger, final long input, final int part) {
        this.ledger = ledger;
        this.input = input;
        this.name = input + "." + part;
    }

    @Override
    public final String getId() {
        return "question";
    }

    @Override
    public final Class<String> getResultClass() {
        return String.class;
    }

    @Override
    public String call() throws Exception {
        ledger.note("begun", name);
        try {
            ledger.awaitGate(input);
        } catch (final InterruptedException e) {
            ledger.note("given-up", name);
            throw e;
        }
        ledger.note("ended", name);
        return name;
    }

    /** The same without a thread of the agent's: one of its own stands for an asynchronous client. */
    static final class ByStage extends Question implements AsyncDurableCallable<String> {
        ByStage(final Ledger ledger, final long input, final int part) {
            super(ledger, input, part);
        }

        @Override
        public String call() throws Exception {
            return AsyncDurableCallable.super.call();
        }

        @Override
        public CompletionStage<String> callAsync() throws Exception {
            final CompletableFuture<String> answer = new CompletableFuture<>();
            ledger.note("begun", name);
            final Thread client = new Thread(() -> answer(answer), "a-client-" + name);
            answer.whenComplete((text, error) -> client.interrupt());
            client.setDaemon(true);
            client.start();
            return answer;
        }

        private void answer(final CompletableFuture<String> answer) {
            try {
                try {
                    ledger.awaitGate(input);
                    ledger.note("ended", name);
                    answer.complete(name);
                } catch (final InterruptedException e) {
                    ledger.note("given-up", name);
                }
            } catch (final Exception e) {
                answer.completeExceptionally(e);
            }
        }
    }
}
