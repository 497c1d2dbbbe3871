//! Serving over MCP and HTTP.
