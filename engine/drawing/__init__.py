"""The drawings of a chart: SVG, Mermaid, SCXML, tables and races. Pure: texts out, no I/O."""
