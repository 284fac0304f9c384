package jobs;

/** What a call throws that the ledger refuses: an outcome like another, to be recorded with its fields. */
public final class Refused extends Exception {
    private static final long serialVersionUID = 1L;
    final String receipt;

    Refused(final String receipt) {
        super("refused with receipt " + receipt);
        this.receipt = receipt;
    }
}
