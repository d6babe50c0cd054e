"""Measures of the field: recall, average precision, AUC, open-set curves."""
