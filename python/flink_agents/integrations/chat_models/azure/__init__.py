"""OpenAI on Azure."""
