"""Components that are wrong on purpose, each in one way: the kit must reject every one, by the check that it names."""
