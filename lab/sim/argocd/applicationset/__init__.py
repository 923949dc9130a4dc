"""ApplicationSets: what their generators give, and in which order a rolling sync lets Applications change."""
