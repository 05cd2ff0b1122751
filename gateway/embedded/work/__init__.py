"""Work: pools, their queues, and the workers that ask for runs."""
