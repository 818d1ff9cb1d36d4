"""How tokens of an event look at one another."""
