"""What is done. Reads are statements, writes are verbs; services form a ladder and siblings never meet."""
