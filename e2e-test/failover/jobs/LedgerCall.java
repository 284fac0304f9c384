package jobs;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.context.DurableCallable;

/** A durable call whose side effect is an entry in the test's ledger, by HTTP. The result is the receipt. */
class LedgerCall implements DurableCallable<String> {
    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private static final String PROCESS = String.valueOf(ProcessHandle.current().pid());
    private static final int CONFLICT = 409;
    private final String ledger;
    private final String run;
    private final String name;

    /**
     * @param ledger where it listens
     * @param run names the input
     * @param name of the call, one of those of its run
     */
    LedgerCall(final String ledger, final String run, final String name) {
        this.ledger = ledger;
        this.run = run;
        this.name = name;
    }

    @Override
    public final String getId() {
        return name;
    }

    @Override
    public final Class<String> getResultClass() {
        return String.class;
    }

    @Override
    public final Object arguments() {
        return List.of(run, name);
    }

    @Override
    public String call() {
        throw new IllegalStateException("a call with a context is made with it");
    }

    @Override
    public String call(final DurableCallContext context) throws Exception {
        return receipt(CLIENT.send(request("call", context), BodyHandlers.ofString()));
    }

    final HttpRequest request(final String what, final DurableCallContext context) {
        return HttpRequest.newBuilder(URI.create(ledger + "/" + what + "/" + run + "/" + name))
                .header("Idempotency-Key", context.idempotencyKey())
                .header("Process", PROCESS)
                .POST(BodyPublishers.noBody())
                .build();
    }

    final CompletionStage<String> send(final HttpRequest request) {
        return CLIENT.sendAsync(request, BodyHandlers.ofString()).thenApply(answer -> {
            try {
                return receipt(answer);
            } catch (final Refused e) {
                throw new CompletionException(e);
            }
        });
    }

    private static String receipt(final HttpResponse<String> answer) throws Refused {
        if (answer.statusCode() == CONFLICT) {
            throw new Refused(answer.body());
        }
        return answer.body();
    }

    /** One that asks the ledger what became of it, when it was under way at a failure. */
    static final class Reconciled extends LedgerCall {
        Reconciled(final String ledger, final String run, final String name) {
            super(ledger, run, name);
        }

        @Override
        public Callable<String> reconciler(final DurableCallContext context) {
            return () -> receipt(CLIENT.send(request("reconcile", context), BodyHandlers.ofString()));
        }
    }

    /** One that needs no thread while it is under way. */
    static final class ByStage extends LedgerCall implements AsyncDurableCallable<String> {
        ByStage(final String ledger, final String run, final String name) {
            super(ledger, run, name);
        }

        @Override
        public String call() {
            return super.call();
        }

        @Override
        public String call(final DurableCallContext context) {
            throw new IllegalStateException("a call that needs no thread is begun by callAsync");
        }

        @Override
        public CompletionStage<String> callAsync() {
            return null;
        }

        @Override
        public CompletionStage<String> callAsync(final DurableCallContext context) {
            return send(request("call", context));
        }
    }
}
