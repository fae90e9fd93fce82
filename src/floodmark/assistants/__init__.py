"""The console for assistants, by the Model Context Protocol (`floodmark mcp`): a thin adapter over its HTTP API.

    assistant ─► tools, resources, prompts ─► asking (HTTP, with the caller's token) ─► floodmark console
              ◄─ marking (what telemetry says is data) ◄─

Sign-in, rights and rates are checked by the console, where everybody's are; nothing is kept here. It needs the extra
`mcp`; whoever imports `serving` brings it.
"""
