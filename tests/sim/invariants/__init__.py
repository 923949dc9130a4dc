"""What holds in every state a real cluster can show, as rules over all objects at once: one module for each part."""
