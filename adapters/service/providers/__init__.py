"""The configured providers: each section of the configuration becomes an open adapter."""
