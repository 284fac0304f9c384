"""The steps of ``make test`` and ``make test-long``: one explicit list, in order.

``scripts/check-repo`` fails when a test script of the tree is not named here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

VERSION = "0.1.0"


@dataclass(frozen=True)
class Step:
    """One command, run from the repository's root.

    ``counts`` names what in its output, or left behind by it, says how many tests ran:
    ``cargo`` (lines ``test result:``), ``surefire`` (XML reports of Surefire and Failsafe),
    ``pytest`` (its last line), ``line`` (a line ``N passed, N failed``) or ``none`` (the step itself is one check).
    ``minutes`` is the limit after which the step is stopped and has failed; six times as long in ``make test-long``.
    ``long_only`` steps are left out of ``make test``.
    Steps that follow each other and have the same ``beside`` run at the same time: those that mostly wait for processes.
    Of these, the ones with the same ``lane`` run one after another.
    """

    name: str
    argv: tuple[str, ...]
    minutes: int
    counts: str = "none"
    long_argv: tuple[str, ...] | None = None
    env: dict[str, str] = field(default_factory=dict)
    long_env: dict[str, str] = field(default_factory=dict)
    long_only: bool = False
    beside: str = ""
    lane: str = ""


PYTHON = ("python3", "-B")
# Without them some tests and benchmarks are not even compiled.
TEST_FEATURES = "flink-agents-store-kafka/broker-tests,flink-agents-models/real-model-tests,flink-agents-models/chroma-tests"
MVN_VERIFY = ("scripts/chroma-server", "run", "--", "mvn", "-B", "-ntp", "-fae", "verify", "dependency:list",
              "-DoutputFile=target/dependencies.txt", "-DoutputAbsoluteArtifactFilename=true")
# Tests on an embedded Flink leave half of two cores idle.
BESIDE_MAVEN = {"beside": "Maven", "lane": "beside Maven"}
# Two lanes of about the same length: what mostly waits for brokers, and what mostly waits for clusters and runtimes that start.
KAFKA = {"beside": "Kafka", "lane": "Kafka"}
DEMO = {"beside": "Kafka", "lane": "demo"}

STEPS: tuple[Step, ...] = (
    Step("house rules", (*PYTHON, "scripts/check-repo"), 2, "line"),
    Step("scripts' own tests", (*PYTHON, "scripts/test_scripts.py"), 2, "line"),
    Step("cargo fmt", ("cargo", "fmt", "--all", "--check"), 2),
    # Each builds OpenSSL and librdkafka, for its profile of Cargo. Optimising a whole library keeps one core busy, hence beside.
    Step("cargo clippy",
         ("cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--features", TEST_FEATURES, "--", "-D", "warnings"), 25,
         beside="Cargo's profiles"),
    # The embedded tests run Python actions with this environment, too.
    Step("Python environment", ("scripts/python-env",), 25, beside="Cargo's profiles"),
    Step("cargo test", ("cargo", "test", "--quiet", "--workspace", "--locked", "--no-fail-fast"), 20, "cargo",
         long_env={"FLINK_AGENTS_MODEL_CASES": "50"}, beside="tests and Java's library"),
    # Maven finds it there.
    Step("native library for Java", ("cargo", "build", "--quiet", "--release", "--locked", "-p", "flink-agents-jni"), 15,
         beside="tests and Java's library"),
    # 10^5 of them are in the step "cargo test". Optimised, a crash takes a tenth of the time.
    Step("10,000,000 crashes with a journal",
         ("cargo", "test", "--release", "--locked", "-p", "flink-agents-testkit", "--test", "durable_model", "--",
          "--nocapture"), 10, "cargo", long_only=True,
         env={"FLINK_AGENTS_CRASH_CASES": "100", "FLINK_AGENTS_CRASHES": "10000000"}),
    Step("a real model",
         ("scripts/real-model", "run", "--", "cargo", "test", "--quiet", "--locked", "-p", "flink-agents-models",
          "--features", "real-model-tests", "--test", "real_model"), 10, "cargo", **BESIDE_MAVEN),
    Step("a server of Chroma",
         ("scripts/chroma-server", "run", "--", "cargo", "test", "--quiet", "--locked", "-p", "flink-agents-models",
          "--features", "chroma-tests", "--test", "chroma_server"), 10, "cargo", **BESIDE_MAVEN),
    # Some tests of both languages ask that server, too.
    Step("Python tests",
         ("scripts/chroma-server", "run", "--", "target/venv-test/bin/python", "-B", "-m", "pytest", "python/tests"), 15, "pytest",
         **BESIDE_MAVEN),
    Step("live spans, with a collector", ("target/venv-test/bin/python", "-B", "e2e-test/otlp/check_collector.py"), 10, "line", **BESIDE_MAVEN),
    Step("tool servers of the official SDK", ("target/venv-test/bin/python", "-B", "e2e-test/mcp/check_official.py"), 10, "line", **BESIDE_MAVEN),
    Step("the trace page in a browser", (*PYTHON, "e2e-test/trace/check_page.py"), 10, "line", **BESIDE_MAVEN),
    Step("traces of a million records", (*PYTHON, "e2e-test/trace/check_million.py"), 10, "line", long_only=True, **BESIDE_MAVEN),
    # The dependency lists are for the licence check; only a build knows the modules' own jars.
    Step("mvn verify", MVN_VERIFY, 40, "surefire", long_argv=(*MVN_VERIFY, "-Dtests.compiler=-XX:TieredStopAtLevel=4"), beside="Maven"),
    Step("licences", (*PYTHON, "scripts/check-licences"), 3, "line"),
    Step("conformance: Java API",
         (*PYTHON, "e2e-test/conformance/check_java_api.py", f"java/api/target/flink-agents-api-{VERSION}.jar"),
         3, "line"),
    Step("conformance: Python API", (*PYTHON, "e2e-test/conformance/check_python_api.py"), 3, "line"),
    # With the jar that Maven has just built.
    Step("wheel", ("scripts/build-wheel",), 15, env={"JAR": f"java/dist/target/flink-agents-dist-{VERSION}.jar"}),
    Step("conformance: natives", (*PYTHON, "e2e-test/conformance/check_natives.py"), 1, "line"),
    Step("a Kafka for tests", (*PYTHON, "e2e-test/kafka/check_broker.py"), 10, "line", **KAFKA),
    Step("the Kafka store, with a broker", (*PYTHON, "e2e-test/kafka/run.py"), 15, "cargo",
         long_env={"FLINK_AGENTS_MODEL_CASES": "20"}, **KAFKA),
    Step("the Kafka store, in Python runs", (*PYTHON, "e2e-test/kafka/check_python.py"), 10, "line", **KAFKA),
    Step("the wheel, as users install it", (*PYTHON, "e2e-test/python/check_wheel.py"), 5, "line", **KAFKA),
    Step("demo on real data", (*PYTHON, "e2e-test/demo/check_demo.py"), 15, "line", **DEMO),
    Step("getting started, word for word", (*PYTHON, "e2e-test/docs/check_getting_started.py"), 5, "line", **DEMO),
    # With the classes that Maven has built.
    Step("waiting actions on other Java runtimes", (*PYTHON, "e2e-test/lines/async_run.py"), 10, "line", **DEMO),
    Step("Flink lines and Java runtimes", (*PYTHON, "e2e-test/lines/run.py"), 15, "line",
         long_argv=(*PYTHON, "e2e-test/lines/run.py", "--long"), **DEMO),
    # Three lanes of the same length: Java's, Python's, and five minutes of little work.
    Step("standalone cluster", (*PYTHON, "e2e-test/cluster/run.py"), 25, "line",
         long_argv=(*PYTHON, "e2e-test/cluster/run.py", "--long"), beside="clusters", lane="Java"),
    Step("failover: what judges it", (*PYTHON, "e2e-test/failover/check_oracle.py"), 2, "line", beside="clusters", lane="Java"),
    Step("failover: processes killed under jobs with a journal", (*PYTHON, "e2e-test/failover/run.py"), 20, "line",
         long_argv=(*PYTHON, "e2e-test/failover/run.py", "--long"), beside="clusters", lane="Java"),
    Step("standalone cluster, Python jobs", (*PYTHON, "e2e-test/cluster/python_run.py"), 30, "line",
         long_argv=(*PYTHON, "e2e-test/cluster/python_run.py", "--long"), beside="clusters"),
    Step("soak: a steady load, and nothing that grows", (*PYTHON, "e2e-test/soak/run.py"), 25, "line",
         long_argv=(*PYTHON, "e2e-test/soak/run.py", "--long"), beside="clusters", lane="operators"),
    Step("documents for operators, word for word", (*PYTHON, "e2e-test/docs/check_operations.py"), 20, "line", beside="clusters",
         lane="operators"),
    Step("failover: no chat is paid for twice", (*PYTHON, "e2e-test/failover/chats.py"), 15, "line", beside="clusters",
         lane="operators"),
)
