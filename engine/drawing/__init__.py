"""The drawings of a chart: SVG, Mermaid, SCXML, tables and races, all as texts. No I/O."""
