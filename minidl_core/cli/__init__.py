"""The command line, one file a command.

Only this room prints: results on standard output, everything else on standard error.
"""
