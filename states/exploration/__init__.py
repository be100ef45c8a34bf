"""The worlds in which the default chart is explored, and the properties of its states."""
