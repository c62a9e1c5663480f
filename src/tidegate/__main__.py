"""`python -m tidegate`, the command line; as torchrun starts it."""

from tidegate.cli import main

if __name__ == "__main__":
    main()
