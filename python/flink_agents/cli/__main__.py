"""``python -m flink_agents.cli`` is the command ``flink-agents``."""

import sys

from flink_agents.cli.main import main

sys.exit(main())
