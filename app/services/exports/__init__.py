"""Lists of customers that leave the house: asked for, approved by another, marked, and fetched once they are there."""
