"""The C++ backend: sources and how they are built, once per machine."""
