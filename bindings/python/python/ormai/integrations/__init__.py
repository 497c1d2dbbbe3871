"""OrmAI within other libraries, each module an extra of its own that is imported only when it is asked for.

`ormai.integrations.jwt` and `.fastapi` (`pip install "ormai[fastapi]"`) make a context from a verified token;
`.langchain` (`ormai[langchain]`) and `.pydantic_ai` (`ormai[pydantic-ai]`) hand the tools to agents.
"""
