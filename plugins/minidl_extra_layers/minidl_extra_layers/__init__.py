"""More layers for minidl, each with its derivative by hand."""
