"""Tables, plots and sheets of measured results."""
