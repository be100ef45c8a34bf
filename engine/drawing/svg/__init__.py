"""SVG pictures of a chart: layout on a grid, and the canvas that draws it."""
