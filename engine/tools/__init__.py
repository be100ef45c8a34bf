"""Tools that a model may use: their declaration and schema, and the box that runs them."""
