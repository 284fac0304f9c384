"""The programs in the documentation that no test of a cluster runs."""

import http.server
import importlib.util
import json
import re
import threading
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

DOCS = Path(__file__).resolve().parents[3] / "docs"
DOC = DOCS / "getting-started-python.md"


def test_the_agent_that_waits_runs_as_it_is_printed(tmp_path, monkeypatch):
    (program,) = re.findall(r"^```py\n(.*?)^```$", DOC.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "wait_agent.py").write_text(program, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.util.find_spec("wait_agent") is not None
    from wait_agent import Shop

    environment = AgentsExecutionEnvironment.get_execution_environment()
    items = [{"key": item, "value": item} for item in ("tea", "coffee")]
    outputs = environment.from_list(items).apply(Shop()).to_list()
    environment.execute()
    assert sorted(value for output in outputs for value in output.values()) == ["coffee: 7 left at 6", "tea: 7 left at 3"]


class Payments(http.server.BaseHTTPRequestHandler):
    """Makes one payment for each idempotency key."""

    payments: dict = {}
    requests = 0

    def do_POST(self):
        type(self).requests += 1
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        payment = self.payments.setdefault(self.headers["Idempotency-Key"], f"payment {order['of']}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"payment": payment}).encode())

    def log_message(self, *args):
        pass


def test_the_call_with_an_idempotency_key_is_made_once(tmp_path, monkeypatch):
    text = (DOCS / "operations" / "consistency.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```py\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "paying_agent.py").write_text(program, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Payments) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PAYMENTS_URL", f"http://127.0.0.1:{server.server_port}/payments")
        from paying_agent import Shop

        orders = [{"key": "ann", "value": {"of": "tea"}}, {"key": "bob", "value": {"of": "tea"}}]
        for _ in range(2):
            env = AgentsExecutionEnvironment.get_execution_environment()
            env.get_config().set_str("actionStateStoreBackend", "sqlite")
            outputs = env.from_list(orders).apply(Shop()).to_list()
            env.execute("orders of november")
            assert sorted(map(str, outputs)) == ["{'ann': 'payment tea'}", "{'bob': 'payment tea'}"]
        server.shutdown()
    assert Payments.requests == 2 and len(Payments.payments) == 2
