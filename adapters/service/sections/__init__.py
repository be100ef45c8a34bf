"""The sections of `callchart.toml`, as pydantic models, and the kinds of values in them."""
