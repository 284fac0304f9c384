"""Agents over real data, each without Flink and as a Flink job.

python -m flink_agents.examples.weather                        without Flink
flink-agents flink run --python .../examples/weather_job.py    as a job
"""
