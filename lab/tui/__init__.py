"""The screens: what exists, what is happening, and whether it is true."""
