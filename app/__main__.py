"""`crm`, and `python -m app`."""

import gc


def main() -> None:
    """Run the command that was typed.

    Python looks for garbage whenever 700 objects more are there than before. A start makes half a million that stay,
    and would go through them over and over: a quarter of its time.
    """
    gc.set_threshold(50_000)
    from app import cli  # noqa: PLC0415  # after that

    cli.main()


if __name__ == "__main__":
    main()
