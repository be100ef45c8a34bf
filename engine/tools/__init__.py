"""Tools that a model may use: their declaration, their schema, and the code that runs them."""
