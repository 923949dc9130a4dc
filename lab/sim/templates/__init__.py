"""Templates: Go's language with sprig's functions, and the older `{{ name }}` of ApplicationSets."""
