"""Complete histories over virtual time: the real product in a simulated world, drawn from a seed."""
