"""Tools that a model may use: their declaration and schema, and the code that runs them."""
