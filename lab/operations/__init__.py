"""What a person can ask for. Both front ends call these; each returns a value from `lab.results`."""
