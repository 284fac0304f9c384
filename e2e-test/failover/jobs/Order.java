package jobs;

/** An input of the second agent, keyed by a number: a class of the job's own. */
public final class Order {
    public long account;
    public long number;

    public Order() {}

    Order(final long account, final long number) {
        this.account = account;
        this.number = number;
    }
}
