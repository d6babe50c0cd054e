"""How good is it: data sets with known truth, and the field's measures on them."""
