"""How any collection of a REST API is fetched, batched, paged and changed. No word of Prefect stands here."""
