"""How fast the product is, beside a bare Starlette and asyncpg that run the same SQL."""
