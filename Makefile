# make demo       an example agent over real data on an embedded Flink
# make test       everything CI runs
# make test-long  full matrices and long runs
# make dist       only java/dist/target/flink-agents-dist-<version>.jar
# make install    the same, and into the local Maven repository
.PHONY: demo test test-long dist install clean

demo:
	@scripts/check-tools demo
	@scripts/demo

test:
	@scripts/check-tools test
	@python3 -B scripts/run-tests

test-long:
	@scripts/check-tools test
	@python3 -B scripts/run-tests --long

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
