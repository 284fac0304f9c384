package io.github.flinkagents.examples.market;

import io.github.flinkagents.examples.TextFiles;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Two agents in a Flink job, the second hearing the first: share prices of five companies, and a remark on each month
 * in which nearly all moved together.
 *
 * <pre>flink run -c io.github.flinkagents.examples.market.MarketJob examples.jar stocks.csv output/</pre>
 */
public final class MarketJob {
    private MarketJob() {}

    /** Runs the job: {@code <input file> <output directory>}. */
    public static void main(final String[] args) throws Exception {
        if (args.length != 2) {
            throw new IllegalArgumentException("Usage: MarketJob <stocks.csv> <output directory>");
        }
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        TextFiles.write(remarks(env, agents, args[0]), args[1]);
        agents.execute("Five companies");
    }

    /** Builds the job without its end: from a file of prices to the second agent's remarks. */
    public static DataStream<String> remarks(
            final StreamExecutionEnvironment env, final AgentsExecutionEnvironment agents, final String input) {
        final DataStream<Price> prices = TextFiles.read(env, input, "symbol,", Price::parse, Price.class);
        final DataStream<Move> moves =
                agents.fromDataStream(prices, Price::company)
                        .apply(new CompanyAgent())
                        .toDataStream()
                        .map(Move.class::cast)
                        .returns(Types.POJO(Move.class));
        return agents.fromDataStream(moves, Move::month)
                .apply(new MarketAgent())
                .toDataStream()
                .map(String.class::cast)
                .returns(Types.STRING);
    }
}
