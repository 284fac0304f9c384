"""What the trace tells of calls of tools."""


class ToolExecutionMetadataKeys:
    """The keys."""

    TOOL_REQUEST_EVENT_ID = "toolRequestEventId"
    TOOL_CALL_ID = "toolCallId"
    EXTERNAL_ID = "externalId"
    TOOL_TYPE = "toolType"
    MCP_SERVER = "mcpServer"
    SKILL_NAME = "skillName"
    SKILL_RESOURCE_PATH = "skillResourcePath"
