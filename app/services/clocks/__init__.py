"""The clock engine: what time counts, and when something is due. Pure; nothing here knows a database."""
