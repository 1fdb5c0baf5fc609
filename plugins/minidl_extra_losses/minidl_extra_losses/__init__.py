"""More losses for minidl, one a file, each with its derivative by hand."""
