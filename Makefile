# make demo       an example agent over real data on an embedded Flink
# make test       everything CI runs
# make test-long  full matrices and long runs
# make chaos      a cluster whose processes are killed at random, for MINUTES (10), by the seed SEED (another each time)
# make dist       only java/dist/target/flink-agents-dist-<version>.jar
# make install    the same, and into the local Maven repository
.PHONY: demo test test-long chaos dist install clean

demo:
	@scripts/check-tools demo
	@scripts/demo

test:
	@scripts/check-tools test
	@python3 -B scripts/run-tests

test-long:
	@scripts/check-tools test
	@python3 -B scripts/run-tests --long

chaos:
	@scripts/check-tools test
	@python3 -B e2e-test/failover/run.py --minutes $(or $(MINUTES),10) --seed $(or $(SEED),$(shell date +%s)) --round $(or $(ROUND),0)

dist:
	@scripts/check-tools demo
	mvn -q -B -ntp -pl java/dist -am -DskipTests package
	@ls java/dist/target/flink-agents-dist-*.jar

install:
	@scripts/check-tools demo
	mvn -q -B -ntp -pl java/dist -am -DskipTests install

clean:
	mvn -q -B clean
	cargo clean
	rm -rf target
