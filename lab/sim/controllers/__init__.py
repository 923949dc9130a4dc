"""What moves a simulated cluster towards its objects: the controllers, on `lab.sim.client` only."""
