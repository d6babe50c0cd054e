"""Studies that start servers or train networks in order to measure on data sets."""
