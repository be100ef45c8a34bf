"""The environments in which the default chart is explored, and the properties of its steps."""
