"""Reading files that people wrote: YAML with positions, so that every problem is said with its place."""
