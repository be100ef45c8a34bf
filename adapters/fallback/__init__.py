"""Parts of the adapters that ask a second provider when the first one fails."""
