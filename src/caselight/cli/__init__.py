"""The command line: one file a command. A door parses, calls one verb, and renders; no rules."""
