"""Models, vector stores and tool servers that come with the framework. The clients are in Rust (``rust/models``)."""
