"""Papers of customers: named, sealed, given out one by one, contracts kept twice."""
