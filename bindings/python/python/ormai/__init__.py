"""OrmAI."""
