"""What the trace tells of calls of models."""


class LLMExecutionMetadataKeys:
    """The keys."""

    MODEL = "model"
