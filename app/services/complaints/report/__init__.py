"""The written report of a complaint: composed from the case, confirmed by a person, never changed again."""
